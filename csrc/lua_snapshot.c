/*
 * core.snapshot: the copy of a table of options that a call works on.
 *
 * The caller's table is read once, at entry, so that later changes have no effect. It is read like
 * `options.name` and `list[i]`: with __index, and a list with __len. This may run code of the
 * caller, so it comes first.
 */
#include "lua_binding.h"

/* Preallocated places in a copy: for fields, and for a list at most. */
enum { FIELDS = 4, PLACES = 8 };

/* Whether reading the table at `index` as it is would miss something: [-0, +0, e]. */
static bool has_metamethod(lua_State *L, int index, const char *event) {
  bool has = luaL_getmetafield(L, index, event) != LUA_TNIL;
  lua_pop(L, has);
  return has;
}

/* Pushes a copy of what the table at `index` holds itself: [-0, +1, m]. */
static void push_plain_copy(lua_State *L, int index, int places) {
  lua_createtable(L, places, places == 0 ? FIELDS : 0);
  int copy = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, index) != 0;) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, copy);
  }
}

/* Pushes a copy of the list at `index`, with all its keys: the check of the list refuses the
 * others. [-0, +1, e] */
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

static void push_options(lua_State *L, int index, bool of_wait);

/* Replaces a table in the options on top by a copy of its own: [-0, +0, e]. */
static void copy_table(lua_State *L, enum lcpp_option option) {
  if (lua_getfield(L, -1, lcpp_option_name(option)) != LUA_TTABLE) {
    lua_pop(L, 1);
    return;
  }
  int index = lua_gettop(L);
  if (option == LCPP_OPTION_EMAILS) {
    push_list(L, index);
  } else if (option == LCPP_OPTION_WAIT) {
    push_options(L, index, true);
  } else if (has_metamethod(L, index, "__index")) { /* which cannot list their names */
    lcpp_misuse(L, "headers: expected a table without __index");
  } else {
    push_plain_copy(L, index, 0);
  }
  lua_setfield(L, -3, lcpp_option_name(option));
  lua_pop(L, 1);
}

/* Pushes a copy of the options at `index`, with copies of its tables except the loop, which is an
 * object of the host: [-0, +1, e]. */
static void push_options(lua_State *L, int index, bool of_wait) {
  push_plain_copy(L, index, 0);
  if (has_metamethod(L, index, "__index")) {
    for (int i = 0; i < LCPP_OPTION_COUNT; i++) {
      const char *name = lcpp_option_name((enum lcpp_option)i);
      lua_getfield(L, index, name);
      lua_setfield(L, -2, name);
    }
  }
  copy_table(L, LCPP_OPTION_HEADERS);
  if (!of_wait) {
    copy_table(L, LCPP_OPTION_EMAILS);
    copy_table(L, LCPP_OPTION_WAIT);
  }
}

int lcpp_core_snapshot(lua_State *L) {
  lua_settop(L, 1);
  if (!lua_istable(L, 1)) {
    lcpp_misuse(L, "expected a table of options, got %s", luaL_typename(L, 1));
  }
  push_options(L, 1, false);
  return 1;
}
