/*
 * A Lua interpreter for the checks, to be built with a sanitizer, which has to be part of the
 * program that starts.
 *
 *     host [-e chunk]... [script [arguments]]
 *
 * It stands in for lua5.4 where the specs run under AddressSanitizer. The other way, LD_PRELOAD of
 * the sanitizer into lua5.4, is inherited by every program that a spec starts, among them nginx
 * and Python, and makes their own leaks a failure of ours.
 *
 * The module `host` has what a program that embeds Lua does and Lua itself cannot; its functions are
 * described below. The look-up of the name stuck.invalid takes STUCK_SECONDS here.
 *
 * COLLECT_EVERY="calls allocations" in the environment: a full collection, finalisers included,
 * before every so many calls of the core's functions; and one without finalisers (an emergency
 * collection) at every so many of the allocations in them. What they use and nothing holds is gone
 * at once. COLLECT_REPORT: the file to which the number of collections is added at the end.
 */
#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STUCK_SECONDS = 2, MOST_THREADS = 16, REMEMBERED = 1024 };

/* The collector. */

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

/* For one state of a process, right after it was made. */
static void install_collector(lua_State *L) {
  const char *strides = getenv("COLLECT_EVERY");
  if (strides == NULL ||
      sscanf(strides, "%lu %lu", &collector.every_call, &collector.every_allocation) != 2) {
    return;
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
}

/* The module `host`. */

static bool is_child;

/* The leak sanitizer asks this at the end of a process. A forked child leaves its copy of its
 * parent's client alone, connections and memory: it is lost on purpose. */
int __lsan_is_turned_off(void); /* NOLINT: the sanitizer's name */
int __lsan_is_turned_off(void) {
  return is_child;
}

/* In place of the C library's own: a name server that does not respond. */
int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found) {
  if (node != NULL && strcmp(node, "stuck.invalid") == 0) {
    sleep(STUCK_SECONDS);
    return EAI_AGAIN;
  }
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
  *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
  return real(node, service, hints, found);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* host.run(source) -> seconds that closing its state took */
static int host_run(lua_State *L) {
  lua_State *inner = luaL_newstate();
  luaL_openlibs(inner);
  bool done = !luaL_dostring(inner, luaL_checkstring(L, 1));
  lua_pushstring(L, done ? "" : lua_tostring(inner, -1));
  double started = now();
  lua_close(inner);
  if (!done) {
    return lua_error(L);
  }
  lua_pushnumber(L, now() - started);
  return 1;
}

/* host.fork() -> process id; 0 in the child */
static int host_fork(lua_State *L) {
  fflush(NULL);
  pid_t pid = fork();
  is_child = is_child || pid == 0;
  lua_pushinteger(L, pid);
  return 1;
}

/* host.wait(pid) -> its exit status; or nil, and the signal that ended it */
static int host_wait(lua_State *L) {
  int status = 0;
  waitpid((pid_t)luaL_checkinteger(L, 1), &status, 0);
  if (WIFEXITED(status)) {
    lua_pushinteger(L, WEXITSTATUS(status));
    return 1;
  }
  lua_pushnil(L);
  lua_pushinteger(L, WTERMSIG(status));
  return 2;
}

/* host.leave(status): _exit */
static int host_leave(lua_State *L) {
  _exit((int)luaL_checkinteger(L, 1));
}

struct work {
  pthread_t thread;
  const char *file;
  lua_Integer argument;
  pthread_barrier_t *start; /* so that the module is initialised by all of them at once */
  bool done;
};

static void *work_in_state(void *argument) {
  struct work *work = argument;
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  bool loaded = luaL_loadfile(L, work->file) == LUA_OK;
  pthread_barrier_wait(work->start);
  lua_pushinteger(L, work->argument);
  work->done = loaded && lua_pcall(L, 1, 0, 0) == LUA_OK;
  if (!work->done) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
  }
  lua_close(L);
  return NULL;
}

/* host.threads(count, file, number) -> whether the file ran well with the number, at once in a state of its own on
 * each of so many threads */
static int host_threads(lua_State *L) {
  static struct work works[MOST_THREADS];
  lua_Integer count = luaL_checkinteger(L, 1);
  pthread_barrier_t start;
  luaL_argcheck(L, count > 0 && count <= MOST_THREADS, 1, "too many threads");
  pthread_barrier_init(&start, NULL, (unsigned)count);
  for (lua_Integer i = 0; i < count; i++) {
    works[i] = (struct work){
        .file = luaL_checkstring(L, 2), .argument = luaL_checkinteger(L, 3), .start = &start};
    if (pthread_create(&works[i].thread, NULL, work_in_state, &works[i]) != 0) {
      exit(EXIT_FAILURE); /* the other threads wait for it */
    }
  }
  bool done = true;
  for (lua_Integer i = 0; i < count; i++) {
    pthread_join(works[i].thread, NULL);
    done = done && works[i].done;
  }
  lua_pushboolean(L, done);
  return 1;
}

static int open_host(lua_State *L) {
  static const luaL_Reg functions[] = {{"run", host_run},         {"fork", host_fork},
                                       {"wait", host_wait},       {"leave", host_leave},
                                       {"threads", host_threads}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}

/* The interpreter. */

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

/* Runs what was loaded with that status, and is on top, with the arguments words[0] up to NULL. */
static bool run(lua_State *L, int status, char **words) {
  int base = lua_gettop(L);
  lua_pushcfunction(L, add_traceback);
  lua_insert(L, base);
  int count = 0;
  for (; words[count] != NULL; count++) {
    luaL_checkstack(L, 1, "too many arguments");
    lua_pushstring(L, words[count]);
  }
  signal(SIGINT, on_interrupt);
  status = status == LUA_OK ? lua_pcall(L, count, 0, base) : status;
  signal(SIGINT, SIG_DFL);
  if (status != LUA_OK) {
    fprintf(stderr, "host: %s\n", lua_tostring(L, base + 1));
  }
  lua_settop(L, base - 1);
  return status == LUA_OK;
}

int main(int count, char **words) {
  char *none[] = {NULL};
  lua_State *L = running = luaL_newstate();
  install_collector(L);
  luaL_openlibs(L);
  luaL_requiref(L, "host", open_host, 0);
  int at = 1;
  const char *first = getenv("LUA_INIT_5_4"); /* a chunk; files are not needed here */
  bool done = first == NULL || run(L, luaL_loadstring(L, first), none);
  for (; done && at + 1 < count && strcmp(words[at], "-e") == 0; at += 2) {
    const char *chunk = words[at + 1]; /* named as lua5.4 does */
    done = run(L, luaL_loadbuffer(L, chunk, strlen(chunk), "=(command line)"), none);
  }
  if (done && at < count) {
    lua_newtable(L);
    for (int i = 0; i < count; i++) {
      lua_pushstring(L, words[i]);
      lua_rawseti(L, -2, i - at);
    }
    lua_setglobal(L, "arg");
    done = run(L, luaL_loadfile(L, strcmp(words[at], "-") == 0 ? NULL : words[at]), words + at + 1);
  }
  lua_close(L);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
