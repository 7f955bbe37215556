/*
 * core.snapshot: the copy of a table of options that a call works on.
 *
 * The caller's table is read once, at entry, so that a change of it while the call waits changes
 * nothing. It is read as Lua's own `options.name` and `list[i]` read it: with __index, and a list
 * with __len. That may run code of the caller, which is why it comes before everything else.
 */
#include <string.h>

#include "lua_binding.h"

/* The options whose value is copied as well if it is a table. */
static const enum lcpp_option copied[] = {LCPP_OPTION_EMAILS, LCPP_OPTION_HEADERS,
                                          LCPP_OPTION_WAIT};
enum { COPIED = sizeof copied / sizeof copied[0], ALL = (1 << COPIED) - 1 };

/* Places made ahead in a copy: for fields, and for a list at most. */
enum { FIELDS = 4, PLACES = 8 };

/* Whether reading the table at `index` as it is would miss something: [-0, +0, e]. */
static bool has_metamethod(lua_State *L, int index, const char *event) {
  bool has = luaL_getmetafield(L, index, event) != LUA_TNIL;
  if (has) {
    lua_pop(L, 1);
  }
  return has;
}

/* The bit of the option of that name in a set of `copied`, or 0. */
static unsigned bit_of(const char *name) {
  for (unsigned i = 0; i < COPIED; i++) {
    if (strcmp(name, lcpp_option_name(copied[i])) == 0) {
      return 1U << i;
    }
  }
  return 0;
}

/* Pushes a copy of what the table at `index` holds itself: [-0, +1, m]. Returns the set of `copied`
 * that are tables in it. */
static unsigned push_plain_copy(lua_State *L, int index, int places) {
  unsigned tables = 0;
  lua_createtable(L, places, places == 0 ? FIELDS : 0);
  int copy = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, index) != 0;) {
    if (lua_type(L, -1) == LUA_TTABLE && lua_type(L, -2) == LUA_TSTRING) {
      tables |= bit_of(lua_tostring(L, -2));
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, copy);
  }
  return tables;
}

/* Pushes a copy of the list at `index`. What it holds besides is copied as well, to be refused
 * where the list is checked. [-0, +1, e] */
static void push_list(lua_State *L, int index) {
  lua_Unsigned length = lua_rawlen(L, index);
  push_plain_copy(L, index, length < PLACES ? (int)length : PLACES);
  if (has_metamethod(L, index, "__index") || has_metamethod(L, index, "__len")) {
    int is_whole = 0;
    lua_len(L, index);
    lua_Integer count = lua_tointegerx(L, -1, &is_whole);
    lua_pop(L, 1);
    if (is_whole == 0) {
      lcpp_misuse(L, "emails: expected a list, got a table whose length is not an integer");
    }
    for (lua_Integer i = 1; i <= count; i++) {
      lua_geti(L, index, i);
      lua_rawseti(L, -2, i);
    }
  }
}

/* Pushes a copy of the headers at `index`. __index cannot list their names. */
static void push_headers(lua_State *L, int index) {
  if (has_metamethod(L, index, "__index")) {
    lcpp_misuse(L, "headers: expected a table without __index");
  }
  push_plain_copy(L, index, 0);
}

static void push_options(lua_State *L, int index, unsigned wanted);

/* Replaces a table in the options on top by a copy of its own: [-0, +0, e]. */
static void replace_by_copy(lua_State *L, enum lcpp_option option) {
  lua_pushstring(L, lcpp_option_name(option));
  lua_pushvalue(L, -1);
  if (lua_rawget(L, -3) != LUA_TTABLE) {
    lua_pop(L, 2);
    return;
  }
  int index = lua_gettop(L);
  if (option == LCPP_OPTION_EMAILS) {
    push_list(L, index);
  } else if (option == LCPP_OPTION_HEADERS) {
    push_headers(L, index);
  } else {
    push_options(L, index, bit_of(lcpp_option_name(LCPP_OPTION_HEADERS)));
  }
  lua_remove(L, index);
  lua_rawset(L, -3);
}

/* Pushes a copy of the options at `index`, in which the tables of `wanted`, a set of `copied`, are
 * copies as well. [-0, +1, e] */
static void push_options(lua_State *L, int index, unsigned wanted) {
  unsigned tables = push_plain_copy(L, index, 0);
  if (has_metamethod(L, index, "__index")) {
    tables = ALL;
    for (int i = 0; i < LCPP_OPTION_COUNT; i++) {
      lua_pushstring(L, lcpp_option_name((enum lcpp_option)i));
      lua_pushvalue(L, -1);
      lua_gettable(L, index);
      lua_rawset(L, -3);
    }
  }
  for (unsigned i = 0; i < COPIED; i++) {
    if ((tables & wanted & 1U << i) != 0) {
      replace_by_copy(L, copied[i]);
    }
  }
}

/* core.snapshot(options) -> a copy, in which `emails`, `headers` and `wait` are copies as well. The
 * other values are strings, numbers, functions, and the loop, which is an object of the host's. */
int lcpp_core_snapshot(lua_State *L) {
  lua_settop(L, 1);
  if (!lua_istable(L, 1)) {
    lcpp_misuse(L, "expected a table of options, got %s", luaL_typename(L, 1));
  }
  push_options(L, 1, ALL);
  return 1;
}
