/*
 * core.redact: text of the service, made fit to be shown. All of its text that leaves the decoded
 * document passes here: see redact.h.
 */
#include <stdint.h>

#include "lua_binding.h"
#include "redact.h"

/* Of a table that is copied: how deep it may be, what each entry takes of the limit, and the bytes
 * of a text in it. It is a document of the service, or what a program has made of one. */
enum { DEEPEST = 64, ENTRY_COST = 16, ENTRY_LIMIT = 2048 };

/* What is not shown, and how much else may be. */
struct pen {
  struct lcpp_text secrets[LCPP_REDACT_SECRETS]; /* of strings on the stack */
  size_t count;
  bool clean;  /* the text is only made printable */
  size_t left; /* bytes */
};

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Pushes a text as it may be shown, of `limit` bytes at most. [-0, +1, m] */
static void push_text(lua_State *L, struct pen *pen, struct lcpp_text text, size_t limit) {
  /* A byte may become U+FFFD, and an address of three bytes "[redacted]". */
  size_t most = least(least(limit, pen->left), 4 * text.length);
  luaL_Buffer buffer;
  char *shown = luaL_buffinitsize(L, &buffer, most);
  size_t length = lcpp_redact(text, pen->clean ? NULL : pen->secrets, pen->count, shown, most);
  if (length == SIZE_MAX) {
    luaL_error(L, "not enough memory");
  }
  luaL_pushresultsize(&buffer, length);
  /* What is looked at takes time, even if nothing is shown of it. */
  size_t looked_at = least(text.length / LCPP_REDACT_FACTOR, most);
  pen->left -= length > looked_at ? length : looked_at;
}

void lcpp_clean_top(lua_State *L, size_t limit) {
  struct pen pen = {.clean = true, .left = limit};
  struct lcpp_text text = {NULL, 0};
  text.data = lua_tolstring(L, -1, &text.length);
  push_text(L, &pen, text, limit);
  lua_remove(L, -2);
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

/* Pushes a string as it may be shown, a table as a copy, and anything else as it is. */
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

/* core.redact(value, limit, secrets) -> what may be shown of the value: a string of `limit` bytes
 * at most, a copy of a table whose entries take as much together, or the value itself. `secrets`: a
 * list of strings, or nothing. */
int lcpp_core_redact(lua_State *L) {
  lua_Integer limit = luaL_checkinteger(L, 2);
  luaL_argcheck(L, limit > 0 && limit <= LCPP_REDACT_LIMIT, 2, "bytes expected");
  struct pen pen = {.count = 0, .left = (size_t)limit};
  lua_settop(L, 3);
  lcpp_reserve(L, LCPP_REDACT_SECRETS);
  for (int i = 1; lua_istable(L, 3) && pen.count < LCPP_REDACT_SECRETS; i++) {
    if (lua_rawgeti(L, 3, i) != LUA_TSTRING) {
      break;
    }
    struct lcpp_text *secret = &pen.secrets[pen.count++];
    secret->data = lua_tolstring(L, -1, &secret->length);
  }
  push_value(L, &pen, 1, 0);
  return 1;
}
