/*
 * JSON by a separate instance of lua-cjson (cjson.new), so that neither the module nor its host
 * changes the other's settings.
 *
 * Texts are checked first (json.h). `null` becomes nil. Whole numbers become Lua integers, exact up
 * to 64 bits. lua-cjson would round those beyond 2^53, and read "[1,5]" as 1.5 in a locale with a
 * decimal comma, so it gets each number as a marked string, which is converted afterwards.
 *
 * lua-cjson ends the process (exit) if memory runs out in it, and counts bytes in an int. So its
 * input is bounded, and assure_memory checks that it can allocate.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "lua_binding.h"

/* Bytes of a text that is decoded. Marked, it may grow by a factor of 2.6, and has to fit an int.
 */
enum { MAX_TEXT = 512 * 1024 * 1024 };

/* What lua-cjson 2.1.0 allocates beside the text: the header of a buffer (32 bytes), and a buffer
 * of 1023 bytes when it is opened. Lua allocates in between, too. */
enum { BUFFER_HEAD = 64, OPENING = 32 * 1024 };

/* Registry key, by address. */
static const char decode_key;

/* Raises unless a buffer of `size` bytes can be allocated, as lua-cjson does next. Another thread
 * of the process may take the memory in between. [-0, +0, v] */
static void assure_memory(lua_State *L, size_t size) {
  /* volatile: a compiler may remove an allocation that is only freed. calloc: the freed block holds
   * nothing of an earlier owner. */
  void *volatile head = calloc(1, BUFFER_HEAD);
  void *volatile buffer = calloc(1, size);
  bool both = head != NULL && buffer != NULL;
  free(buffer);
  free(head);
  if (!both) {
    luaL_error(L, "not enough memory");
  }
}

void lcpp_json_open(lua_State *L) {
  assure_memory(L, OPENING);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "cjson");
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    const char *problem = lua_tostring(L, -1);
    if (problem != NULL && strncmp(problem, "module 'cjson' not found", 24) == 0) {
      luaL_error(L,
                 "cpp needs lua-cjson (Debian: lua-cjson; elsewhere: luarocks install lua-cjson)");
    }
    lua_error(L);
  }
  lua_getfield(L, -1, "new");
  assure_memory(L, OPENING);
  lua_call(L, 0, 1);
  lua_getfield(L, -1, "decode_max_depth");
  lua_pushinteger(L, LCPP_JSON_DEPTH);
  lua_call(L, 1, 0);
  lua_getfield(L, -1, "decode_invalid_numbers");
  lua_pushboolean(L, 0);
  lua_call(L, 1, 0);
  lua_getfield(L, -1, "decode");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &decode_key);
  lua_pop(L, 2);
}

/* Pushes the text with its numbers turned into marked strings. */
static void push_marked(lua_State *L, const char *text, size_t length, size_t marks) {
  if (marks == 0) {
    lua_pushlstring(L, text, length);
    return;
  }
  luaL_Buffer buffer;
  size_t size = length + 3 * marks;
  lcpp_json_mark(text, length, luaL_buffinitsize(L, &buffer, size));
  luaL_pushresultsize(&buffer, size);
}

/* Pushes a number. */
static void push_number(lua_State *L, const char *text) {
  if (strpbrk(text, ".eE") == NULL) {
    /* Beyond 64 bits Lua makes it a float, as it does with such a numeral in a program. */
    lua_stringtonumber(L, text);
    return;
  }
  int whole = 0;
  lua_pushnumber(L, lcpp_json_float(text));
  lua_Integer integer = lua_tointegerx(L, -1, &whole);
  if (whole != 0) {
    lua_pop(L, 1);
    lua_pushinteger(L, integer);
  }
}

/* Replaces the value on top by the value for the user. Recursion is bounded by LCPP_JSON_DEPTH.
 */
static void settle(lua_State *L) {
  switch (lua_type(L, -1)) {
    case LUA_TLIGHTUSERDATA: /* null */
      lua_pop(L, 1);
      lua_pushnil(L);
      return;
    case LUA_TSTRING: {
      const char *text = lua_tostring(L, -1);
      if (text[0] == LCPP_JSON_MARK) {
        push_number(L, text + 1);
        lua_remove(L, -2);
      }
      return;
    }
    case LUA_TTABLE:
      break;
    default:
      return;
  }
  lcpp_reserve(L, 6);
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    int type = lua_type(L, -1);
    settle(L);
    if (type == LUA_TTABLE) {
      lua_pop(L, 1);
      continue;
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4); /* assigning to an existing field is allowed during a traversal */
  }
}

static const char *problem_of(enum lcpp_json_status status) {
  static const char *const problems[] = {
      [LCPP_JSON_OK] = NULL,
      [LCPP_JSON_INVALID] = "the response's body is not the JSON that was expected",
      [LCPP_JSON_DEEP] = "the response's body is nested too deeply",
      [LCPP_JSON_MANY] = "the response's body has too many values"};
  return problems[status];
}

const char *lcpp_json_decode(lua_State *L, const char *text, size_t length) {
  int top = lua_gettop(L);
  lcpp_reserve(L, 7);
  if (length > MAX_TEXT) {
    return problem_of(LCPP_JSON_INVALID);
  }
  /* Held here: a finaliser that runs meanwhile may close the request that has the text. */
  text = lua_pushlstring(L, text, length);
  size_t marks = 0;
  enum lcpp_json_status status = lcpp_json_check(text, length, &marks);
  if (status != LCPP_JSON_OK) {
    lua_settop(L, top);
    return problem_of(status);
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &decode_key);
  push_marked(L, text, length, marks);
  assure_memory(L, lua_rawlen(L, -1) + 1);
  int code = lua_pcall(L, 1, 1, 0);
  if (code == LUA_ERRMEM) {
    lua_error(L);
  }
  if (code != LUA_OK) {
    lua_settop(L, top);
    return problem_of(LCPP_JSON_INVALID);
  }
  settle(L);
  lua_remove(L, top + 1);
  return NULL;
}

int lcpp_core_decode(lua_State *L) {
  size_t length = 0;
  const char *text = luaL_checklstring(L, 1, &length);
  const char *problem = lcpp_json_decode(L, text, length);
  if (problem != NULL) {
    lua_pushnil(L);
    lua_pushstring(L, problem);
    return 2;
  }
  return 1;
}
