/*
 * A host program with a Lua state and an event loop of its own, in which calls of cpp run.
 *
 *   embed SCRIPT PUBLISHER OFFER...
 *
 * The script (embed.lua) makes one coroutine for each offer. This program starts and resumes them;
 * in between it waits, in one epoll_wait, for the client's descriptor, for whatever the client or a
 * sleeping coroutine is due to do next, and for its own business: here a timer that ticks.
 */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
  TICK_MS = 5,          /* how often the host's own business comes */
  NO_DESCRIPTOR_MS = 10 /* how often to step a client that has no descriptor to watch */
};

/* Places of the state's stack that are kept all the time. */
enum { TRACEBACK = 1, PROGRAM = 2, THREADS = 3 };

struct host {
  lua_State *L;
  int epoll;
  int timer;
  unsigned long long ticks;
  int running; /* coroutines that have not ended */
  int failed;  /* coroutines that ended otherwise than well */
};

static int traceback(lua_State *L) {
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

/* Calls what lies below `arguments` values; false when it raised, which is printed. */
static bool call(lua_State *L, int arguments, int results) {
  if (lua_pcall(L, arguments, results, TRACEBACK) == LUA_OK) {
    return true;
  }
  fprintf(stderr, "embed: %s\n", lua_tostring(L, -1));
  lua_pop(L, 1);
  return false;
}

/* Calls a method of the core client; its one result is left on the stack. */
static bool call_core(lua_State *L, const char *method, bool with_zero) {
  lua_getfield(L, PROGRAM, "core");
  lua_getfield(L, -1, method);
  lua_insert(L, -2);
  if (with_zero) {
    lua_pushinteger(L, 0);
  }
  return call(L, with_zero ? 2 : 1, 1);
}

/* Pops seconds, or nil for none; the sooner of them and `timeout_ms` (-1: none). */
static int sooner(lua_State *L, int timeout_ms) {
  if (lua_isnumber(L, -1)) {
    double milliseconds = lua_tonumber(L, -1) * 1000 + 0.999; /* never too early */
    int limited = milliseconds < 60000 ? (int)milliseconds : 60000;
    timeout_ms = timeout_ms < 0 || limited < timeout_ms ? limited : timeout_ms;
  }
  lua_pop(L, 1);
  return timeout_ms;
}

/* Closes what a coroutine that failed had open, such as the requests of a batch in it: Lua leaves
 * that to the code that resumed it. The error, or that of a closing, stays on top of its stack
 * (from 5.4.3 on). */
static void close_variables(lua_State *L, lua_State *thread) {
#if LUA_VERSION_RELEASE_NUM >= 50406
  lua_closethread(thread, L);
#else
  (void)L;
  lua_resetthread(thread);
#endif
}

/* Runs a coroutine until it waits or ends. */
static void resume(struct host *host, lua_State *thread) {
  int results = 0;
  int status = lua_resume(thread, host->L, 0, &results);
  if (status == LUA_YIELD) {
    lua_pop(thread, results);
    return;
  }
  host->running--;
  if (status != LUA_OK) {
    close_variables(host->L, thread);
    fprintf(stderr, "embed: %s\n", luaL_tolstring(thread, -1, NULL));
    host->failed++;
  } else if (results == 0 || !lua_toboolean(thread, -results)) {
    host->failed++;
  }
  lua_pushthread(thread); /* it may be collected now */
  lua_xmove(thread, host->L, 1);
  lua_pushnil(host->L);
  lua_rawset(host->L, THREADS);
}

/* Starts each function of `jobs` in a coroutine. */
static void start_jobs(struct host *host) {
  lua_State *L = host->L;
  lua_getfield(L, PROGRAM, "jobs");
  lua_Integer count = luaL_len(L, -1);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_State *thread = lua_newthread(L);
    lua_pushboolean(L, true);
    lua_rawset(L, THREADS); /* nothing else keeps it alive while it runs */
    lua_geti(L, -1, i);
    lua_xmove(L, thread, 1);
    host->running++;
    resume(host, thread);
  }
  lua_pop(L, 1);
}

/* Has epoll watch the client's one descriptor for as long as the client is open. */
static bool watch_client(struct host *host) {
  if (!call_core(host->L, "pollfd", false)) {
    return false;
  }
  bool watched = true;
  if (lua_isinteger(host->L, -1)) {
    struct epoll_event event = {.events = EPOLLIN};
    watched = epoll_ctl(host->epoll, EPOLL_CTL_ADD, (int)lua_tointeger(host->L, -1), &event) == 0;
  }
  lua_pop(host->L, 1);
  return watched;
}

/* How long nothing is due, in milliseconds; -1: for ever; -2: Lua raised an error. */
static int next_timeout(lua_State *L) {
  if (!call_core(L, "timeout", false)) {
    return -2;
  }
  int timeout_ms = sooner(L, -1);
  lua_getfield(L, PROGRAM, "timeout");
  if (!call(L, 0, 1)) {
    return -2;
  }
  timeout_ms = sooner(L, timeout_ms);
  if (!call_core(L, "pollfd", false)) {
    return -2;
  }
  bool blind = lua_isnil(L, -1);
  lua_pop(L, 1);
  return blind && (timeout_ms < 0 || timeout_ms > NO_DESCRIPTOR_MS) ? NO_DESCRIPTOR_MS : timeout_ms;
}

/* The host's own business. */
static void tick(struct host *host) {
  uint64_t expirations = 0;
  if (read(host->timer, &expirations, sizeof expirations) == sizeof expirations) {
    host->ticks += expirations;
  }
}

/* Steps the client, and resumes the coroutines that are ready. */
static bool run_client(struct host *host) {
  lua_State *L = host->L;
  if (!call_core(L, "step", true)) {
    return false;
  }
  lua_pop(L, 1);
  lua_getfield(L, PROGRAM, "run");
  lua_getfield(L, PROGRAM, "core");
  if (!call(L, 1, 0)) {
    return false;
  }
  while (true) {
    lua_getfield(L, PROGRAM, "ready");
    if (!call(L, 0, 1)) {
      return false;
    }
    lua_State *thread = lua_tothread(L, -1);
    lua_pop(L, 1);
    if (thread == NULL) {
      return true;
    }
    if (lua_status(thread) == LUA_YIELD) {
      resume(host, thread);
    }
  }
}

static bool turn(struct host *host) {
  struct epoll_event events[4];
  int timeout_ms = next_timeout(host->L);
  if (timeout_ms < -1) {
    return false;
  }
  int count = epoll_wait(host->epoll, events, 4, timeout_ms);
  if (count < 0 && errno != EINTR) {
    perror("embed: epoll_wait");
    return false;
  }
  tick(host);
  return run_client(host);
}

static bool open_loop(struct host *host) {
  struct itimerspec every = {.it_interval.tv_nsec = TICK_MS * 1000000L,
                             .it_value.tv_nsec = TICK_MS * 1000000L};
  struct epoll_event event = {.events = EPOLLIN};
  host->epoll = epoll_create1(EPOLL_CLOEXEC);
  host->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return host->epoll >= 0 && host->timer >= 0 &&
         timerfd_settime(host->timer, 0, &every, NULL) == 0 &&
         epoll_ctl(host->epoll, EPOLL_CTL_ADD, host->timer, &event) == 0;
}

/* Loads the script and runs it with the arguments behind its name; its table is left at PROGRAM. */
static bool load(lua_State *L, int count, char **arguments) {
  luaL_openlibs(L);
  lua_settop(L, 0);
  lua_pushcfunction(L, traceback);
  if (luaL_loadfile(L, arguments[0]) != LUA_OK) {
    fprintf(stderr, "embed: %s\n", lua_tostring(L, -1));
    return false;
  }
  if (!lua_checkstack(L, count)) {
    return false;
  }
  for (int i = 1; i < count; i++) {
    lua_pushstring(L, arguments[i]);
  }
  if (!call(L, count - 1, 1)) {
    return false;
  }
  lua_newtable(L);
  return true;
}

static bool run(struct host *host, int count, char **arguments) {
  if (!open_loop(host)) {
    perror("embed");
    return false;
  }
  if (!load(host->L, count, arguments) || !watch_client(host)) {
    return false;
  }
  start_jobs(host);
  while (host->running > 0) {
    if (!turn(host)) {
      return false;
    }
  }
  lua_getfield(host->L, PROGRAM, "close");
  return call(host->L, 0, 0);
}

int main(int count, char **arguments) {
  if (count < 4) {
    fprintf(stderr, "usage: embed SCRIPT PUBLISHER OFFER...\n");
    return 2;
  }
  struct host host = {.L = luaL_newstate(), .epoll = -1, .timer = -1};
  if (host.L == NULL) {
    fprintf(stderr, "embed: out of memory\n");
    return EXIT_FAILURE;
  }
  bool done = run(&host, count - 1, arguments + 1);
  lua_close(host.L); /* ends whatever still runs */
  if (host.timer >= 0) {
    close(host.timer);
  }
  if (host.epoll >= 0) {
    close(host.epoll);
  }
  printf("%llu ticks of the host meanwhile\n", host.ticks);
  return done && host.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
