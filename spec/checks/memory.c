/*
 * Lua's memory runs out: at every allocation of a scenario in turn, for good; and a collection that
 * takes all it can, at every allocation and at every instruction of it.
 *
 *     memory memory.lua scenario [stride]
 *
 * Each time the scenario must end in a Lua error or say by itself that all is well; then, with
 * memory to be had again, what it left behind must still work; and the state must close, with
 * memory and without, and give back every byte. Leaks of other memory are the leak sanitizer's to
 * find, when the host ends.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum mode {
  HEALTHY,
  FAILS,                   /* until the scenario has ended */
  FAILS_FOR_GOOD,          /* also while the state is closed */
  COLLECTS_AT_ALLOCATIONS
};

struct memory {
  enum mode mode;
  long left;      /* allocations until the first one that fails */
  long failures;
  bool retried;   /* this allocation failed once already, so Lua has just collected */
  size_t in_use;  /* bytes */
};

static bool refuses(struct memory *memory) {
  switch (memory->mode) {
    case FAILS:
    case FAILS_FOR_GOOD:
      return memory->left-- <= 0;
    case COLLECTS_AT_ALLOCATIONS:
      /* Lua answers a failure with a full collection and asks again. */
      memory->retried = !memory->retried;
      return memory->retried;
    default:
      return false;
  }
}

static void *allocate(void *argument, void *block, size_t old_size, size_t new_size) {
  struct memory *memory = argument;
  size_t before = block != NULL ? old_size : 0;
  if (new_size == 0) {
    free(block);
    memory->in_use -= before;
    return NULL;
  }
  /* Lua relies on shrinking a block never failing. */
  if (new_size > before && refuses(memory)) {
    memory->failures++;
    return NULL;
  }
  void *moved = realloc(block, new_size);
  if (moved != NULL) {
    memory->in_use += new_size - before;
  }
  return moved;
}

static void collect(lua_State *L, lua_Debug *frame) {
  (void)frame;
  lua_gc(L, LUA_GCCOLLECT);
}

/* Pushes the two functions of a scenario: what is done, and what must work afterwards. */
static int prepare(lua_State *L) {
  luaL_openlibs(L);
  if (luaL_loadfile(L, lua_touserdata(L, 1)) != LUA_OK) {
    return lua_error(L);
  }
  lua_pushstring(L, lua_touserdata(L, 2));
  lua_call(L, 1, 2);
  return 2;
}

static bool succeeded(lua_State *L, int status, const char *what, long at) {
  if (status == LUA_OK) {
    return true;
  }
  fprintf(stderr, "at allocation %ld: %s: %s\n", at, what, lua_tostring(L, -1));
  return false;
}

/* One run. `at` is the allocation that fails first. Whether nothing was wrong. */
static bool attempt(char *file, char *scenario, enum mode mode, bool hooked, long at, bool *done) {
  struct memory memory = {.mode = HEALTHY};
  lua_State *L = lua_newstate(allocate, &memory);
  if (L == NULL) {
    return false;
  }
  lua_pushcfunction(L, prepare);
  lua_pushlightuserdata(L, file);
  lua_pushlightuserdata(L, scenario);
  bool well = succeeded(L, lua_pcall(L, 2, 2, 0), "the scenario does not load", at);
  if (well) {
    lua_pushvalue(L, 1);
    memory.left = at;
    memory.mode = mode;
    if (hooked) {
      lua_sethook(L, collect, LUA_MASKCOUNT, 1);
    }
    int status = lua_pcall(L, 0, 0, 0);
    lua_sethook(L, NULL, 0, 0);
    *done = memory.failures == 0;
    if (mode == HEALTHY || mode == COLLECTS_AT_ALLOCATIONS || *done) {
      well = succeeded(L, status, "the scenario failed although memory was to be had", at);
    } else if (status == LUA_ERRERR || (status == LUA_ERRRUN && lua_type(L, -1) != LUA_TSTRING)) {
      fprintf(stderr, "at allocation %ld: status %d with a %s\n", at, status, luaL_typename(L, -1));
      well = false;
    }
    if (mode != FAILS_FOR_GOOD) {
      memory.mode = HEALTHY;
      lua_settop(L, 2);
      well = succeeded(L, lua_pcall(L, 0, 0, 0), "afterwards", at) && well;
    }
  }
  lua_close(L);
  if (memory.in_use != 0) {
    fprintf(stderr, "at allocation %ld: %zu bytes are not given back\n", at, memory.in_use);
    well = false;
  }
  return well;
}

/* Keeps lua-cjson mapped until the process ends: what is unmapped has no name in a leak's report,
 * and its one known leak is recognised by name (leaks.supp). */
static lua_State *hold_libraries(void) {
  lua_State *L = luaL_newstate();
  if (L != NULL) {
    luaL_openlibs(L);
    if (luaL_dostring(L, "require 'cjson'")) {
      fprintf(stderr, "%s\n", lua_tostring(L, -1));
    }
  }
  return L;
}

int main(int count, char **words) {
  if (count < 3) {
    fprintf(stderr, "usage: %s file scenario [stride]\n", words[0]);
    return EXIT_FAILURE;
  }
  long stride = count > 3 ? strtol(words[3], NULL, 10) : 1;
  static lua_State *holder; /* never closed */
  holder = hold_libraries();
  bool done = false;
  /* The first run loads libraries and makes what libcurl and OpenSSL make once in a process. */
  bool well = holder != NULL && attempt(words[1], words[2], HEALTHY, false, 0, &done);
  well = well && attempt(words[1], words[2], COLLECTS_AT_ALLOCATIONS, false, 0, &done);
  well = well && attempt(words[1], words[2], HEALTHY, true, 0, &done);
  long points = 0;
  done = false;
  for (long at = 0; well && !done; at += stride, points++) {
    bool ignored = false;
    well = attempt(words[1], words[2], FAILS, false, at, &done) &&
           attempt(words[1], words[2], FAILS_FOR_GOOD, false, at, &ignored);
  }
  printf("figures: %ld points\n", points);
  return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
