/*
 * The request userdata: one transfer, and what Lua sees of it.
 *
 * A request keeps its client alive, and the client keeps it alive while it runs. A finaliser of the
 * host may run at any allocation below and close either of them. So nothing keeps a pointer to
 * what a request owns across an allocation: each value is read and pushed at once. A method that
 * reads several values checks at the end that the request is still open.
 */
#include <string.h>

#include "characters.h"
#include "lua_binding.h"

enum { SLICE_MS = 100 }; /* the longest time that request:wait spends in C */

static struct lcpp_request *to_request(lua_State *L) {
  return lcpp_to_object(L, LCPP_REQUEST);
}

struct lcpp_request *lcpp_request_new(lua_State *L, int client) {
  struct lcpp_request *request = lua_newuserdatauv(L, sizeof *request, LCPP_REQUEST_USER_VALUES);
  memset(request, 0, sizeof *request);
  request->date = -1;
  luaL_setmetatable(L, LCPP_REQUEST);
  lua_pushvalue(L, client);
  lua_setiuservalue(L, -2, LCPP_REQUEST_CLIENT);
  return request;
}

/* Whether the transfer is one of a forked child's parent, which the child must not touch. */
static bool is_foreign(const struct lcpp_request *request) {
  const struct lcpp_engine *engine = request->transfer.engine;
  return engine != NULL && !lcpp_engine_is_ours(engine);
}

/* Takes the request at index 1, which is done, off its client. Allocates nothing. */
static void claim(lua_State *L, struct lcpp_request *request) {
  lcpp_engine_claim(&request->transfer);
  if (request->index == 0) {
    return; /* client:finished has done it */
  }
  lua_getiuservalue(L, 1, LCPP_REQUEST_CLIENT);
  if (lua_getiuservalue(L, -1, LCPP_CLIENT_REQUESTS) == LUA_TTABLE) {
    luaL_unref(L, -1, request->index);
  }
  request->index = 0;
  lua_pop(L, 2);
}

/* In a forked child a request is done: nothing runs there. */
static int request_done(lua_State *L) {
  const struct lcpp_request *request = to_request(L);
  lua_pushboolean(L, request->transfer.state == LCPP_DONE || is_foreign(request));
  return 1;
}

static int request_abort(lua_State *L) {
  struct lcpp_request *request = to_request(L);
  if (request->transfer.state == LCPP_RUNNING && !is_foreign(request)) {
    lcpp_engine_abort(&request->transfer, LCPP_STOPPED, "the request was aborted");
    claim(L, request);
  }
  return 0;
}

/* Leaving the scope aborts a running request, and frees the memory of one that is done. */
static int request__close(lua_State *L) {
  struct lcpp_request *request = to_request(L);
  if (is_foreign(request)) {
    return 0;
  }
  if (request->transfer.state == LCPP_RUNNING) {
    return request_abort(L);
  }
  claim(L, request);
  lcpp_transfer_drop_response(&request->transfer);
  request->closed = true;
  return 0;
}

static int request__gc(lua_State *L) {
  struct lcpp_request *request = to_request(L);
  if (!is_foreign(request)) {
    lcpp_engine_abort(&request->transfer, LCPP_STOPPED, "the request was dropped");
    lcpp_engine_claim(&request->transfer);
    lcpp_transfer_free(&request->transfer);
  }
  lcpp_origin_free(&request->origin);
  request->closed = true;
  return 0;
}

static const char *method_of(const struct lcpp_request *request) {
  return request->endpoint->method == LCPP_POST ? "POST" : "GET";
}

static int request__tostring(lua_State *L) {
  static const char *const states[] = {"new", "running", "done"};
  const struct lcpp_request *request = to_request(L);
  lua_pushfstring(L, "cpp.request (%s, %s)",
                  request->endpoint != NULL ? request->endpoint->name : "none",
                  states[request->transfer.state]);
  return 1;
}

static void set_string(lua_State *L, const char *field, const char *value) {
  if (value != NULL) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, field);
  }
}

static void set_boolean(lua_State *L, const char *field, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, field);
}

static void set_integer(lua_State *L, const char *field, long value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, field);
}

/* Whether a text of the service has the characters of a UUID: it is no address and no long secret.
 */
static bool is_uuid(const char *text) {
  size_t length = 0;
  for (char c = text[0]; c != '\0' && length <= LCPP_UUID_LENGTH; c = text[++length]) {
    if (lcpp_hex_value(c) < 0 && c != '-') {
      return false;
    }
  }
  return length == LCPP_UUID_LENGTH;
}

/* Sets the fields that a result and a failure share, in the table on top. Returns whether the
 * request id may hold a secret. */
static bool set_common(lua_State *L, const struct lcpp_request *request) {
  const struct lcpp_outcome *outcome = &request->transfer.outcome;
  const struct lcpp_response *response = &request->transfer.response;
  bool unchecked = false;
  if (outcome->status != 0) {
    set_integer(L, "status", outcome->status);
    bool correlated = lcpp_response_field(response, LCPP_CORRELATION_REQUEST_ID) != NULL;
    const char *id =
        lcpp_response_field(response, correlated ? LCPP_CORRELATION_REQUEST_ID : LCPP_REQUEST_ID);
    if (id != NULL) {
      unchecked = request->has_short_secret || !is_uuid(id);
      set_string(L, "request_id", id);
    }
  }
  if (outcome->retry_after >= 0) {
    set_integer(L, "retry_after", outcome->retry_after);
  }
  lua_getiuservalue(L, 1, LCPP_REQUEST_CLIENT_ID);
  lua_setfield(L, -2, "client_request_id");
  return unchecked;
}

/* Pushes nil and the facts of a failure. lua/cpp/error.lua decides what they mean for the caller
 * (retryable, ambiguous). `kind` and `message` are static. */
static int push_failure(lua_State *L, const struct lcpp_request *request, const char *kind,
                        const char *message, bool transient) {
  const struct lcpp_transfer *transfer = &request->transfer;
  lua_pushnil(L);
  lua_createtable(L, 0, 16);
  set_string(L, "kind", kind);
  set_string(L, "message", transfer->outcome.detail != NULL ? transfer->outcome.detail : message);
  set_string(L, "method", method_of(request));
  set_string(L, "url", transfer->url); /* url.c lets no user information into it */
  set_boolean(L, "sent", transfer->outcome.sent);
  set_boolean(L, "transient", transient);
  if (transfer->response.body.length > 0) {
    lua_pushlstring(L, transfer->response.body.data, transfer->response.body.length);
    lua_setfield(L, -2, "body");
  }
  set_string(L, "location", transfer->outcome.location); /* of a 2xx that cannot be read */
  set_common(L, request);
  return 2;
}

/* Pushes the body: decoded, or as text if that is enough, or nil. Returns NULL; or, if the body had
 * to be JSON and is not, what is wrong with it.
 *
 * A GET needs its body. A POST whose headers name the place to poll needs none; without them the
 * body may name it, and a web page (from a proxy, say) is not a response of the service. */
static const char *push_body(lua_State *L, const struct lcpp_request *request) {
  static const char unexpected[] = "the response's body is not the JSON that was expected";
  const struct lcpp_outcome *outcome = &request->transfer.outcome;
  const struct lcpp_response *response = &request->transfer.response;
  const struct lcpp_buffer *body = &response->body;
  const char *type = lcpp_response_field(response, LCPP_CONTENT_TYPE);
  const char *coding = lcpp_response_field(response, LCPP_CONTENT_ENCODING);
  bool get = request->endpoint->method == LCPP_GET;
  bool needs_body = get || request->endpoint->host == LCPP_HOST_AUTHORITY;
  bool may_be_text = !get && outcome->location != NULL && type != NULL && !strstr(type, "json");
  bool running = outcome->status == 202;
  if (body->length == 0) {
    lua_pushnil(L);
    /* An empty body is enough with any status but 200, and with the 200 to a POST if it is known to
     * be complete. */
    bool certain = lcpp_response_has_length(response);
    bool enough = outcome->status != 200 || (!needs_body && (certain || outcome->location != NULL));
    return enough ? NULL : "the response has no body";
  }
  if (coding != NULL && !lcpp_is_same(coding, "identity")) {
    lua_pushnil(L);
    return !get && outcome->location != NULL ? NULL : unexpected; /* it was not requested */
  }
  const char *problem = lcpp_json_decode(L, body->data, body->length);
  if (problem == NULL) {
    return !get || lua_istable(L, -1) ? NULL : unexpected;
  }
  if (may_be_text) {
    lua_pushlstring(L, body->data, body->length);
    return NULL;
  }
  lua_pushnil(L);
  return get && running ? NULL : problem; /* the status is enough */
}

/* Reads the time of the service's clock when it responded, in seconds since 1970; and sets
 * `sent_at`, when a POST was sent, by the same clock. Expects a result on top. */
static void set_date(lua_State *L, struct lcpp_request *request) {
  const char *text = lcpp_response_field(&request->transfer.response, LCPP_DATE);
  lua_getiuservalue(L, 1, LCPP_REQUEST_CLIENT);
  struct lcpp_client *client = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (text == NULL || client == NULL || strlen(text) >= sizeof client->date_text) {
    return;
  }
  if (strcmp(text, client->date_text) != 0) {
    strcpy(client->date_text, text);
    client->date = curl_getdate(text, NULL);
  }
  request->date = client->date;
  if (client->date >= 0 && request->endpoint->method == LCPP_POST) {
    long took = (long)((request->transfer.took_us + 999999) / 1000000);
    set_integer(L, "sent_at", (long)client->date - took);
  }
}

/* Whether the response names a place to poll that is not a URL: an operation runs there. */
static bool has_unusable_location(const struct lcpp_transfer *transfer) {
  return transfer->outcome.location == NULL &&
         (lcpp_response_field(&transfer->response, LCPP_LOCATION) != NULL ||
          lcpp_response_field(&transfer->response, LCPP_OPERATION_LOCATION) != NULL);
}

static int push_response(lua_State *L, struct lcpp_request *request) {
  lua_createtable(L, 0, 16); /* with room for what lua/cpp/client.lua adds */
  const char *problem = push_body(L, request);
  if (problem != NULL) {
    return push_failure(L, request, "protocol", problem, true);
  }
  lua_setfield(L, -2, "body");
  set_string(L, "location", request->transfer.outcome.location);
  set_string(L, "operation_id", request->transfer.outcome.operation_id);
  if (has_unusable_location(&request->transfer)) {
    set_boolean(L, "unusable_location", true);
  }
  set_date(L, request);
  if (set_common(L, request)) {
    set_boolean(L, "unchecked_id", true);
  }
  return 1;
}

static int push_result(lua_State *L, struct lcpp_request *request) {
  const struct lcpp_outcome *outcome = &request->transfer.outcome;
  if (outcome->kind != LCPP_RESPONDED) {
    return push_failure(L, request, lcpp_kind_name(outcome->kind), outcome->message,
                        outcome->transient);
  }
  if (outcome->status <= 204) {
    return push_response(L, request);
  }
  if (outcome->status < 300) {
    return push_failure(L, request, "protocol", "an unexpected success status", true);
  }
  if (outcome->status < 400) {
    return push_failure(L, request, "protocol", "a redirect, which is never followed", false);
  }
  return push_failure(L, request, "http", NULL, false);
}

/* The failure in a forked child: the parent continues the request, so the service may act on it. */
static int push_foreign(lua_State *L, const struct lcpp_request *request) {
  static const char message[] = "the request belongs to the parent process";
  int count = push_failure(L, request, lcpp_kind_name(LCPP_CLOSED), message, false);
  set_boolean(L, "sent", true);
  return count;
}

/* Raises if the scope of the request was left, or its finaliser has run. */
static void require_open(lua_State *L, const struct lcpp_request *request) {
  if (request->closed || request->endpoint == NULL) {
    lcpp_misuse(L, "the request is closed");
  }
}

static struct lcpp_request *check_open(lua_State *L) {
  struct lcpp_request *request = to_request(L);
  require_open(L, request);
  return request;
}

static int request_result(lua_State *L) {
  struct lcpp_request *request = check_open(L);
  if (is_foreign(request)) {
    return push_foreign(L, request);
  }
  if (request->transfer.state != LCPP_DONE) {
    lcpp_misuse(L, "the request is still running");
  }
  claim(L, request);
  int count = push_result(L, request);
  require_open(L, request); /* a finaliser may have closed it */
  return count;
}

/* Returns nothing after SLICE_MS, so that Lua runs the hook that a signal has set (Ctrl-C). A
 * signal that comes while libcurl works does not end the wait. */
static int request_wait(lua_State *L) {
  struct lcpp_request *request = check_open(L);
  if (is_foreign(request)) {
    return push_foreign(L, request);
  }
  struct lcpp_transfer *transfer = &request->transfer;
  struct lcpp_engine *engine = transfer->engine;
  long long until_us = lcpp_monotonic_us() + SLICE_MS * 1000LL;
  while (transfer->state == LCPP_RUNNING) {
    if (engine->finished.count > 0 || lcpp_monotonic_us() >= until_us) {
      return 0;
    }
    lcpp_engine_step(engine, SLICE_MS);
  }
  claim(L, request);
  bool others = engine != NULL && engine->finished.count > 0;
  lua_settop(L, 1);
  if (push_result(L, request) == 1) {
    lua_pushnil(L);
  }
  require_open(L, request); /* as above */
  lua_pushboolean(L, others);
  return 3;
}

static int request_index(lua_State *L) {
  int index = to_request(L)->index;
  if (index != 0) {
    lua_pushinteger(L, index);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

static int request_started(lua_State *L) {
  lua_pushnumber(L, (lua_Number)to_request(L)->transfer.started / 1e6);
  return 1;
}

static int request_date(lua_State *L) {
  time_t date = to_request(L)->date;
  if (date >= 0) {
    lua_pushinteger(L, (lua_Integer)date);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

static int request_url(lua_State *L) {
  const struct lcpp_request *request = to_request(L);
  if (request->endpoint == NULL) {
    return 0;
  }
  lua_pushstring(L, method_of(request));
  lua_pushstring(L, request->transfer.url);
  return 2;
}

static int request_resolve(lua_State *L) {
  struct lcpp_request *request = to_request(L);
  struct lcpp_transfer *transfer = &request->transfer;
  bool closed = request->closed; /* its URL is still there */
  size_t length = 0;
  const char *reference = luaL_checklstring(L, 2, &length);
  if (!lcpp_outcome_locate(&transfer->outcome, transfer->url,
                           strlen(reference) == length ? reference : "")) {
    luaL_error(L, "not enough memory");
  }
  lua_pushstring(L, transfer->outcome.location); /* nil for NULL */
  lua_pushstring(L, transfer->outcome.operation_id);
  if (!closed) {
    require_open(L, request);
  }
  return 2;
}

void lcpp_request_open(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", request__gc},
                                         {"__close", request__close},
                                         {"__tostring", request__tostring},
                                         {NULL, NULL}};
  static const luaL_Reg methods[] = {{"done", request_done},     {"wait", request_wait},
                                     {"result", request_result}, {"resolve", request_resolve},
                                     {"url", request_url},       {"index", request_index},
                                     {"abort", request_abort},   {"started", request_started},
                                     {"date", request_date},     {NULL, NULL}};
  lcpp_new_class(L, LCPP_REQUEST, metamethods, methods);
}
