/*
 * What the files of the Lua binding share. Each calls only those to its right:
 *
 *   lua_module.c > lua_command.c, lua_client.c, lua_snapshot.c > lua_start.c > lua_request.c,
 * endpoint.c, lua_body.c > lua_json.c, lua_text.c, lua_options.c > lua_headers.c > lua_misuse.c
 *
 * Stack comments follow the Lua manual: [-pops, +pushes, what it may raise]. The functions that Lua
 * calls are documented in lua/cpp/types/core.lua.
 */
#ifndef LCPP_BINDING_H
#define LCPP_BINDING_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine.h"
#include "url.h"

#define LCPP_CLIENT "cpp.client"   /* the metatable of a client userdata */
#define LCPP_REQUEST "cpp.request" /* the metatable of a request userdata */

/* lua_options.c */

enum {
  LCPP_MAX_SECONDS = 1000000, /* of any option: libcurl counts milliseconds in an int */
  LCPP_SECRET_LIMIT = 2048,   /* bytes of client_secret; those of the service have 40 or so */
  LCPP_TOKEN_LIMIT = 65536,   /* bytes; servers take less in a header */
  LCPP_UUID_LENGTH = 36
};

/* What options can be given to: bits of a set. */
enum { LCPP_OF_CLIENT = 1, LCPP_OF_CALL = 2, LCPP_OF_WAIT = 4, LCPP_OF_BATCH = 8 };

/* The options of a client, a call, a wait and a batch: the name, which kind of value it has, where
 * it may be given, and how many bytes a text may have at most (0: no bound here). The words are
 * those of lua_options.c. */
/* clang-format off */
#define LCPP_OPTIONS(X) \
  X(PUBLISHER, "publisher", SEGMENT, CALL, LCPP_NAME_LIMIT) \
  X(OFFER, "offer", SEGMENT, CALL, LCPP_NAME_LIMIT) \
  X(EMAILS, "emails", ADDRESSES, CALL, 0) \
  X(OPERATION_ID, "operation_id", SEGMENT, CALL, LCPP_NAME_LIMIT) \
  X(STATUS, "status", TEXT, CALL, LCPP_NAME_LIMIT) \
  X(TYPE, "type", QUOTED, CALL, LCPP_NAME_LIMIT) \
  X(VERSION, "version", SEGMENT, CALL, LCPP_NAME_LIMIT) \
  X(SLOT, "slot", SEGMENT, CALL, LCPP_NAME_LIMIT) \
  X(IF_RUNNING, "if_running", BOOLEAN, CALL | BATCH, 0) \
  X(LOCATION, "location", REFERENCE, CALL, 0) \
  X(WAIT, "wait", SWITCH, CALL | BATCH, 0) \
  X(INTERVAL, "interval", SECONDS, WAIT, 0) \
  X(MAX_INTERVAL, "max_interval", SECONDS, WAIT, 0) \
  X(ON_PROGRESS, "on_progress", FUNCTION, WAIT, 0) \
  X(SHOULD_STOP, "should_stop", FUNCTION, WAIT | BATCH, 0) \
  X(CONCURRENCY, "concurrency", POSITIVE, BATCH, 0) \
  X(ON_RESULT, "on_result", FUNCTION, BATCH, 0) \
  X(TOKEN, "token", TOKEN, ALL, LCPP_TOKEN_LIMIT) \
  X(TENANT, "tenant", SEGMENT, ALL, LCPP_NAME_LIMIT) \
  X(CLIENT_ID, "client_id", TEXT, ALL, LCPP_NAME_LIMIT) \
  X(CLIENT_SECRET, "client_secret", SECRET, ALL, LCPP_SECRET_LIMIT) \
  X(SCOPE, "scope", TEXT, ALL, LCPP_NAME_LIMIT) \
  X(BASE_URL, "base_url", TEXT, ALL, LCPP_BASE_LIMIT) \
  X(AUTHORITY_URL, "authority_url", TEXT, ALL, LCPP_BASE_LIMIT) \
  X(API_VERSION, "api_version", TEXT, ALL, LCPP_NAME_LIMIT) \
  X(TIMEOUT, "timeout", SECONDS, ALL, 0) \
  X(CONNECT_TIMEOUT, "connect_timeout", SECONDS, ALL, 0) \
  X(RETRIES, "retries", COUNT, ALL, 0) \
  X(CA_FILE, "ca_file", TEXT, ALL, 0) \
  X(PROXY, "proxy", PROXY, ALL, 0) \
  X(MAX_RESPONSE_BYTES, "max_response_bytes", BYTES, ALL, 0) \
  X(MAX_CONNECTIONS, "max_connections", COUNT, ALL, 0) \
  X(USER_AGENT, "user_agent", LINE, ALL, LCPP_NAME_LIMIT) \
  X(CLIENT_REQUEST_ID, "client_request_id", LINE, ALL, LCPP_NAME_LIMIT) \
  X(HEADERS, "headers", HEADERS, ALL, 0) \
  X(LOOP, "loop", LOOP, ALL, 0) \
  X(LOG, "log", FUNCTION, ALL, 0)
/* clang-format on */

enum lcpp_option {
#define LCPP_OPTION_OF(id, name, type, scopes, most) LCPP_OPTION_##id,
  LCPP_OPTIONS(LCPP_OPTION_OF)
#undef LCPP_OPTION_OF
      LCPP_OPTION_COUNT
};

/* One option's value, borrowed from the table it was read from. */
struct lcpp_value {
  bool given;
  int index;        /* on the stack, of the text or the list of addresses */
  const char *text; /* for texts; terminated, and without a NUL inside; for headers, their lines */
  size_t length;
  double number; /* for numbers: seconds, bytes or a count */
};

/* Makes the table that maps option names to their numbers: [-0, +0, m]. */
void lcpp_options_open(lua_State *L);

/* Reads and checks the options in the table at `index` (or nothing there) into `values`. One that
 * does not belong to `scope` (one of LCPP_OF_...) is misuse. Leaves the texts on the stack, which
 * holds them: a finaliser that runs meanwhile may take them out of the table. [-0, +n, v] */
void lcpp_options_read(lua_State *L, int index, unsigned scope,
                       struct lcpp_value values[LCPP_OPTION_COUNT]);

/* Whether a token or client secret of that length is redacted, and may stand in the 36 characters
 * of a UUID. */
bool lcpp_is_short_secret(size_t length);

/* The name of an option. Static: never freed. */
const char *lcpp_option_name(enum lcpp_option option);

/* Whether a text holds a control character. */
bool lcpp_has_control(const char *text, size_t length);

/* Checks a bearer token (RFC 6750, section 2.1). [-0, +0, v] */
void lcpp_check_token(lua_State *L, const char *token, size_t length);

/* Checks a client_request_id, which becomes a header; NULL is fine. [-0, +0, v] */
void lcpp_check_request_id(lua_State *L, const char *id, size_t length);

/* Parses the option `name` into *origin, which its owner frees: [-0, +0, v]. */
void lcpp_read_origin(lua_State *L, struct lcpp_origin *origin, enum lcpp_reach reach,
                      const char *name, const char *text);

/* A number of seconds in milliseconds, rounded up. */
long lcpp_milliseconds(const struct lcpp_value *value, long otherwise);

/* endpoint.c: the table of endpoints, one row for each call of the service. */

enum lcpp_method { LCPP_GET, LCPP_POST };

/* Which origin an endpoint belongs to. */
enum lcpp_host {
  LCPP_HOST_SERVICE,   /* base_url: the portal; gets the bearer token */
  LCPP_HOST_AUTHORITY, /* authority_url: the token service; gets the client secret or assertion */
  LCPP_HOST_METADATA   /* the call's authority_url: on this machine or link; gets the secret of App
                          Service, if there is one */
};

enum lcpp_body {
  LCPP_BODY_NONE,
  LCPP_BODY_NOTIFICATION, /* {"metadata":{"notification-emails":"a,b"}}, or empty */
  LCPP_BODY_METADATA,     /* the same, or {"metadata":{}} */
  LCPP_BODY_CREDENTIALS   /* grant_type=client_credentials&..., with client_secret; or with token,
                             which is an assertion then */
};

/* A piece of a URL: `text`, followed by the value of an option, percent-encoded. */
struct lcpp_piece {
  const char *text; /* NULL: the end of the pieces */
  enum lcpp_option option;
  bool has_value;
  bool optional; /* left out if the option is not given */
};

struct lcpp_endpoint {
  const char *name;
  enum lcpp_method method;
  enum lcpp_host host;
  enum lcpp_body body;
  struct lcpp_piece url[6]; /* after the origin; of `location`: that option is the whole URL */
};

/* The endpoint of that name, or NULL. Static. */
const struct lcpp_endpoint *lcpp_endpoint_find(const char *name);

/* Pushes core.endpoints. [-0, +1, m] */
void lcpp_endpoint_push(lua_State *L);

/* Raises if the call lacks an option that the endpoint's URL is made of. [-0, +0, v] */
void lcpp_endpoint_require(lua_State *L, const struct lcpp_endpoint *endpoint,
                           const struct lcpp_value values[LCPP_OPTION_COUNT]);

/* The URL of an endpoint other than `location`; the caller frees it. Raises nothing; NULL if memory
 * ran out. */
char *lcpp_endpoint_url(const struct lcpp_endpoint *endpoint, const struct lcpp_origin *origin,
                        const struct lcpp_value values[LCPP_OPTION_COUNT]);

/* A client: owns one engine. All zeros is a closed one. */
struct lcpp_client {
  struct lcpp_engine *engine;   /* owned; NULL: closed */
  struct lcpp_origin service;   /* owned; base_url */
  struct lcpp_origin authority; /* owned; authority_url */
  struct lcpp_profile profile;  /* its strings, and the next two, are held by a user value */
  struct lcpp_value api_version;
  const char *client_request_id; /* NULL: each call gets one of its own */
  const char *headers;           /* lines, as lcpp_headers_read makes them; NULL: none */
  long timeout_ms;
  size_t max_response_bytes;
  char date_text[32];        /* the last Date of a response, and its time: many responses have */
  time_t date;               /* the same Date, and parsing one takes long */
  const char *checked_token; /* the string in the last user value: known to be well-formed */
  bool has_short_secret;     /* one that a UUID has room for: see lcpp_is_short_secret */
  unsigned char random[256]; /* for request ids */
  size_t random_left;
};

/* User values of a client: the requests that it keeps alive, each at its index (luaL_ref, since a
 * table with changing keys would be rehashed again and again); the strings that its fields point
 * to; and the token that was checked last, so that a long one is not checked in every call. The
 * last two are held by a function: a dump of user values shows no secret. */
enum {
  LCPP_CLIENT_REQUESTS = 1,
  LCPP_CLIENT_STRINGS = 2,
  LCPP_CLIENT_TOKEN = 3,
  LCPP_CLIENT_USER_VALUES = 3
};

/* A request: one transfer. Its user values keep its client alive and hold its id. */
struct lcpp_request {
  struct lcpp_transfer transfer; /* the first, so that a transfer's address is its request's */
  const struct lcpp_endpoint *endpoint;
  int index;                 /* in the client's table of requests; 0: not there */
  bool closed;               /* __close has dropped the response */
  bool has_short_secret;     /* of the call, or of its client */
  time_t date;               /* of the service's clock when it responded; -1: not known */
  struct lcpp_origin origin; /* owned; of a call with a base_url or authority_url of its own */
};
enum { LCPP_REQUEST_CLIENT = 1, LCPP_REQUEST_CLIENT_ID = 2, LCPP_REQUEST_USER_VALUES = 2 };

/* Makes room for that many values on the stack. All stacks here are small, so only memory can run
 * out; luaL_checkstack would report an overflow. [-0, +0, e] */
static inline void lcpp_reserve(lua_State *L, int count) {
  if (lua_checkstack(L, count) == 0) {
    luaL_error(L, "not enough memory");
  }
}

/* Makes a metatable with the given metamethods, and methods in __index. All have it as upvalue. Lua
 * code cannot access it (__metatable). [-0, +0, m] */
static inline void lcpp_new_class(lua_State *L, const char *name, const luaL_Reg *metamethods,
                                  const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  lua_pushvalue(L, -1);
  luaL_setfuncs(L, metamethods, 1);
  lua_newtable(L);
  lua_pushvalue(L, -2);
  luaL_setfuncs(L, methods, 1);
  lua_setfield(L, -2, "__index");
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

/* The object at index 1 of a method. luaL_checkudata would look the metatable up by its name.
 * [-0, +0, v] */
static inline void *lcpp_to_object(lua_State *L, const char *name) {
  void *object = lua_touserdata(L, 1);
  bool same = false;
  if (object != NULL && lua_getmetatable(L, 1) != 0) {
    same = lua_rawequal(L, -1, lua_upvalueindex(1)) != 0;
    lua_pop(L, 1);
  }
  return same ? object : luaL_checkudata(L, 1, name);
}

/* lua_misuse.c */

/* Raises misuse: "cpp: option: what was expected", at the place in the caller's own code. */
_Noreturn void lcpp_misuse(lua_State *L, const char *format, ...);

/* Raises misuse for an option that is not among the `count` known ones. */
_Noreturn void lcpp_misuse_option(lua_State *L, const char *name, const char *const *known,
                                  size_t count);

/* lua_headers.c */

/* Replaces the table on top, the option `headers`, by its lines: "name: value" and a NUL each. [-1,
 * +1, v] */
void lcpp_headers_read(lua_State *L);

/* lua_json.c */

/* Makes the module's own instance of lua-cjson: [-0, +0, em]. */
void lcpp_json_open(lua_State *L);

/* Pushes the value of a JSON text and returns NULL; or pushes nothing and returns what is wrong
 * with the text, as a static message: see json.h. [-0, +(0|1), v] */
const char *lcpp_json_decode(lua_State *L, const char *text, size_t length);

/* lua_request.c */

/* Pushes a new request of the client at `client`, with nothing started. [-0, +1, m] */
struct lcpp_request *lcpp_request_new(lua_State *L, int client);
void lcpp_request_open(lua_State *L); /* makes the metatable: [-0, +0, m] */

/* lua_start.c */

/* The client at index 1, if it may be used: it is neither closed, nor a forked child's copy, which
 * would break its parent's connections. [-0, +0, v] */
struct lcpp_client *lcpp_check_client(lua_State *L);

/* Replaces the value on top by a function that holds it: [-1, +1, m]. */
void lcpp_hide_top(lua_State *L);

/* lua_body.c */

/* Appends the endpoint's request body to a buffer that the request already owns. [-0, +0, v] */
void lcpp_body_append(lua_State *L, struct lcpp_buffer *body, const struct lcpp_endpoint *endpoint,
                      const struct lcpp_value values[LCPP_OPTION_COUNT]);

/* lua_client.c */

void lcpp_client_open(lua_State *L); /* makes the metatable: [-0, +0, m] */

/* The functions of core that are not in lua_module.c, and the methods of a client in lua_start.c.
 */
int lcpp_core_check(lua_State *L);
int lcpp_core_misuse(lua_State *L);
int lcpp_core_hide(lua_State *L);
int lcpp_core_snapshot(lua_State *L);
int lcpp_core_decode(lua_State *L);
int lcpp_core_redact(lua_State *L);
int lcpp_core_client(lua_State *L);
int lcpp_core_begin_command(lua_State *L);
int lcpp_core_signals(lua_State *L);
int lcpp_core_terminal_size(lua_State *L);
int lcpp_client_start(lua_State *L);
int lcpp_client_check(lua_State *L);
int lcpp_client_describe(lua_State *L);

/* lua_module.c */

/* The module's entry point, and the only symbol that it exports: [-0, +1, em]. */
__attribute__((visibility("default"))) int luaopen_cpp_core(lua_State *L);

#endif
