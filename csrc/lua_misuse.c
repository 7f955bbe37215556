/*
 * Misuse: errors that are raised at the place in the caller's own code.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lua_binding.h"

/* Registry key, by address: the prefix of this package's sources. */
static const char hidden_key;

/* Pushes "file:line: " of the first caller outside of this package: that is where the mistake is.
 */
static void push_caller(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &hidden_key);
  const char *hidden = lua_tostring(L, -1);
  lua_Debug frame;
  for (int level = 0; lua_getstack(L, level, &frame) != 0; level++) {
    lua_getinfo(L, "Sl", &frame);
    if (frame.currentline > 0 &&
        (hidden == NULL || strncmp(frame.source, hidden, strlen(hidden)) != 0)) {
      lua_pop(L, 1);
      lua_pushfstring(L, "%s:%d: ", frame.short_src, frame.currentline);
      return;
    }
  }
  lua_pop(L, 1);
  lua_pushliteral(L, "");
}

_Noreturn void lcpp_misuse(lua_State *L, const char *format, ...) {
  lcpp_reserve(L, 6);
  push_caller(L);
  lua_pushliteral(L, "cpp: ");
  va_list arguments;
  va_start(arguments, format);
  lua_pushvfstring(L, format, arguments);
  va_end(arguments);
  lua_concat(L, 3);
  lua_error(L);
  abort(); /* GCOV_EXCL_LINE: lua_error does not return, but is not declared so */
}

int lcpp_core_misuse(lua_State *L) {
  lcpp_misuse(L, "%s", luaL_checkstring(L, 1));
}

/* Uses the C API: the host may have no debug library. */
int lcpp_core_hide(lua_State *L) {
  lua_Debug caller;
  const char *end = NULL;
  if (lua_getstack(L, 1, &caller) != 0 && lua_getinfo(L, "S", &caller) != 0 &&
      caller.source[0] == '@') {
    end = strrchr(caller.source, '/');
  }
  if (end != NULL) {
    lua_pushlstring(L, caller.source, (size_t)(end - caller.source) + 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &hidden_key);
  }
  return 0;
}
