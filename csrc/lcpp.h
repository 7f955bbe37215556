/*
 * What the files of the Lua binding share: client.c, request.c, options.c, json.c, module.c.
 *
 * Stack comments follow the Lua manual: [-pops, +pushes, what it may raise].
 */
#ifndef LCPP_H
#define LCPP_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "http.h"
#include "url.h"

#define LCPP_CLIENT "cpp.client"   /* the metatable of a client userdata */
#define LCPP_REQUEST "cpp.request" /* the metatable of a request userdata */

/* A client: owns one http handle (a CURLM). All zeros is a closed one. */
struct lcpp_client {
  struct lcpp_http *http;      /* owned; NULL: closed */
  struct lcpp_base base;       /* owned; base_url */
  struct lcpp_base authority;  /* owned; authority_url */
  struct lcpp_profile profile; /* its strings, and the next, are held by a user value */
  const char *api_version;
  const char *client_request_id; /* NULL: each call gets one of its own */
  long timeout_ms;
  size_t max_response_bytes;
  const char *checked_token; /* the string in the last user value: known to be well-formed */
};

/* User values of a client: the requests that it keeps alive, each at its place (luaL_ref: a table
 * with changing keys would be rebuilt again and again);
 * the strings that its fields point to; and the token that was checked last, so that a long one is
 * not read through again in every call. */
enum {
  LCPP_CLIENT_REQUESTS = 1,
  LCPP_CLIENT_STRINGS = 2,
  LCPP_CLIENT_TOKEN = 3,
  LCPP_CLIENT_USER_VALUES = 3
};

/* A request: one transfer. Its user values keep its client alive and hold its id. `base` is that of
 * a call with a base_url or authority_url of its own; closed otherwise. */
struct lcpp_request {
  struct lcpp_transfer transfer; /* the first, so that a transfer's address is its request's */
  int place;                     /* in the client's table of requests; 0: in none */
  bool closed;                   /* __close has dropped the answer */
  struct lcpp_base base;         /* owned */
};
enum { LCPP_REQUEST_CLIENT = 1, LCPP_REQUEST_ID = 2, LCPP_REQUEST_USER_VALUES = 2 };

/* module.c */

/* The userdata at index 1, whose metatable is the first upvalue of the running function: what
 * luaL_checkudata does, without looking the name up in every call. `name` is for the error.
 * [-0, +0, v] */
void *lcpp_check_self(lua_State *L, const char *name);

/* Makes a metatable with the given metamethods, and methods in __index; each function has the
 * metatable as its upvalue. [-0, +0, m] */
void lcpp_new_class(lua_State *L, const char *name, const luaL_Reg *metamethods,
                    const luaL_Reg *methods);

/* The module's entry point, and the only symbol that it exports: [-0, +1, em]. */
__attribute__((visibility("default"))) int luaopen_cpp_core(lua_State *L);

/* options.c */

enum {
  LCPP_MAX_SECONDS = 1000000, /* of any option: libcurl counts milliseconds in an int */
  LCPP_SECRET_LIMIT = 2048,   /* bytes of client_secret; those of the service have 40 or so */
  LCPP_TOKEN_LIMIT = 65536    /* bytes; servers take less in a header */
};

/* What options can be given to: bits of a set. */
enum { LCPP_OF_CLIENT = 1, LCPP_OF_CALL = 2, LCPP_OF_WAIT = 4, LCPP_OF_BATCH = 8 };

/* The options of a client, a call, a wait and a batch. The order is that of the table in options.c.
 */
enum lcpp_option {
  LCPP_OPTION_PUBLISHER,
  LCPP_OPTION_OFFER,
  LCPP_OPTION_EMAILS,
  LCPP_OPTION_OPERATION_ID,
  LCPP_OPTION_STATUS,
  LCPP_OPTION_LOCATION,
  LCPP_OPTION_WAIT,
  LCPP_OPTION_INTERVAL,
  LCPP_OPTION_MAX_INTERVAL,
  LCPP_OPTION_ON_PROGRESS,
  LCPP_OPTION_SHOULD_STOP,
  LCPP_OPTION_CONCURRENCY,
  LCPP_OPTION_ON_RESULT,
  LCPP_OPTION_TOKEN,
  LCPP_OPTION_TENANT,
  LCPP_OPTION_CLIENT_ID,
  LCPP_OPTION_CLIENT_SECRET,
  LCPP_OPTION_BASE_URL,
  LCPP_OPTION_AUTHORITY_URL,
  LCPP_OPTION_API_VERSION,
  LCPP_OPTION_TIMEOUT,
  LCPP_OPTION_CONNECT_TIMEOUT,
  LCPP_OPTION_RETRIES,
  LCPP_OPTION_CA_FILE,
  LCPP_OPTION_PROXY,
  LCPP_OPTION_MAX_RESPONSE_BYTES,
  LCPP_OPTION_MAX_CONNECTIONS,
  LCPP_OPTION_USER_AGENT,
  LCPP_OPTION_CLIENT_REQUEST_ID,
  LCPP_OPTION_LOOP,
  LCPP_OPTION_LOG,
  LCPP_OPTION_COUNT
};

/* One option's value, borrowed from the table it was read from. */
struct lcpp_value {
  bool given;
  int place;        /* where on the stack the text, or the list of addresses, is held */
  const char *text; /* for texts; terminated, and without a NUL inside */
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

/* The name of an option. Static: never freed. */
const char *lcpp_option_name(enum lcpp_option option);

/* Checks a bearer token (RFC 6750, section 2.1). [-0, +0, v] */
void lcpp_check_token(lua_State *L, const char *token, size_t length);

/* Checks a client_request_id, which becomes a header; NULL is fine. [-0, +0, v] */
void lcpp_check_request_id(lua_State *L, const char *id, size_t length);

/* Raises misuse: "cpp: option: what was expected", at the place in the caller's own code. */
_Noreturn void lcpp_misuse(lua_State *L, const char *format, ...);

/* core.check(scope, options): raises unless they are right for a "client", "call", "wait" or
 * "batch". core.misuse(message): raises it; core.hide(source): see module.c. */
int lcpp_core_check(lua_State *L);
int lcpp_core_misuse(lua_State *L);
int lcpp_core_hide(lua_State *L);

/* json.c */

/* Makes the module's own instance of lua-cjson: [-0, +0, em]. */
void lcpp_json_open(lua_State *L);

/* Pushes the value of a JSON text and returns true, or pushes nothing and returns false when the
 * text is not strict JSON (or longer than 512 MiB). [-0, +(0|1), v] */
bool lcpp_json_decode(lua_State *L, const char *text, size_t length);

/* Replaces the value on top by its JSON text. `text_bytes`: the length of all strings in it
 * together, at most LCPP_ENCODE_LIMIT. [-1, +1, em] */
void lcpp_json_encode(lua_State *L, size_t text_bytes);
enum { LCPP_ENCODE_LIMIT = 16 * 1024 * 1024 };

/* core.decode(text) -> value, or nil when it is not strict JSON. */
int lcpp_core_decode(lua_State *L);

/* body.c */

/* Appends the endpoint's request body to `body`, memory of a request that Lua owns already.
 * [-0, +0, emv] */
void lcpp_append_body(lua_State *L, struct lcpp_buf *body, const struct lcpp_endpoint *endpoint,
                      const struct lcpp_value values[LCPP_OPTION_COUNT]);

/* client.c */

/* core.client(options) -> client. */
int lcpp_core_client(lua_State *L);
void lcpp_client_open(lua_State *L); /* makes the metatable: [-0, +0, m] */

/* The client at index 1, when it may be used: neither closed, nor a forked child's copy of its
 * parent's, whose connections it would break. [-0, +0, v] */
struct lcpp_client *lcpp_check_client(lua_State *L);

/* Parses the option `name` into *base, which its owner frees: [-0, +0, v]. */
void lcpp_read_base(lua_State *L, struct lcpp_base *base, const char *name, const char *text);

/* A number of seconds in milliseconds, rounded up. */
long lcpp_milliseconds(const struct lcpp_value *value, long otherwise);

/* start.c */

/* client:start(endpoint, options, token, client_request_id, timeout) -> request, place.
 * client:check(endpoint, options): raises what start would raise of them. */
int lcpp_client_start(lua_State *L);
int lcpp_client_check(lua_State *L);

/* request.c */

/* Pushes a new request of the client at `client`, with nothing started. [-0, +1, m] */
struct lcpp_request *lcpp_request_new(lua_State *L, int client);
void lcpp_request_open(lua_State *L); /* makes the metatable: [-0, +0, m] */

#endif
