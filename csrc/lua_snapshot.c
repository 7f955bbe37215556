/*
 * core.snapshot: the copy of a table of options that a call works on.
 *
 * The caller's table is read once, at entry, so that later changes have no effect. It is read like
 * `options.name` and `list[i]`: with __index, and a list with __len. This may run code of the
 * caller, so it comes first.
 */
#include <string.h>

#include "lua_binding.h"

/* Preallocated in a copy: fields of options, and places of a list at most. */
enum { FIELDS = 4, PLACES = 8 };

static bool has_metatable(lua_State *L, int index) {
  bool has = lua_getmetatable(L, index) != 0;
  lua_pop(L, has);
  return has;
}

static void copy_value(lua_State *L, const char *name, bool of_wait);

/* Pushes a copy of what the table at `index` holds itself; of options, with copies of its tables.
 * Returns whether it has left a table with a metatable, whose code may change the options.
 * [-0, +1, e] */
static bool push_copy(lua_State *L, int index, bool of_options, bool of_wait) {
  bool left = false;
  lua_Unsigned length = lua_rawlen(L, index);
  lua_createtable(L, length < PLACES ? (int)length : PLACES, length == 0 ? FIELDS : 0);
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    if (of_options && lua_istable(L, -1) && lua_type(L, -2) == LUA_TSTRING) {
      if (has_metatable(L, -1)) {
        left = true;
      } else {
        copy_value(L, lua_tostring(L, -2), of_wait);
      }
    }
    lua_rawset(L, -5);
  }
  return left;
}

/* Pushes a copy of the list at `index`, with all its keys: the check of the list refuses the
 * others. [-0, +1, e] */
static void push_list(lua_State *L, int index) {
  push_copy(L, index, false, false);
  if (has_metatable(L, index)) {
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

/* Pushes a copy of the options at `index`: [-0, +1, e]. */
static void push_options(lua_State *L, int index, bool of_wait) {
  bool again = push_copy(L, index, true, of_wait) || has_metatable(L, index);
  for (int i = 0; i < LCPP_OPTION_COUNT && again; i++) {
    const char *name = lcpp_option_name((enum lcpp_option)i);
    lua_getfield(L, index, name);
    copy_value(L, name, of_wait);
    lua_setfield(L, -2, name);
  }
}

/* Replaces the value on top, of an option, by a copy of its own if it is a table; but a loop is an
 * object of the host. [-1, +1, e] */
static void copy_value(lua_State *L, const char *name, bool of_wait) {
  int index = lua_gettop(L);
  if (!lua_istable(L, index)) {
    return;
  }
  if (strcmp(name, "headers") == 0) {
    if (has_metatable(L, index)) { /* the names behind __index cannot be listed */
      lcpp_misuse(L, "headers: expected a table without a metatable");
    }
    push_copy(L, index, false, false);
  } else if (strcmp(name, "emails") == 0 && !of_wait) {
    push_list(L, index);
  } else if (strcmp(name, "wait") == 0 && !of_wait) {
    push_options(L, index, true);
  } else {
    return;
  }
  lua_replace(L, index);
}

int lcpp_core_snapshot(lua_State *L) {
  lua_settop(L, 1);
  if (!lua_istable(L, 1)) {
    lcpp_misuse(L, "expected a table of options, got %s", luaL_typename(L, 1));
  }
  push_options(L, 1, false);
  return 1;
}
