/*
 * A Lua interpreter to be built with a sanitizer, which has to be part of the program that starts.
 *
 * It stands in for lua5.4 where the specs run under AddressSanitizer. The other way, LD_PRELOAD of
 * the sanitizer into lua5.4, is inherited by every program that a spec starts, among them nginx
 * and Python, and makes their own leaks a failure of ours. It can also collect while the core runs
 * (collector.h).
 *
 *     interpreter [-e chunk]... [script [arguments]]
 */
#include "collector.h"

#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lua_State *running;

static void stop(lua_State *L, lua_Debug *frame) {
  (void)frame;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "interrupted!");
}

/* As lua5.4 does: Ctrl-C raises an error at the next instruction. */
static void on_interrupt(int number) {
  signal(number, SIG_DFL);
  lua_sethook(running, stop, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static int add_traceback(lua_State *L) {
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

static bool run(lua_State *L, int arguments) {
  int base = lua_gettop(L) - arguments;
  lua_pushcfunction(L, add_traceback);
  lua_insert(L, base);
  running = L;
  signal(SIGINT, on_interrupt);
  bool done = lua_pcall(L, arguments, 0, base) == LUA_OK;
  signal(SIGINT, SIG_DFL);
  if (!done) {
    fprintf(stderr, "interpreter: %s\n", lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  lua_remove(L, base);
  return done;
}

static void push_arguments(lua_State *L, int count, char **words, int script) {
  lua_newtable(L);
  for (int i = 0; i < count; i++) {
    lua_pushstring(L, words[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

static bool load(lua_State *L, int status) {
  if (status != LUA_OK) {
    fprintf(stderr, "interpreter: %s\n", lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  return status == LUA_OK;
}

int main(int count, char **words) {
  lua_State *L = luaL_newstate();
  if (L == NULL) {
    return EXIT_FAILURE;
  }
  collector_install(L);
  luaL_openlibs(L);
  int at = 1;
  const char *first = getenv("LUA_INIT_5_4"); /* a chunk; files are not needed here */
  bool done = first == NULL || (load(L, luaL_loadstring(L, first)) && run(L, 0));
  while (done && at + 1 < count && strcmp(words[at], "-e") == 0) {
    const char *chunk = words[at + 1]; /* named as lua5.4 does */
    done = load(L, luaL_loadbuffer(L, chunk, strlen(chunk), "=(command line)")) && run(L, 0);
    at += 2;
  }
  if (done && at < count) {
    push_arguments(L, count, words, at);
    done = load(L, luaL_loadfile(L, strcmp(words[at], "-") == 0 ? NULL : words[at]));
    if (done) {
      luaL_checkstack(L, count, "too many arguments");
      for (int i = at + 1; i < count; i++) {
        lua_pushstring(L, words[i]);
      }
      done = run(L, count - at - 1);
    }
  }
  lua_close(L);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
