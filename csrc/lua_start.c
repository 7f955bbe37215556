/*
 * client:start: makes a running request from the options of a call.
 *
 * Everything that can raise comes first, while the request owns whatever was acquired. From the URL
 * on only C code runs, and a failure becomes the outcome of the request.
 */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "lua_binding.h"

/* Sets the URL of the request. On failure there is none, and *why may have the reason. Never
 * raises. */
static enum lcpp_url_status set_url(struct lcpp_request *request, const struct lcpp_origin *origin,
                                    const struct lcpp_value values[LCPP_OPTION_COUNT],
                                    const char **why) {
  struct lcpp_transfer *transfer = &request->transfer;
  if (request->endpoint->url[0].option != LCPP_OPTION_LOCATION) {
    transfer->url = lcpp_endpoint_url(request->endpoint, origin, values);
    return LCPP_URL_OK;
  }
  return lcpp_url_poll(origin, values[LCPP_OPTION_LOCATION].text,
                       values[LCPP_OPTION_API_VERSION].text, &transfer->url, why);
}

/* Starts the transfer, or ends it at once with the reason why it must not be sent. Raises nothing.
 */
static void start(struct lcpp_engine *engine, struct lcpp_request *request,
                  const struct lcpp_request_head *head,
                  const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  struct lcpp_transfer *transfer = &request->transfer;
  const char *why = NULL;
  enum lcpp_url_status status = set_url(request, head->origin, values, &why);
  if (transfer->url != NULL) {
    lcpp_engine_start(engine, transfer, head);
  } else if (status == LCPP_URL_OK || status == LCPP_URL_MEMORY) {
    lcpp_engine_refuse(engine, transfer, LCPP_NETWORK, "out of memory");
  } else {
    lcpp_engine_refuse(engine, transfer, LCPP_UNTRUSTED, why);
  }
}

/* The profile of a call that overrides its client's; returns false if it overrides nothing. */
static bool read_profile(const struct lcpp_client *client, struct lcpp_profile *profile,
                         const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  const struct lcpp_value *user_agent = &values[LCPP_OPTION_USER_AGENT];
  const struct lcpp_value *ca_file = &values[LCPP_OPTION_CA_FILE];
  const struct lcpp_value *proxy = &values[LCPP_OPTION_PROXY];
  const struct lcpp_value *timeout = &values[LCPP_OPTION_CONNECT_TIMEOUT];
  *profile = (struct lcpp_profile){
      .user_agent = user_agent->given ? user_agent->text : client->profile.user_agent,
      .ca_file = ca_file->given ? ca_file->text : client->profile.ca_file,
      .proxy = proxy->given ? proxy->text : client->profile.proxy,
      .connect_timeout_ms = lcpp_milliseconds(timeout, client->profile.connect_timeout_ms),
  };
  return user_agent->given || ca_file->given || proxy->given || timeout->given;
}

/* The origin that the endpoint belongs to: the call's own, or the client's. That of metadata is
 * always the call's own. */
static const struct lcpp_origin *read_origin(lua_State *L, const struct lcpp_client *client,
                                             struct lcpp_request *request,
                                             const struct lcpp_endpoint *endpoint,
                                             const struct lcpp_value values[LCPP_OPTION_COUNT]) {
  bool service = endpoint->host == LCPP_HOST_SERVICE;
  bool metadata = endpoint->host == LCPP_HOST_METADATA;
  enum lcpp_option option = service ? LCPP_OPTION_BASE_URL : LCPP_OPTION_AUTHORITY_URL;
  if (values[option].given || metadata) {
    lcpp_read_origin(L, &request->origin, metadata ? LCPP_REACH_METADATA : LCPP_REACH_SERVICE,
                     lcpp_option_name(option), values[option].given ? values[option].text : "");
    return &request->origin;
  }
  return service ? &client->service : &client->authority;
}

/* Writes a random UUID (version 4; RFC 9562) and a NUL. */
static void make_uuid(struct lcpp_client *client, char uuid[LCPP_UUID_LENGTH + 1]) {
  static const char digits[] = "0123456789abcdef";
  if (client->random_left < 16) {
    if (getentropy(client->random, sizeof client->random) != 0) {
      memset(client->random, 0, sizeof client->random); /* an id is for logs: never a failure */
    }
    client->random_left = sizeof client->random;
  }
  client->random_left -= 16;
  unsigned char *bytes = client->random + client->random_left;
  bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
  bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
  char *at = uuid;
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      *at++ = '-';
    }
    *at++ = digits[bytes[i] >> 4];
    *at++ = digits[bytes[i] & 0x0f];
  }
  *at = '\0';
}

/* Gives the request on top the id that it carries: the one given in this call, in its options, in
 * the client's, or a new one. */
static const char *set_request_id(lua_State *L, struct lcpp_client *client, const char *given,
                                  const struct lcpp_value *option) {
  char uuid[LCPP_UUID_LENGTH + 1];
  if (given == NULL) {
    given = option->given ? option->text : client->client_request_id;
  }
  if (given == NULL) {
    make_uuid(client, uuid);
    given = uuid;
  }
  const char *id = lua_pushstring(L, given);
  lua_setiuservalue(L, -2, LCPP_REQUEST_CLIENT_ID);
  return id;
}

/* Has the client keep the request on top alive until it is claimed. */
static void keep(lua_State *L, struct lcpp_request *request) {
  if (lua_getiuservalue(L, 1, LCPP_CLIENT_REQUESTS) == LUA_TTABLE) { /* else it is closed */
    lua_pushvalue(L, -2);
    request->index = luaL_ref(L, -2);
  }
  lua_pop(L, 1);
}

/* Raises if the client is closed, as a finaliser may do wherever Lua allocates, or its parent's. */
static void require_usable(lua_State *L, const struct lcpp_client *client) {
  if (client->engine == NULL) {
    lcpp_misuse(L, "the client is closed");
  }
  if (!lcpp_engine_is_ours(client->engine)) {
    lcpp_misuse(L, "the client belongs to the parent process: make a new one after fork");
  }
}

struct lcpp_client *lcpp_check_client(lua_State *L) {
  struct lcpp_client *client = lcpp_to_object(L, LCPP_CLIENT);
  require_usable(L, client);
  return client;
}

/* GCOV_EXCL_START: never called */
static int held(lua_State *L) {
  (void)L;
  return 0;
}
/* GCOV_EXCL_STOP */

void lcpp_hide_top(lua_State *L) {
  lua_pushcclosure(L, held, 1);
}

/* Checks the secret of App Service, which becomes a header's value. */
static void check_identity_header(lua_State *L, const struct lcpp_value *secret) {
  for (size_t i = 0; i < secret->length; i++) {
    if (secret->text[i] <= ' ' || secret->text[i] > '~') {
      lcpp_misuse(L, "client_secret: expected printable ASCII characters");
    }
  }
}

/* Reads and checks what start and check are given: endpoint at index 2, options at index 3. The
 * client's api_version is filled in. */
static const struct lcpp_endpoint *read_call(lua_State *L, const struct lcpp_client *client,
                                             struct lcpp_value values[LCPP_OPTION_COUNT]) {
  const char *name = luaL_checkstring(L, 2);
  const struct lcpp_endpoint *endpoint = lcpp_endpoint_find(name);
  if (endpoint != NULL) {
    lcpp_options_read(L, 3, LCPP_OF_CALL, values);
    if (!values[LCPP_OPTION_API_VERSION].given) {
      values[LCPP_OPTION_API_VERSION] = client->api_version;
    }
    lcpp_endpoint_require(L, endpoint, values);
    if (endpoint->host == LCPP_HOST_METADATA) {
      check_identity_header(L, &values[LCPP_OPTION_CLIENT_SECRET]);
    }
    return endpoint;
  }
  lcpp_misuse(L, "there is no endpoint '%s'", name);
}

int lcpp_client_check(lua_State *L) {
  struct lcpp_client *client = lcpp_check_client(L);
  lua_settop(L, 3);
  struct lcpp_value values[LCPP_OPTION_COUNT];
  const struct lcpp_endpoint *endpoint = read_call(L, client, values);
  struct lcpp_request *request = lcpp_request_new(L, 1); /* owns what is parsed */
  read_origin(L, client, request, endpoint, values);
  lcpp_body_append(L, &request->transfer.request_body, endpoint, values);
  return 0;
}

/* Checks the token at index 4, unless it is the one that was checked last. */
static const char *read_token(lua_State *L, struct lcpp_client *client,
                              const struct lcpp_endpoint *endpoint) {
  size_t length = 0;
  const char *token = luaL_optlstring(L, 4, NULL, &length);
  if (token != NULL && token != client->checked_token) {
    lcpp_check_token(L, token, length);
    lua_pushvalue(L, 4);
    lcpp_hide_top(L);
    require_usable(L, client); /* a finaliser may have closed it */
    lua_setiuservalue(L, 1, LCPP_CLIENT_TOKEN);
    client->checked_token = token;
  }
  if (token != NULL && endpoint->host != LCPP_HOST_SERVICE) {
    lcpp_misuse(L, "token: endpoint '%s' takes no token", endpoint->name);
  }
  return token;
}

/* The timeout at index 6, or the option's, or the client's. */
static long read_timeout(lua_State *L, const struct lcpp_client *client, struct lcpp_value value) {
  if (!lua_isnil(L, 6)) {
    value = (struct lcpp_value){.given = true, .number = luaL_checknumber(L, 6)};
    luaL_argcheck(L, value.number > 0 && value.number <= (double)LCPP_MAX_SECONDS, 6,
                  "seconds expected");
  }
  return lcpp_milliseconds(&value, client->timeout_ms);
}

/* Pushes a request, and sets what client:start and client:describe send of it, but for its URL.
 * `profile` has room for the call's own. */
static struct lcpp_request *prepare(lua_State *L, struct lcpp_client *client,
                                    const struct lcpp_endpoint *endpoint,
                                    const struct lcpp_value values[LCPP_OPTION_COUNT],
                                    const char *client_request_id, struct lcpp_request_head *head,
                                    struct lcpp_profile *profile) {
  head->post = endpoint->method == LCPP_POST;
  head->form = endpoint->body == LCPP_BODY_CREDENTIALS;
  if (endpoint->host == LCPP_HOST_SERVICE) {
    head->headers = values[LCPP_OPTION_HEADERS].text;
    head->client_headers = client->headers;
  }
  struct lcpp_request *request = lcpp_request_new(L, 1);
  request->endpoint = endpoint;
  head->origin = read_origin(L, client, request, endpoint, values);
  head->own_origin = head->origin == &request->origin;
  lcpp_body_append(L, &request->transfer.request_body, endpoint, values);
  require_usable(L, client);
  head->client_request_id =
      set_request_id(L, client, client_request_id, &values[LCPP_OPTION_CLIENT_REQUEST_ID]);
  head->profile = read_profile(client, profile, values) ? profile : NULL;
  return request;
}

/* A request for a token is not described: it holds a secret. */
int lcpp_client_describe(lua_State *L) {
  struct lcpp_client *client = lcpp_check_client(L);
  lua_settop(L, 3);
  struct lcpp_value values[LCPP_OPTION_COUNT];
  const struct lcpp_endpoint *endpoint = read_call(L, client, values);
  if (endpoint->host != LCPP_HOST_SERVICE) {
    lcpp_misuse(L, "endpoint '%s' cannot be described", endpoint->name);
  }
  struct lcpp_request_head head = {0};
  struct lcpp_profile profile;
  struct lcpp_request *request = prepare(L, client, endpoint, values, NULL, &head, &profile);
  struct lcpp_buffer *text = &request->transfer.request_body;
  lua_pushlstring(L, text->length > 0 ? text->data : "", text->length);
  int body = lua_gettop(L);
  size_t body_length = text->length;
  lcpp_buffer_clear(text);
  require_usable(L, client); /* as above. From here on nothing is allocated in Lua */
  const char *why = NULL;
  set_url(request, head.origin, values, &why);
  head.profile = &profile;
  if (!lcpp_transfer_describe(&head, body_length, text)) {
    return luaL_error(L, "not enough memory");
  }
  lua_pushstring(L, head.post ? "POST" : "GET");
  lua_pushstring(L, request->transfer.url);
  lua_pushlstring(L, text->data, text->length);
  lua_pushvalue(L, body);
  return 4;
}

/* client:start(endpoint, options, token, client_request_id, timeout) -> request, index
 *
 * Raises on misuse. A location that must not get the token is not misuse but the outcome of the
 * request: kind `untrusted`. */
int lcpp_client_start(lua_State *L) {
  struct lcpp_client *client = lcpp_check_client(L);
  lua_settop(L, 6);
  struct lcpp_value values[LCPP_OPTION_COUNT];
  const struct lcpp_endpoint *endpoint = read_call(L, client, values);
  size_t id_length = 0;
  const char *client_request_id = luaL_optlstring(L, 5, NULL, &id_length);
  lcpp_check_request_id(L, client_request_id, id_length);
  const struct lcpp_value *limit = &values[LCPP_OPTION_MAX_RESPONSE_BYTES];
  struct lcpp_request_head head = {
      .token = read_token(L, client, endpoint),
      .timeout_ms = read_timeout(L, client, values[LCPP_OPTION_TIMEOUT]),
      .max_response_bytes = limit->given ? (size_t)limit->number : client->max_response_bytes,
      .metadata = endpoint->host == LCPP_HOST_METADATA,
  };
  if (head.metadata) {
    head.identity_header = values[LCPP_OPTION_CLIENT_SECRET].text;
  }
  struct lcpp_profile profile;
  struct lcpp_request *request =
      prepare(L, client, endpoint, values, client_request_id, &head, &profile);
  request->has_short_secret = client->has_short_secret || lcpp_is_short_secret(lua_rawlen(L, 4)) ||
                              lcpp_is_short_secret(values[LCPP_OPTION_TOKEN].length) ||
                              lcpp_is_short_secret(values[LCPP_OPTION_CLIENT_SECRET].length);
  keep(L, request);
  require_usable(L, client); /* as above. From here on nothing is allocated in Lua */
  if (values[LCPP_OPTION_MAX_CONNECTIONS].given) {
    lcpp_engine_limit(client->engine, (long)values[LCPP_OPTION_MAX_CONNECTIONS].number);
  }
  start(client->engine, request, &head, values);
  if (request->transfer.state == LCPP_DONE) {
    return 1;
  }
  lua_pushinteger(L, request->index);
  return 2;
}
