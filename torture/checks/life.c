/*
 * A host for life.lua: what a program that embeds Lua does and Lua itself cannot.
 *
 *     life life.lua scenario
 *
 * The table `host` has: run(function's source) -> seconds that closing its state took; fork() -> pid
 * or 0; wait(pid) -> "exit" or "signal", and its number; leave(code): _exit; finish(code): close the
 * state, then exit; descriptors() -> how many are open; signals() -> text of all dispositions;
 * collect(object): its __gc.
 *
 * The look-up of the name stuck.invalid takes STUCK_SECONDS here.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STUCK_SECONDS = 2 };

static bool is_child;
static int finish_code;
static const char finish_mark; /* raised by its address: the state is to be closed */

/* The leak sanitizer asks this at the end of a process. A forked child leaves its copy of its
 * parent's client alone, connections and memory: it is lost on purpose. */
int __lsan_is_turned_off(void); /* NOLINT: the sanitizer's name */
int __lsan_is_turned_off(void) {
  return is_child;
}

/* In place of the C library's own: a name server that does not answer. */
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

static lua_State *new_state(void);

static int host_run(lua_State *L) {
  const char *source = luaL_checkstring(L, 1);
  lua_State *inner = new_state();
  if (inner == NULL) {
    return luaL_error(L, "no state");
  }
  bool done = !luaL_dostring(inner, source);
  lua_pushstring(L, done ? "" : lua_tostring(inner, -1));
  double started = now();
  lua_close(inner);
  if (!done) {
    return lua_error(L);
  }
  lua_pushnumber(L, now() - started);
  return 1;
}

static int host_fork(lua_State *L) {
  fflush(NULL);
  pid_t pid = fork();
  if (pid < 0) {
    return luaL_error(L, "fork failed");
  }
  is_child = is_child || pid == 0;
  lua_pushinteger(L, pid);
  return 1;
}

static int host_wait(lua_State *L) {
  int status = 0;
  if (waitpid((pid_t)luaL_checkinteger(L, 1), &status, 0) < 0) {
    return luaL_error(L, "no such child");
  }
  lua_pushstring(L, WIFEXITED(status) ? "exit" : "signal");
  lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  return 2;
}

static int host_leave(lua_State *L) {
  _exit((int)luaL_checkinteger(L, 1));
}

static int host_finish(lua_State *L) {
  finish_code = (int)luaL_checkinteger(L, 1);
  lua_pushlightuserdata(L, (void *)&finish_mark);
  return lua_error(L);
}

static int host_descriptors(lua_State *L) {
  DIR *directory = opendir("/proc/self/fd");
  lua_Integer count = 0;
  while (directory != NULL && readdir(directory) != NULL) {
    count++;
  }
  if (directory != NULL) {
    closedir(directory);
  }
  lua_pushinteger(L, count);
  return 1;
}

static int host_signals(lua_State *L) {
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, NULL, &blocked);
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0) {
      char line[96];
      snprintf(line, sizeof line, "%d %p %x %d\n", number, *(void **)&action.sa_handler,
               (unsigned)action.sa_flags, sigismember(&blocked, number));
      luaL_addstring(&buffer, line);
    }
  }
  luaL_pushresult(&buffer);
  return 1;
}

static int host_collect(lua_State *L) {
  lua_settop(L, 1);
  if (luaL_getmetafield(L, 1, "__gc") == LUA_TNIL) {
    return luaL_error(L, "no finaliser");
  }
  lua_insert(L, 1);
  lua_call(L, 1, 0);
  return 0;
}

static lua_State *new_state(void) {
  static const luaL_Reg functions[] = {{"run", host_run},
                                       {"fork", host_fork},
                                       {"wait", host_wait},
                                       {"leave", host_leave},
                                       {"finish", host_finish},
                                       {"descriptors", host_descriptors},
                                       {"signals", host_signals},
                                       {"collect", host_collect},
                                       {NULL, NULL}};
  lua_State *L = luaL_newstate();
  if (L != NULL) {
    luaL_openlibs(L);
    luaL_newlib(L, functions);
    lua_setglobal(L, "host");
  }
  return L;
}

int main(int count, char **words) {
  /* A parent process may ignore it, and that would be inherited. */
  signal(SIGPIPE, SIG_DFL);
  lua_State *L = count == 3 ? new_state() : NULL;
  if (L == NULL || luaL_loadfile(L, words[1]) != LUA_OK) {
    return EXIT_FAILURE;
  }
  lua_pushstring(L, words[2]);
  int status = lua_pcall(L, 1, 0, 0);
  bool finishing = status == LUA_ERRRUN && lua_touserdata(L, -1) == (void *)&finish_mark;
  if (status != LUA_OK && !finishing) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
  }
  lua_close(L);
  return finishing ? finish_code : status == LUA_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
