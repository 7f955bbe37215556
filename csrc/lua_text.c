/* core.redact: makes text of the service safe to show. All text that leaves the decoded document
 * passes here: see redact.h. */
#include <stdint.h>
#include <string.h>

#include "lua_binding.h"
#include "redact.h"

/* Limits of a table that is copied: its depth, the bytes that each entry counts for, and the bytes
 * of each text. */
enum { DEEPEST = 64, ENTRY_COST = 16, ENTRY_LIMIT = 1024 };

/* The secrets, and the number of bytes that may still be shown. */
struct pen {
  struct lcpp_secrets secrets; /* of strings on the stack */
  size_t left;                 /* bytes */
};

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Pushes a text, made safe to show, of `limit` bytes at most. [-0, +1, m] */
static void push_text(lua_State *L, struct pen *pen, struct lcpp_text text, size_t limit) {
  /* A byte may become U+FFFD, and an escape of two bytes "[redacted]". */
  size_t most = least(least(limit, pen->left), 5 * text.length);
  luaL_Buffer buffer;
  char *shown = luaL_buffinitsize(L, &buffer, most);
  size_t length = lcpp_redact(text, &pen->secrets, shown, most);
  if (length == SIZE_MAX) {
    luaL_error(L, "not enough memory");
  }
  luaL_pushresultsize(&buffer, length);
  /* Reading takes time, even if nothing is shown. */
  size_t cost = least(text.length, most + LCPP_REDACT_AHEAD);
  pen->left -= least(pen->left, length > cost ? length : cost);
}

static void push_value(lua_State *L, struct pen *pen, int index, int depth);

/* Pushes a copy of a table, without the entries for which nothing is left. */
static void push_copy(lua_State *L, struct pen *pen, int index, int depth) {
  lua_newtable(L);
  int copy = lua_gettop(L);
  for (lua_pushnil(L); pen->left > ENTRY_COST && lua_next(L, index) != 0; lua_settop(L, copy + 1)) {
    pen->left -= ENTRY_COST;
    push_value(L, pen, copy + 1, depth);
    push_value(L, pen, copy + 2, depth);
    if (!lua_isnil(L, -2)) {
      lua_rawset(L, copy);
    }
  }
  lua_settop(L, copy);
}

/* Pushes a string, made safe to show; a table as a copy; and any other value unchanged. */
static void push_value(lua_State *L, struct pen *pen, int index, int depth) {
  lcpp_reserve(L, 8);
  if (lua_type(L, index) == LUA_TSTRING) {
    struct lcpp_text text = {NULL, 0};
    text.data = lua_tolstring(L, index, &text.length);
    push_text(L, pen, text, depth == 0 ? pen->left : ENTRY_LIMIT);
  } else if (lua_type(L, index) == LUA_TTABLE && depth < DEEPEST) {
    push_copy(L, pen, index, depth + 1);
  } else if (lua_type(L, index) == LUA_TTABLE) {
    lua_pushnil(L);
  } else {
    lua_pushvalue(L, index);
  }
}

/* Adds the addresses of a text, which are separated by commas. */
static void add_addresses(struct lcpp_secrets *secrets, struct lcpp_text text) {
  const char *end = text.data + text.length;
  for (const char *at = text.data; at < end && secrets->count < LCPP_SECRETS; at++) {
    const char *comma = memchr(at, ',', (size_t)(end - at));
    const char *last = comma != NULL ? comma : end;
    const char *next = last;
    for (; at < last && *at == ' '; at++) {
    }
    for (; at < last && last[-1] == ' '; last--) {
    }
    lcpp_secrets_add(secrets, (struct lcpp_text){at, (size_t)(last - at)});
    at = next;
  }
}

typedef void (*adder)(struct lcpp_secrets *secrets, struct lcpp_text text);

/* Adds the value on top if it is a string, and leaves it there if something was added. */
static void take_string(lua_State *L, struct lcpp_secrets *secrets, adder add) {
  size_t before = secrets->count;
  if (lua_type(L, -1) == LUA_TSTRING) {
    struct lcpp_text text = {NULL, 0};
    text.data = lua_tolstring(L, -1, &text.length);
    add(secrets, text);
  }
  lua_pop(L, secrets->count == before);
}

static void take_list(lua_State *L, struct lcpp_secrets *secrets, int list, adder add) {
  for (int i = 1; secrets->count < LCPP_SECRETS && lua_rawgeti(L, list, i) != LUA_TNIL; i++) {
    take_string(L, secrets, add);
  }
}

/* Reads the secrets. What was added stays on the stack. */
static void read_secrets(lua_State *L, struct lcpp_secrets *secrets, int index) {
  lcpp_reserve(L, LCPP_SECRETS + 4);
  take_list(L, secrets, index, lcpp_secrets_add);
  lua_pushliteral(L, "emails");
  if (lua_rawget(L, index) == LUA_TTABLE) {
    take_list(L, secrets, lua_gettop(L), add_addresses);
  } else {
    take_string(L, secrets, add_addresses);
  }
}

/* Values in the list of secrets that are not strings are skipped. Its field `emails` has addresses:
 * a list, or a string separated by commas. */
int lcpp_core_redact(lua_State *L) {
  lua_Integer limit = luaL_checkinteger(L, 2);
  luaL_argcheck(L, limit > 0 && limit <= LCPP_REDACT_LIMIT, 2, "bytes expected");
  struct pen pen = {.left = (size_t)limit};
  lua_settop(L, 3);
  if (lua_istable(L, 3)) {
    read_secrets(L, &pen.secrets, 3);
  }
  push_value(L, &pen, 1, 0);
  return 1;
}
