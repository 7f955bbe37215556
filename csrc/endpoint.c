/*
 * The table of endpoints: one row for each call of the service, with the pieces of its URL.
 *
 * Source: the Cloud Partner Portal API reference.
 * https://learn.microsoft.com/partner-center/marketplace-offers/cloud-partner-portal-api-overview
 * `publishers` and the filter by type are not in it; other clients use them
 * (doc/partner-center.md).
 *
 * `token` is the client credentials grant of Microsoft Entra: with a scope from the v2 endpoint,
 * else from the v1 endpoint.
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 *
 * `metadata` gets the token of a managed identity, from the instance metadata service or from App
 * Service. `authority_url` is the URL of that service, and `scope` the resource.
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 * https://learn.microsoft.com/azure/app-service/overview-managed-identity
 */
#include <string.h>

#include "lua_binding.h"

/* clang-format off */
#define TEXT(text) {text, LCPP_OPTION_COUNT, false, false}
#define VALUE(text, option) {text, LCPP_OPTION_##option, true, false}
#define VALUE_IF(text, option) {text, LCPP_OPTION_##option, true, true}
#define TEXT_IF(text, option) {text, LCPP_OPTION_##option, false, true}

#define PUBLISHER VALUE("/api/publishers/", PUBLISHER)
#define OFFER PUBLISHER, VALUE("/offers/", OFFER)
#define API_VERSION VALUE("?api-version=", API_VERSION)

static const struct lcpp_endpoint endpoints[] = {
  {"cancel", LCPP_POST, LCPP_HOST_SERVICE, LCPP_BODY_NOTIFICATION, {OFFER, TEXT("/cancel"), API_VERSION}},
  {"publish", LCPP_POST, LCPP_HOST_SERVICE, LCPP_BODY_METADATA, {OFFER, TEXT("/publish"), API_VERSION}},
  {"go_live", LCPP_POST, LCPP_HOST_SERVICE, LCPP_BODY_NOTIFICATION, {OFFER, TEXT("/golive"), API_VERSION}},
  {"operation", LCPP_GET, LCPP_HOST_SERVICE, LCPP_BODY_NONE, {OFFER, VALUE("/operations/", OPERATION_ID), API_VERSION}},
  {"operations", LCPP_GET, LCPP_HOST_SERVICE, LCPP_BODY_NONE,
   {OFFER, TEXT("/submissions/"), API_VERSION, VALUE_IF("&status=", STATUS)}},
  {"publishers", LCPP_GET, LCPP_HOST_SERVICE, LCPP_BODY_NONE, {TEXT("/api/publishers"), API_VERSION}},
  {"offers", LCPP_GET, LCPP_HOST_SERVICE, LCPP_BODY_NONE,
   {PUBLISHER, TEXT("/offers"), API_VERSION, VALUE_IF("&%24filter=offerTypeId%20eq%20%27", TYPE), TEXT_IF("%27", TYPE)}},
  {"offer", LCPP_GET, LCPP_HOST_SERVICE, LCPP_BODY_NONE,
   {OFFER, VALUE_IF("/versions/", VERSION), VALUE_IF("/slot/", SLOT), API_VERSION}},
  {"offer_status", LCPP_GET, LCPP_HOST_SERVICE, LCPP_BODY_NONE, {OFFER, TEXT("/status"), API_VERSION}},
  {"location", LCPP_GET, LCPP_HOST_SERVICE, LCPP_BODY_NONE, {VALUE("", LOCATION)}},
  {"token", LCPP_POST, LCPP_HOST_AUTHORITY, LCPP_BODY_CREDENTIALS,
   {VALUE("/", TENANT), TEXT("/oauth2"), TEXT_IF("/v2.0", SCOPE), TEXT("/token")}},
  {"metadata", LCPP_GET, LCPP_HOST_METADATA, LCPP_BODY_NONE,
   {API_VERSION, VALUE("&resource=", SCOPE), VALUE_IF("&client_id=", CLIENT_ID)}},
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

void lcpp_endpoint_push(lua_State *L) {
  lua_newtable(L);
  for (const struct lcpp_endpoint *row = endpoints; row < endpoints + ENDPOINT_COUNT; row++) {
    if (row->host == LCPP_HOST_SERVICE && row->url[0].option != LCPP_OPTION_LOCATION) {
      lua_createtable(L, 0, 2);
      lua_pushstring(L, row->name);
      lua_setfield(L, -2, "name");
      lua_pushstring(L, row->method == LCPP_POST ? "POST" : "GET");
      lua_setfield(L, -2, "method");
      lua_rawseti(L, -2, luaL_len(L, -2) + 1);
    }
  }
}

void lcpp_endpoint_require(lua_State *L, const struct lcpp_endpoint *endpoint,
                           const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  for (const struct lcpp_piece *piece = endpoint->url; piece->text != NULL; piece++) {
    if (piece->has_value && !piece->optional && !values[piece->option].given) {
      lcpp_misuse(L, "%s: expected a non-empty string, got nil", lcpp_option_name(piece->option));
    }
  }
}

/* A URL has a base URL, up to five names and values, and text in between; percent-encoding triples
 * a name. lua_options.c checks the limit of each. */
_Static_assert(LCPP_BASE_LIMIT + 5 * 3 * LCPP_NAME_LIMIT + 256 <= LCPP_URL_LIMIT,
               "options within their limits make a URL within its own");

char *lcpp_endpoint_url(const struct lcpp_endpoint *endpoint, const struct lcpp_origin *origin,
                        const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  struct lcpp_buffer url = {0};
  lcpp_buffer_append(&url, origin->prefix, strlen(origin->prefix), LCPP_URL_LIMIT);
  if (endpoint->url[0].text[0] == '?' && lcpp_url_target(origin->prefix)[0] == '\0') {
    lcpp_buffer_append(&url, "/", 1, LCPP_URL_LIMIT);
  }
  for (const struct lcpp_piece *piece = endpoint->url; piece->text != NULL; piece++) {
    if (piece->optional && !values[piece->option].given) {
      continue;
    }
    lcpp_buffer_append(&url, piece->text, strlen(piece->text), LCPP_URL_LIMIT);
    if (piece->has_value) {
      const struct lcpp_value *value = &values[piece->option];
      lcpp_url_append_escaped(&url, value->text, value->length);
    }
  }
  if (lcpp_buffer_append(&url, "", 1, LCPP_URL_LIMIT) != LCPP_BUFFER_OK) {
    lcpp_buffer_free(&url);
  }
  return url.data; /* the caller frees it */
}
