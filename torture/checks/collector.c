/*
 * What torture/checks/sanitize adds to lua5.4: a library that is preloaded after the sanitizer's own, which has to be there
 * before the program starts. Programs that a spec starts, such as nginx and Python, do not inherit it: their own leaks are
 * no failure of ours.
 *
 * COLLECT_EVERY="calls allocations" in the environment, and luaopen_collector called by LUA_INIT: a full collection,
 * finalisers included, before every so many calls of the core's functions; and one without finalisers (an emergency
 * collection) at every so many of the allocations in them. What they use and nothing holds is gone
 * at once. COLLECT_REPORT: the file to which the number of collections is added at the end.
 */
#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REMEMBERED = 1024 };

__attribute__((constructor)) static void begin(void) {
  unsetenv("LD_PRELOAD");
}

static struct {
  unsigned long every_call, every_allocation; /* the strides */
  unsigned long calls, allocations;           /* until the next collection */
  unsigned long collections;
  int depth; /* 1: in a function of the core; more: in what that one has called; 0: elsewhere */
  lua_Alloc allocate;
  void *argument;
  const char *report; /* where the figures go */
} collector;

/* A process has few C functions and calls them often. */
static bool is_of_core(lua_CFunction function) {
  static struct {
    lua_CFunction function;
    bool of_core;
  } known[REMEMBERED];
  uintptr_t address = (uintptr_t)function;
  size_t at = (address >> 4) % REMEMBERED;
  if (known[at].function != function) {
    Dl_info file;
    known[at].function = function;
    known[at].of_core = dladdr((void *)address, &file) != 0 && file.dli_fname != NULL &&
                        strstr(file.dli_fname, "cpp/core.so") != NULL;
  }
  return known[at].of_core;
}

/* The core calls C functions only (cjson's): where Lua runs, it does not. An error leaves no return
 * behind, so it is good that the depth starts again there. */
static void on_call_or_return(lua_State *L, lua_Debug *frame) {
  if (frame->event == LUA_HOOKRET) {
    collector.depth -= collector.depth > 0;
    return;
  }
  lua_getinfo(L, "f", frame);
  lua_CFunction function = lua_tocfunction(L, -1);
  lua_pop(L, 1);
  if (function == NULL) {
    collector.depth = 0;
  } else if (collector.depth > 0 || is_of_core(function)) {
    collector.depth++;
  }
  if (collector.depth == 1 && --collector.calls == 0) {
    collector.calls = collector.every_call;
    collector.collections++;
    lua_gc(L, LUA_GCCOLLECT);
  }
}

/* Lua responds to a failure with a full collection and asks again; but its buffers (luaL_Buffer), which
 * grow, do not, so only new objects count. Their "old size" is their type.
 * https://www.lua.org/manual/5.4/manual.html#lua_Alloc */
static void *allocate(void *argument, void *block, size_t old_size, size_t new_size) {
  bool object = block == NULL && old_size != 0;
  if (object && collector.depth > 0 && --collector.allocations == 0) {
    collector.allocations = collector.every_allocation;
    collector.collections++;
    return NULL;
  }
  return collector.allocate(argument, block, old_size, new_size);
}

static void write_figures(void) {
  FILE *file = fopen(collector.report, "a");
  if (file != NULL) {
    fprintf(file, "%lu\n", collector.collections);
    fclose(file);
  }
}

/* For one state of a process, which each Lua runs before anything else. */
int luaopen_collector(lua_State *L);
int luaopen_collector(lua_State *L) {
  const char *strides = getenv("COLLECT_EVERY");
  if (collector.allocate != NULL || strides == NULL ||
      sscanf(strides, "%lu %lu", &collector.every_call, &collector.every_allocation) != 2) {
    return 0;
  }
  collector.calls = collector.every_call;
  /* The next allocation is the one that asks again. */
  collector.every_allocation += collector.every_allocation == 1;
  collector.allocations = collector.every_allocation;
  collector.report = getenv("COLLECT_REPORT");
  if (collector.report != NULL) {
    atexit(write_figures);
  }
  collector.allocate = lua_getallocf(L, &collector.argument);
  lua_setallocf(L, allocate, collector.argument);
  lua_sethook(L, on_call_or_return, LUA_MASKCALL | LUA_MASKRET, 0); /* coroutines inherit it */
  return 0;
}
