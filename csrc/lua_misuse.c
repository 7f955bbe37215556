/* Misuse: errors at the line of the caller's own code, and the nearest known option. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lua_binding.h"

/* Registry key, by address: the prefix of this package's sources. */
static const char hidden_key;

/* Pushes "file:line: " of the first caller outside of this package. */
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

/* Levenshtein distance of two short names. */
static size_t distance(const char *a, const char *b) {
  enum { LONGEST = 40 };
  size_t row[LONGEST + 1];
  size_t length = strlen(b);
  if (length > LONGEST) {
    return LONGEST; /* GCOV_EXCL_LINE: no option has a name as long as that */
  }
  for (size_t j = 0; j <= length; j++) {
    row[j] = j;
  }
  for (size_t i = 1; *a != '\0'; a++, i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= length; j++) {
      size_t changed = diagonal + (*a != b[j - 1]);
      size_t longer = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
      diagonal = row[j];
      row[j] = changed < longer ? changed : longer;
    }
  }
  return row[length];
}

/* The largest distance at which a name counts as another one, misspelled. */
static size_t tolerance(const char *name) {
  size_t length = strlen(name);
  return length <= 3 ? 1 : length < 8 ? 2 : (length + 1) / 3;
}

_Noreturn void lcpp_misuse_option(lua_State *L, const char *name, const char *const *known,
                                  size_t count) {
  const char *nearest = known[0];
  for (size_t i = 1; i < count; i++) {
    if (distance(name, known[i]) < distance(name, nearest)) {
      nearest = known[i];
    }
  }
  if (strcmp(name, "credential") == 0 || strcmp(name, "credentials") == 0) {
    lcpp_misuse(L, "unknown option '%s' (the option for credentials is 'token')", name);
  }
  if (distance(name, nearest) > tolerance(name)) {
    lcpp_misuse(L, "unknown option '%s'", name);
  }
  lcpp_misuse(L, "unknown option '%s' (the nearest known one is '%s')", name, nearest);
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
