/*
 * client:start: from a call's options to a running request.
 *
 * Everything that can raise comes first, while the request owns whatever was acquired; from the
 * URL on it is C alone, and what goes wrong is the request's outcome.
 */
#include <string.h>

#include "lcpp.h"

static const struct {
  const char *name;
  enum lcpp_option option;
} segments[] = {{"{publisher}", LCPP_OPTION_PUBLISHER},
                {"{offer}", LCPP_OPTION_OFFER},
                {"{operation_id}", LCPP_OPTION_OPERATION_ID},
                {"{tenant}", LCPP_OPTION_TENANT}};
enum { SEGMENTS = sizeof segments / sizeof segments[0] };

/* Raises when the call lacks what the endpoint's URL is made of. */
static void require_options(lua_State *L, const struct lcpp_endpoint *endpoint,
                            const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  if (endpoint->path == NULL && !values[LCPP_OPTION_LOCATION].given) {
    lcpp_misuse(L, "location: expected a non-empty string, got nil");
  }
  for (size_t i = 0; endpoint->path != NULL && i < SEGMENTS; i++) {
    if (strstr(endpoint->path, segments[i].name) != NULL && !values[segments[i].option].given) {
      lcpp_misuse(L, "%s: expected a non-empty string, got nil",
                  lcpp_option_name(segments[i].option));
    }
  }
}

/* Appends the path of a template, each {option} as one percent-encoded segment. */
static void append_path(struct lcpp_buf *url, const char *template,
                        const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  while (*template != '\0') {
    size_t literal = strcspn(template, "{");
    lcpp_buf_append(url, template, literal, LCPP_URL_LIMIT);
    template += literal;
    for (size_t i = 0; i < SEGMENTS && *template == '{'; i++) {
      size_t length = strlen(segments[i].name);
      if (strncmp(template, segments[i].name, length) == 0) {
        const struct lcpp_value *value = &values[segments[i].option];
        lcpp_url_append_escaped(url, value->text, value->length);
        template += length;
      }
    }
  }
}

/* A URL is a base, a path of up to three names or two and a filter, api-version, and what stands
 * in between; percent-encoding triples a name. options.c holds each to its limit. */
_Static_assert(LCPP_BASE_LIMIT + 4 * 3 * LCPP_NAME_LIMIT + 256 <= LCPP_URL_LIMIT,
               "options within their limits make a URL within its own");

_Static_assert(LCPP_TOKEN_LIMIT + LCPP_NAME_LIMIT + 256 <= LCPP_HEADER_LIMIT,
               "a token and an id within their limits make header lines within theirs");

/* The URL of an endpoint with a path: the base URL, as the URL API wrote it, and behind it only
 * what is escaped. Raises nothing, and fails for want of memory only; *url is for free. */
static enum lcpp_url_status build_url(const struct lcpp_endpoint *endpoint,
                                      const struct lcpp_base *base, const char *api_version,
                                      const struct lcpp_value values[LCPP_OPTION_COUNT],
                                      char **url) {
  struct lcpp_buf text = {0};
  const struct lcpp_value *filter = &values[LCPP_OPTION_STATUS];
  lcpp_buf_append(&text, base->prefix, strlen(base->prefix), LCPP_URL_LIMIT);
  append_path(&text, endpoint->path, values);
  if (endpoint->versioned) {
    lcpp_url_append_field(&text, "?api-version=", api_version, strlen(api_version));
  }
  if (endpoint->filter && filter->given) {
    lcpp_url_append_field(&text, "&status=", filter->text, filter->length);
  }
  if (lcpp_buf_append(&text, "", 1, LCPP_URL_LIMIT) != LCPP_BUF_OK) {
    lcpp_buf_free(&text);
    return LCPP_URL_MEMORY;
  }
  *url = text.data; /* its ownership passes on */
  return LCPP_URL_OK;
}

/* Starts the transfer, or ends it at once with the reason why it must not be sent. From here on
 * nothing raises. */
static void start(struct lcpp_client *client, struct lcpp_request *request, struct lcpp_plan *plan,
                  const struct lcpp_base *base, const char *api_version,
                  const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  const char *why = "";
  enum lcpp_url_status status =
      plan->endpoint->path != NULL
          ? build_url(plan->endpoint, base, api_version, values, &plan->url)
          : lcpp_url_poll(base, values[LCPP_OPTION_LOCATION].text, api_version, &plan->url, &why);
  if (status == LCPP_URL_OK) {
    lcpp_transfer_start(client->http, &request->transfer, plan);
  } else if (status == LCPP_URL_MEMORY) {
    lcpp_transfer_refuse(client->http, &request->transfer, plan, LCPP_NETWORK, "out of memory");
  } else {
    char message[128] = "the location is refused: ";
    strncat(message, why, sizeof message - strlen(message) - 1);
    lcpp_transfer_refuse(client->http, &request->transfer, plan, LCPP_UNTRUSTED, message);
  }
}

/* The profile of a call that overrides its client's; false when it overrides nothing. */
static bool read_profile(const struct lcpp_client *client, struct lcpp_profile *profile,
                         const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  *profile = client->profile;
  if (values[LCPP_OPTION_USER_AGENT].given) {
    profile->user_agent = values[LCPP_OPTION_USER_AGENT].text;
  }
  if (values[LCPP_OPTION_CA_FILE].given) {
    profile->ca_file = values[LCPP_OPTION_CA_FILE].text;
  }
  if (values[LCPP_OPTION_PROXY].given) {
    profile->proxy = values[LCPP_OPTION_PROXY].text;
  }
  profile->connect_timeout_ms =
      lcpp_milliseconds(&values[LCPP_OPTION_CONNECT_TIMEOUT], profile->connect_timeout_ms);
  return values[LCPP_OPTION_USER_AGENT].given || values[LCPP_OPTION_CA_FILE].given ||
         values[LCPP_OPTION_PROXY].given || values[LCPP_OPTION_CONNECT_TIMEOUT].given;
}

/* The base URL that the endpoint's path goes under: the call's own, or the client's. */
static const struct lcpp_base *read_base(lua_State *L, const struct lcpp_client *client,
                                         struct lcpp_request *request,
                                         const struct lcpp_endpoint *endpoint,
                                         const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  bool service = endpoint->host == LCPP_HOST_SERVICE;
  enum lcpp_option option = service ? LCPP_OPTION_BASE_URL : LCPP_OPTION_AUTHORITY_URL;
  if (values[option].given) {
    lcpp_read_base(L, &request->base, lcpp_option_name(option), values[option].text);
    return &request->base;
  }
  return service ? &client->base : &client->authority;
}

/* Gives the request on top the id that it carries, for its result: the one given in this call, in
 * its options, in the client's, or a new one. */
static const char *set_request_id(lua_State *L, struct lcpp_client *client, const char *given,
                                  const struct lcpp_value *option) {
  char uuid[LCPP_UUID_SIZE];
  if (given == NULL) {
    given = option->given ? option->text : client->client_request_id;
  }
  if (given == NULL) {
    lcpp_http_uuid(client->http, uuid);
    given = uuid;
  }
  const char *id = lua_pushstring(L, given);
  lua_setiuservalue(L, -2, LCPP_REQUEST_ID);
  return id;
}

/* Puts the request on top into its client's care, which keeps it alive from here on. */
static void keep(lua_State *L, struct lcpp_request *request) {
  if (lua_getiuservalue(L, 1, LCPP_CLIENT_REQUESTS) == LUA_TTABLE) { /* else it is closed */
    lua_pushvalue(L, -2);
    request->place = luaL_ref(L, -2);
  }
  lua_pop(L, 1);
}

/* Reads and checks what start and check are given: endpoint at index 2, options at index 3. */
static const struct lcpp_endpoint *read_call(lua_State *L,
                                             struct lcpp_value values[LCPP_OPTION_COUNT]) {
  const char *name = luaL_checkstring(L, 2);
  const struct lcpp_endpoint *endpoint = lcpp_endpoint_find(name);
  if (endpoint != NULL) {
    lcpp_options_read(L, 3, LCPP_OF_CALL, values);
    require_options(L, endpoint, values);
    return endpoint;
  }
  lcpp_misuse(L, "there is no endpoint '%s'", name);
}

/* client:check(endpoint, options): raises what start would raise of them, and starts nothing. For
 * callers that have work to do before they can start, such as getting a token. */
int lcpp_client_check(lua_State *L) {
  struct lcpp_value values[LCPP_OPTION_COUNT];
  const struct lcpp_client *client = lcpp_check_client(L);
  lua_settop(L, 3);
  const struct lcpp_endpoint *endpoint = read_call(L, values);
  struct lcpp_request *request = lcpp_request_new(L, 1); /* owns what the checks acquire */
  read_base(L, client, request, endpoint, values);
  lcpp_append_body(L, &request->transfer.request_body, endpoint, values);
  return 0;
}

/* client:start(endpoint, options, token, client_request_id, timeout) -> request, place
 *
 * endpoint: a name of the table in endpoints.c. options: those of options.c. token: the bearer
 * token, or nil for none. client_request_id: the id to send, or nil for the option's (the
 * call's, or the client's) or a new one.
 * timeout: seconds that this request may take, or nil for the option.
 * Raises on misuse. A location that must not get the token is no misuse but the outcome of the
 * request: kind `untrusted`. The place is that of request:place, or nil when there is nothing to
 * wait for: the request is done already. The request runs until it is done, aborted, or its client
 * is closed, whether or not anybody holds it. */
int lcpp_client_start(lua_State *L) {
  struct lcpp_client *client = lcpp_check_client(L);
  lua_settop(L, 6);
  struct lcpp_value values[LCPP_OPTION_COUNT];
  const struct lcpp_endpoint *endpoint = read_call(L, values);
  size_t token_length = 0;
  size_t id_length = 0;
  const char *token = luaL_optlstring(L, 4, NULL, &token_length);
  const char *request_id = luaL_optlstring(L, 5, NULL, &id_length);
  lcpp_check_request_id(L, request_id, id_length);
  if (!lua_isnil(L, 6)) {
    double seconds = luaL_checknumber(L, 6);
    luaL_argcheck(L, seconds > 0 && seconds <= LCPP_MAX_SECONDS, 6, "seconds expected");
    values[LCPP_OPTION_TIMEOUT] = (struct lcpp_value){.given = true, .number = seconds};
  }
  if (token != NULL && token != client->checked_token) {
    lcpp_check_token(L, token, token_length);
    lua_pushvalue(L, 4);
    lua_setiuservalue(L, 1, LCPP_CLIENT_TOKEN);
    client->checked_token = token;
  }
  if (token != NULL && endpoint->host != LCPP_HOST_SERVICE) {
    lcpp_misuse(L, "token: endpoint '%s' takes none", endpoint->name);
  }
  struct lcpp_request *request = lcpp_request_new(L, 1);
  const struct lcpp_base *base = read_base(L, client, request, endpoint, values);
  lcpp_append_body(L, &request->transfer.request_body, endpoint, values);
  lcpp_check_client(L);
  const char *id = set_request_id(L, client, request_id, &values[LCPP_OPTION_CLIENT_REQUEST_ID]);
  keep(L, request);
  /* Wherever Lua allocates, a finaliser may have closed the client. From here on it does not. */
  lcpp_check_client(L);
  struct lcpp_profile profile;
  bool overrides = read_profile(client, &profile, values);
  const struct lcpp_value *version = &values[LCPP_OPTION_API_VERSION];
  const struct lcpp_value *limit = &values[LCPP_OPTION_MAX_RESPONSE_BYTES];
  struct lcpp_plan plan = {
      .endpoint = endpoint,
      .profile = overrides ? &profile : NULL,
      .plain = base->plain,
      .token = token,
      .client_request_id = id,
      .timeout_ms = lcpp_milliseconds(&values[LCPP_OPTION_TIMEOUT], client->timeout_ms),
      .max_response_bytes = limit->given ? (size_t)limit->number : client->max_response_bytes,
  };
  if (values[LCPP_OPTION_MAX_CONNECTIONS].given) {
    lcpp_http_limit(client->http, (long)values[LCPP_OPTION_MAX_CONNECTIONS].number);
  }
  start(client, request, &plan, base, version->given ? version->text : client->api_version, values);
  if (request->transfer.state == LCPP_DONE) {
    return 1;
  }
  lua_pushinteger(L, request->place);
  return 2;
}
