/*
 * What a fuzz target in Lua runs in: the module itself, linked in with the fuzzer's eyes on it, in one Lua state.
 *
 * The target, <name>.lua beside this file, returns a function that is called with each input and raises when a promise
 * was broken. FUZZ_TARGET (the path of the file) and FUZZ_PACKAGE (lua/ of the tree) are defined where it is compiled.
 * https://llvm.org/docs/LibFuzzer.html
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "peer.h"

int luaopen_cpp_core(lua_State *L);
int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lua_State *L;

static int add_traceback(lua_State *state) {
  luaL_traceback(state, state, luaL_tolstring(state, 1, NULL), 1);
  return 1;
}

static void require_success(int status) {
  if (status != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    abort();
  }
}

/* Leaves the traceback function and the target's function on the stack for good. */
int LLVMFuzzerInitialize(int *count, char ***words) {
  (void)count;
  (void)words;
  L = luaL_newstate();
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_cpp_core);
  lua_setfield(L, -2, "cpp.core");
  lua_pushcfunction(L, peer_open);
  lua_setfield(L, -2, "peer");
  lua_settop(L, 0);
  lua_pushcfunction(L, add_traceback);
  require_success(luaL_loadstring(L, "package.path = '" FUZZ_PACKAGE "/?.lua;" FUZZ_PACKAGE "/?/init.lua;' .. package.path"));
  require_success(lua_pcall(L, 0, 0, 1));
  require_success(luaL_loadfile(L, FUZZ_TARGET));
  require_success(lua_pcall(L, 0, 1, 1));
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lua_pushvalue(L, 2);
  lua_pushlstring(L, (const char *)data, size);
  require_success(lua_pcall(L, 1, 0, 1));
  return 0;
}
