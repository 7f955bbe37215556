/*
 * The request userdata: one transfer, and what Lua gets to see of it.
 *
 * Lua values are made here, after libcurl has returned. A request keeps its client alive, and the
 * client keeps it alive while it runs; whichever is collected first, both stay whole.
 */
#include <string.h>

#include "lcpp.h"
#include "outcome.h"

static struct lcpp_request *to_request(lua_State *L) {
  return lcpp_check_self(L, LCPP_REQUEST);
}

struct lcpp_request *lcpp_request_new(lua_State *L, int client) {
  struct lcpp_request *request = lua_newuserdatauv(L, sizeof *request, LCPP_REQUEST_USER_VALUES);
  *request = (struct lcpp_request){0};
  luaL_setmetatable(L, LCPP_REQUEST);
  lua_pushvalue(L, client);
  lua_setiuservalue(L, -2, LCPP_REQUEST_CLIENT);
  return request;
}

static void destroy(struct lcpp_request *request) {
  lcpp_transfer_free(&request->transfer);
  lcpp_base_free(&request->base);
}

/* Takes the request at index 1 out of its client's care: it is done, or about to be. */
static void claim(lua_State *L, struct lcpp_request *request) {
  lcpp_transfer_claim(&request->transfer);
  if (request->place == 0) {
    return; /* client:finished has done it */
  }
  lua_getiuservalue(L, 1, LCPP_REQUEST_CLIENT);
  if (lua_getiuservalue(L, -1, LCPP_CLIENT_REQUESTS) == LUA_TTABLE) {
    luaL_unref(L, -1, request->place); /* it allocates nothing */
  }
  request->place = 0;
  lua_pop(L, 2);
}

/* request:done() -> whether it has a result. */
static int request_done(lua_State *L) {
  lua_pushboolean(L, to_request(L)->transfer.state == LCPP_DONE);
  return 1;
}

/* A request that was made in the parent process is the parent's. */
static void check_process(lua_State *L, const struct lcpp_request *request) {
  const struct lcpp_http *http = request->transfer.http;
  if (http != NULL && !lcpp_http_is_ours(http)) {
    lcpp_misuse(L, "the request belongs to the parent process");
  }
}

/* request:abort(): ends it with kind `stopped` if it runs. Whether the service has already acted
 * on it nobody knows then. */
static int request_abort(lua_State *L) {
  struct lcpp_request *request = to_request(L);
  check_process(L, request);
  if (request->transfer.state == LCPP_RUNNING) {
    lcpp_transfer_abort(&request->transfer, LCPP_STOPPED, "the request was aborted");
    claim(L, request);
  }
  return 0;
}

/* Leaving the scope ends a request that runs, and gives the memory of one that is done back before
 * the collector comes. */
static int request__close(lua_State *L) {
  struct lcpp_request *request = to_request(L);
  if (request->transfer.http != NULL && !lcpp_http_is_ours(request->transfer.http)) {
    return 0;
  }
  if (request->transfer.state == LCPP_RUNNING) {
    return request_abort(L);
  }
  claim(L, request);
  lcpp_transfer_drop_answer(&request->transfer);
  request->closed = true;
  return 0;
}

static int request__gc(lua_State *L) {
  destroy(to_request(L));
  return 0;
}

static int request__tostring(lua_State *L) {
  static const char *const states[] = {"new", "running", "done"};
  const struct lcpp_transfer *transfer = &to_request(L)->transfer;
  lua_pushfstring(L, "cpp.request (%s, %s)",
                  transfer->endpoint != NULL ? transfer->endpoint->name : "none",
                  states[transfer->state]);
  return 1;
}

static void set_string(lua_State *L, const char *field, const char *value) {
  if (value != NULL) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, field);
  }
}

/* What a result and a failure both tell. Expects their table on top. */
static void set_common(lua_State *L, const struct lcpp_transfer *transfer) {
  if (transfer->status != 0) {
    lua_pushinteger(L, transfer->status);
    lua_setfield(L, -2, "status");
  }
  if (transfer->retry_after >= 0) {
    lua_pushinteger(L, transfer->retry_after);
    lua_setfield(L, -2, "retry_after");
  }
  set_string(L, "request_id", transfer->request_id);
  lua_getiuservalue(L, 1, LCPP_REQUEST_ID);
  lua_setfield(L, -2, "client_request_id");
}

/* Pushes nil and the table of a failure: the facts. What they mean for the caller (retryable,
 * ambiguous) is decided in lua/cpp/error.lua. */
static int push_failure(lua_State *L, const struct lcpp_transfer *transfer, const char *kind,
                        const char *message, bool transient) {
  lua_pushnil(L);
  lua_createtable(L, 0, 16);
  set_string(L, "kind", kind);
  set_string(L, "message", message);
  set_string(L, "method", transfer->endpoint->method == LCPP_POST ? "POST" : "GET");
  set_string(L, "url", transfer->url); /* url.c lets no user information into it */
  lua_pushboolean(L, transfer->sent);
  lua_setfield(L, -2, "sent");
  lua_pushboolean(L, transient);
  lua_setfield(L, -2, "transient");
  if (transfer->body.length > 0) {
    lua_pushlstring(L, transfer->body.data, transfer->body.length);
    lua_setfield(L, -2, "body");
  }
  set_common(L, transfer);
  return 2;
}

static bool is_json(const char *content_type) {
  return content_type == NULL || strstr(content_type, "json") != NULL;
}

/* Pushes the answer's body: decoded, or as text where that is good enough; nothing when there is
 * none. False when the answer had to be JSON and is not: cut short, most likely.
 *
 * A GET is made for its body. A POST that names the place to poll in a header has said all; without
 * that the body may hold it, and a web page in its place (from a proxy, say) is no word of the
 * service. */
static bool push_body(lua_State *L, const struct lcpp_transfer *transfer, bool *pushed) {
  const struct lcpp_buf *body = &transfer->body;
  bool get = transfer->endpoint->method == LCPP_GET;
  *pushed = false;
  if (body->length == 0) {
    /* 202 and 204 without a body: accepted, or still running. */
    return (!get && transfer->endpoint->host == LCPP_HOST_SERVICE) || transfer->status != 200;
  }
  *pushed = lcpp_json_decode(L, body->data, body->length);
  if (*pushed) {
    return !get || lua_istable(L, -1);
  }
  if (get && transfer->status == 202) {
    return true; /* it says all: still running */
  }
  if (get || transfer->location == NULL || is_json(transfer->content_type)) {
    return false;
  }
  lua_pushlstring(L, body->data, body->length);
  *pushed = true;
  return true;
}

static int push_answer(lua_State *L, const struct lcpp_transfer *transfer) {
  bool has_body = false;
  if (!push_body(L, transfer, &has_body)) {
    return push_failure(L, transfer, "protocol",
                        transfer->body.length == 0
                            ? "the answer has no body"
                            : "the answer's body is not the JSON that was expected",
                        true);
  }
  lua_createtable(L, 0, 8);
  if (has_body) {
    lua_insert(L, -2);
    lua_setfield(L, -2, "body");
  }
  set_string(L, "location", transfer->location);
  set_string(L, "operation_id", transfer->operation_id);
  set_common(L, transfer);
  return 1;
}

/* request:result() -> the answer as a table, or nil and the failure as a table. To be called when
 * the request is done; more than once is fine. */
static int request_result(lua_State *L) {
  struct lcpp_request *request = to_request(L);
  const struct lcpp_transfer *transfer = &request->transfer;
  check_process(L, request);
  if (request->closed || transfer->endpoint == NULL) {
    lcpp_misuse(L, "the request is closed"); /* its scope was left, or its finaliser has run */
  }
  if (transfer->state != LCPP_DONE) {
    lcpp_misuse(L, "the request is still running");
  }
  claim(L, request);
  if (transfer->kind != LCPP_ANSWERED) {
    return push_failure(L, transfer, lcpp_kind_name(transfer->kind), transfer->message,
                        transfer->transient);
  }
  if (transfer->status < 300) {
    return push_answer(L, transfer);
  }
  if (transfer->status < 400) {
    return push_failure(L, transfer, "protocol", "a redirect, which is never followed", false);
  }
  return push_failure(L, transfer, "http", NULL, false);
}

/* request:place() -> a small whole number that no other request of the client has until this one is
 * handed out (client:finished) or its result is taken; nil afterwards. */
static int request_place(lua_State *L) {
  int place = to_request(L)->place;
  if (place != 0) {
    lua_pushinteger(L, place);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

/* request:url() -> method, URL; the URL is nil for a location that was refused. */
static int request_url(lua_State *L) {
  const struct lcpp_transfer *transfer = &to_request(L)->transfer;
  if (transfer->endpoint == NULL) {
    return 0; /* freed: its client was closed and collected */
  }
  lua_pushstring(L, transfer->endpoint->method == LCPP_POST ? "POST" : "GET");
  lua_pushstring(L, transfer->url);
  return 2;
}

/* request:resolve(reference) -> the place to poll that the answer's body names, as an absolute URL
 * (RFC 3986), or nil when it is none; and the operation's id in it, or nil. */
static int request_resolve(lua_State *L) {
  struct lcpp_transfer *transfer = &to_request(L)->transfer;
  size_t length = 0;
  const char *reference = luaL_checklstring(L, 2, &length);
  if (!lcpp_transfer_locate(transfer, strlen(reference) == length ? reference : "")) {
    luaL_error(L, "not enough memory");
  }
  lua_pushstring(L, transfer->location); /* nil for NULL */
  lua_pushstring(L, transfer->operation_id);
  return 2;
}

void lcpp_request_open(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", request__gc},
                                         {"__close", request__close},
                                         {"__tostring", request__tostring},
                                         {NULL, NULL}};
  static const luaL_Reg methods[] = {{"done", request_done},
                                     {"result", request_result},
                                     {"resolve", request_resolve},
                                     {"url", request_url},
                                     {"place", request_place},
                                     {"abort", request_abort},
                                     {NULL, NULL}};
  lcpp_new_class(L, LCPP_REQUEST, metamethods, methods);
}
