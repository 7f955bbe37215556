/*
 * The table of endpoints: every call of the service is one row, whose path and query are templates
 * of its URL.
 *
 * Adding a call is adding a row: URL building, origin check, limits and errors follow from it.
 *
 * Source: the Cloud Partner Portal API reference, "Cancel operation", "Publish an offer", "Go
 * live", "Retrieve operations", "Retrieve offers", "Retrieve a specific offer", "Retrieve offer
 * status":
 * https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-overview
 * `publishers` and the filter by type are not in the reference; other clients of the service use
 * them (doc/partner-center.md). `token` is the client credentials grant of Microsoft Entra: by
 * scope the v2 endpoint, else the v1 endpoint.
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 * `metadata` gets the token of a managed identity, with its URL as `authority_url` and the resource
 * as `scope`: from the instance metadata service, or from App Service.
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 * https://learn.microsoft.com/azure/app-service/overview-managed-identity
 */
#include <stdint.h>
#include <string.h>

#include "lua_binding.h"

#define PUBLISHER "/api/publishers/{publisher}"
#define OFFER PUBLISHER "/offers/{offer}"
#define ONE_VERSION "[version?/versions/{version}][slot?/slot/{slot}]"
#define BY_STATUS "[status?&status={status}]"
#define OF_IDENTITY "&resource={scope}[client_id?&client_id={client_id}]"
#define BY_TYPE "[type?&%24filter=offerTypeId%20eq%20%27{type}%27]"

/* clang-format off */
static const struct lcpp_endpoint endpoints[] = {
  /* name          method     host                 path, query                                  versioned body */
  {"cancel",       LCPP_POST, LCPP_HOST_SERVICE,   OFFER "/cancel", NULL,                       true,  LCPP_BODY_NOTIFICATION},
  {"publish",      LCPP_POST, LCPP_HOST_SERVICE,   OFFER "/publish", NULL,                      true,  LCPP_BODY_METADATA},
  {"go_live",      LCPP_POST, LCPP_HOST_SERVICE,   OFFER "/golive", NULL,                       true,  LCPP_BODY_NOTIFICATION},
  {"operation",    LCPP_GET,  LCPP_HOST_SERVICE,   OFFER "/operations/{operation_id}", NULL,    true,  LCPP_BODY_NONE},
  {"operations",   LCPP_GET,  LCPP_HOST_SERVICE,   OFFER "/submissions/", BY_STATUS,            true,  LCPP_BODY_NONE},
  {"publishers",   LCPP_GET,  LCPP_HOST_SERVICE,   "/api/publishers", NULL,                     true,  LCPP_BODY_NONE},
  {"offers",       LCPP_GET,  LCPP_HOST_SERVICE,   PUBLISHER "/offers", BY_TYPE,                true,  LCPP_BODY_NONE},
  {"offer",        LCPP_GET,  LCPP_HOST_SERVICE,   OFFER ONE_VERSION, NULL,                     true,  LCPP_BODY_NONE},
  {"offer_status", LCPP_GET,  LCPP_HOST_SERVICE,   OFFER "/status", NULL,                       true,  LCPP_BODY_NONE},
  {"location",     LCPP_GET,  LCPP_HOST_SERVICE,   NULL, NULL,                                  true,  LCPP_BODY_NONE},
  {"token",        LCPP_POST, LCPP_HOST_AUTHORITY, "/{tenant}/oauth2[scope?/v2.0]/token", NULL, false, LCPP_BODY_CREDENTIALS},
  {"metadata",     LCPP_GET,  LCPP_HOST_METADATA,  "", OF_IDENTITY,                             true,  LCPP_BODY_NONE},
};
/* clang-format on */

enum { ENDPOINT_COUNT = sizeof endpoints / sizeof endpoints[0] };

const struct lcpp_endpoint *lcpp_endpoint_find(const char *name) {
  for (size_t i = 0; i < ENDPOINT_COUNT; i++) {
    if (strcmp(endpoints[i].name, name) == 0) {
      return &endpoints[i];
    }
  }
  return NULL;
}

const struct lcpp_endpoint *lcpp_endpoint_at(size_t position) {
  return position < ENDPOINT_COUNT ? &endpoints[position] : NULL;
}

/* What the templates may name: {name}, percent-encoded, or [name?...], what is there
 * only where that option is given. */
static const struct {
  const char *name;
  enum lcpp_option option;
} names[] = {{"publisher", LCPP_OPTION_PUBLISHER},
             {"offer", LCPP_OPTION_OFFER},
             {"operation_id", LCPP_OPTION_OPERATION_ID},
             {"status", LCPP_OPTION_STATUS},
             {"version", LCPP_OPTION_VERSION},
             {"slot", LCPP_OPTION_SLOT},
             {"type", LCPP_OPTION_TYPE},
             {"tenant", LCPP_OPTION_TENANT},
             {"client_id", LCPP_OPTION_CLIENT_ID},
             {"scope", LCPP_OPTION_SCOPE}};
enum { NAMES = sizeof names / sizeof names[0] };

/* The name behind a `{` or `[` of a template, and *end: what follows its `}` or `?`. NAMES: none.
 */
static size_t find_name(const char *at, const char **end) {
  char closing = *at == '{' ? '}' : '?';
  for (size_t i = 0; i < NAMES; i++) {
    size_t length = strlen(names[i].name);
    if (strncmp(at + 1, names[i].name, length) == 0 && at[1 + length] == closing) {
      *end = at + length + 2;
      return i;
    }
  }
  return NAMES; /* GCOV_EXCL_LINE: a mistake in the table above */
}

static void check_template(lua_State *L, const char *endpoint, const char *template) {
  const char *end = template;
  for (const char *at = template; at != NULL && *(at += strcspn(at, "{[")) != '\0'; at++) {
    if (find_name(at, &end) == NAMES || (*at == '[' && strchr(end, ']') == NULL)) {
      /* GCOV_EXCL_START */
      luaL_error(L, "endpoint '%s': unknown option in its path or query: %s", endpoint, at);
      /* GCOV_EXCL_STOP */
    }
  }
}

void lcpp_endpoint_open(lua_State *L) {
  for (size_t i = 0; i < ENDPOINT_COUNT; i++) {
    check_template(L, endpoints[i].name, endpoints[i].path);
    check_template(L, endpoints[i].name, endpoints[i].query);
  }
}

void lcpp_endpoint_require(lua_State *L, const struct lcpp_endpoint *endpoint,
                           const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  const char *at = endpoint->path;
  if (at == NULL && !values[LCPP_OPTION_LOCATION].given) {
    lcpp_misuse(L, "location: expected a non-empty string, got nil");
  }
  while (at != NULL && *(at += strcspn(at, "{[")) != '\0') {
    const char *end = at;
    size_t i = find_name(at, &end);
    if (*at == '{' && !values[names[i].option].given) {
      lcpp_misuse(L, "%s: expected a non-empty string, got nil", names[i].name);
    }
    at = *at == '[' ? end + strcspn(end, "]") : end;
  }
}

static void append_template(struct lcpp_buffer *url, const char *template,
                            const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  const char *at = template;
  while (*at != '\0') {
    size_t literal = strcspn(at, "{[]");
    lcpp_buffer_append(url, at, literal, LCPP_URL_LIMIT);
    at += literal;
    if (*at == ']') {
      at++;
    } else if (*at != '\0') {
      const char *end = at;
      const struct lcpp_value *value = &values[names[find_name(at, &end)].option];
      if (*at == '{') {
        lcpp_url_append_escaped(url, value->text, value->length);
      } else if (!value->given) {
        end += strcspn(end, "]");
      }
      at = end;
    }
  }
}

/* A URL is a base URL, a path and a query of up to three names, api-version, and what is in
 * between; percent-encoding triples a name. lua_options.c holds each to its limit. */
_Static_assert(LCPP_BASE_LIMIT + 5 * 3 * LCPP_NAME_LIMIT + 256 <= LCPP_URL_LIMIT,
               "options within their limits make a URL within its own");

char *lcpp_endpoint_url(const struct lcpp_endpoint *endpoint, const struct lcpp_origin *origin,
                        const char *api_version,
                        const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  struct lcpp_buffer url = {0};
  lcpp_buffer_append(&url, origin->prefix, strlen(origin->prefix), LCPP_URL_LIMIT);
  bool bare = endpoint->path[0] == '\0' && strcmp(origin->prefix, origin->root) == 0;
  append_template(&url, bare ? "/" : endpoint->path, values);
  if (endpoint->versioned) {
    lcpp_url_append_field(&url, "?api-version=", api_version, strlen(api_version));
  }
  if (endpoint->query != NULL) {
    append_template(&url, endpoint->query, values);
  }
  if (lcpp_buffer_append(&url, "", 1, LCPP_URL_LIMIT) != LCPP_BUFFER_OK) {
    lcpp_buffer_free(&url);
  }
  return url.data; /* its ownership passes on */
}
