/*
 * A module that leaves secrets in memory on purpose, in the ways that the search of torture/harness
 * has to find, and that handles them rightly, which it must not report. Its file is named core.so,
 * as the module's is: see torture/checks/planted.lua.
 */
#include <curl/curl.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 400, PLACE = 100 };

/* Keeps the compiler from leaving out what is written to a block that is freed next. */
#define WRITTEN(block) __asm__ __volatile__("" : : "r"(block) : "memory")

/* A block with the secret in the middle. */
static char *new_block(const char *secret) {
  char *block = calloc(1, SIZE);
  if (block != NULL) {
    memcpy(block + PLACE, secret, strlen(secret));
    WRITTEN(block);
  }
  return block;
}

static void wipe(char *block, size_t size) {
  memset(block, 0, size);
  WRITTEN(block);
}

static int plant_free(lua_State *L) {
  free(new_block(luaL_checkstring(L, 1)));
  return 0;
}

/* Only a part of the secret is wiped. */
static int plant_part(lua_State *L) {
  char *block = new_block(luaL_checkstring(L, 1));
  if (block != NULL) {
    wipe(block, PLACE + 8);
    free(block);
  }
  return 0;
}

static int plant_realloc(lua_State *L) {
  char *block = new_block(luaL_checkstring(L, 1));
  char *grown = block != NULL ? realloc(block, (size_t)SIZE * 100) : NULL;
  if (grown != NULL) {
    wipe(grown, SIZE);
    free(grown);
  }
  return 0;
}

static int plant_escaped(lua_State *L) {
  curl_free(curl_easy_escape(NULL, luaL_checkstring(L, 1), 0));
  return 0;
}

static int plant_wiped(lua_State *L) {
  char *block = new_block(luaL_checkstring(L, 1));
  if (block != NULL) {
    wipe(block, SIZE);
    free(block);
  }
  return 0;
}

/* What the block holds is of the run before, which is not searched. */
static int plant_unwritten(lua_State *L) {
  static int runs;
  if (runs++ == 0) {
    return plant_free(L);
  }
  char *volatile block = malloc(SIZE);
  free(block);
  return 0;
}

__attribute__((visibility("default"))) int luaopen_planted_core(lua_State *L);

int luaopen_planted_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"free", plant_free},
                                       {"part", plant_part},
                                       {"realloc", plant_realloc},
                                       {"escaped", plant_escaped},
                                       {"wiped", plant_wiped},
                                       {"unwritten", plant_unwritten},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
