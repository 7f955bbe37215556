/*
 * libcurl's memory runs out: at every allocation of a scenario in turn, once and for good.
 *
 *     curlmemory curlmemory.lua scenario
 *
 * The host gives libcurl its memory before the module does; the module's later initialisation only
 * counts. Each time the scenario says by itself whether its outcome may be; then, with memory to be
 * had again, what it left behind must still work; and once its state is closed, libcurl must have
 * given back every block.
 */
#include <curl/curl.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mode { HEALTHY, FAILS_ONCE, FAILS_FOR_GOOD };

/* Atomic, because libcurl's resolver may allocate in a thread of its own. */
static atomic_int mode = HEALTHY;
static atomic_long left;     /* allocations until the first one that fails */
static atomic_long failures;
static atomic_long blocks;   /* that libcurl has and has not given back */

static bool refuses(void) {
  if (mode == HEALTHY) {
    return false;
  }
  long at = atomic_fetch_sub(&left, 1);
  bool refused = mode == FAILS_ONCE ? at == 0 : at <= 0;
  failures += refused;
  return refused;
}

static void *counted(void *block) {
  blocks += block != NULL;
  return block;
}

static void *allocate(size_t size) {
  return refuses() ? NULL : counted(malloc(size));
}

static void *allocate_zeroed(size_t count, size_t size) {
  return refuses() ? NULL : counted(calloc(count, size));
}

static char *duplicate(const char *text) {
  return refuses() ? NULL : counted(strdup(text));
}

static void *reallocate(void *block, size_t size) {
  if (block == NULL) {
    return allocate(size);
  }
  return refuses() ? NULL : realloc(block, size);
}

static void release(void *block) {
  blocks -= block != NULL;
  free(block);
}

static bool called(lua_State *L, int status, const char *what, long at) {
  if (status != LUA_OK) {
    fprintf(stderr, "%s at allocation %ld: %s: %s\n", mode == FAILS_ONCE ? "once" : "for good", at,
            what, lua_tostring(L, -1));
  }
  return status == LUA_OK;
}

/* Pushes the two functions of a scenario. */
static bool prepare(lua_State *L, const char *file, const char *scenario) {
  luaL_openlibs(L);
  if (luaL_loadfile(L, file) != LUA_OK) {
    return false;
  }
  lua_pushstring(L, scenario);
  return lua_pcall(L, 1, 2, 0) == LUA_OK;
}

/* One run. Whether nothing was wrong; *done: no allocation was refused. */
static bool attempt(const char *file, const char *scenario, enum mode how, long at, bool *done) {
  lua_State *L = luaL_newstate();
  if (L == NULL || !prepare(L, file, scenario)) {
    fprintf(stderr, "the scenario does not load: %s\n", L != NULL ? lua_tostring(L, -1) : "no state");
    return false;
  }
  failures = 0;
  left = at;
  mode = (int)how;
  lua_pushvalue(L, 1);
  bool well = called(L, lua_pcall(L, 0, 0, 0), "the outcome", at);
  mode = HEALTHY;
  *done = failures == 0;
  lua_settop(L, 2);
  well = called(L, lua_pcall(L, 0, 0, 0), "afterwards", at) && well;
  lua_close(L);
  return well;
}

static bool sweep(const char *file, const char *scenario, enum mode how, long *points) {
  long before = blocks;
  bool well = true;
  bool done = false;
  for (long at = 0; !done; at++, ++*points) {
    well = attempt(file, scenario, how, at, &done) && well;
    if (blocks != before) {
      fprintf(stderr, "%s at allocation %ld: %ld blocks are not given back\n",
              how == FAILS_ONCE ? "once" : "for good", at, blocks - before);
      before = blocks;
      well = false;
    }
  }
  return well;
}

int main(int count, char **words) {
  if (count != 3 || curl_global_init_mem(CURL_GLOBAL_DEFAULT, allocate, release, reallocate,
                                         duplicate, allocate_zeroed) != CURLE_OK) {
    return EXIT_FAILURE;
  }
  long points = 0;
  bool done = false;
  /* The first run makes what is made once in a process. */
  bool well = attempt(words[1], words[2], HEALTHY, 0, &done);
  well = sweep(words[1], words[2], FAILS_ONCE, &points) && well;
  well = sweep(words[1], words[2], FAILS_FOR_GOOD, &points) && well;
  printf("figures: %ld points\n", points);
  curl_global_cleanup();
  return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
