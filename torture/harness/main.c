/*
 * The program: runs sweep.lua with its arguments, and gives it what Lua lacks: the module `harness`.
 * The scenario has another state.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { MOST_SLOTS = 64, REPORT_SIZE = 65536 };

/* What the processes of points tell their parent, in memory that both see; and the one of this
 * process. */
static char (*reports)[REPORT_SIZE];
static char *own_report;

/* The scenario: its functions and its context stand in this order in its state. */
enum { RUN = 1, AFTER = 2, CONTEXT = 3 };
static lua_State *stage;
static bool stage_is_cold;
static size_t stage_bytes;       /* of Lua, in use */
static unsigned long stage_mark; /* no block of the state is older */

void report(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (own_report != NULL) {
    size_t used = strlen(own_report);
    vsnprintf(own_report + used, REPORT_SIZE - 1 - used, format, arguments);
    strcat(own_report, "\n");
  } else {
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
  }
  va_end(arguments);
}

/* harness.report(text): adds a line to the report of this process. */
static int add_report(lua_State *L) {
  report("%s", luaL_checkstring(L, 1));
  return 0;
}

/* harness.read_report(slot) -> text */
static int read_report(lua_State *L) {
  lua_pushstring(L, reports[luaL_checkinteger(L, 1) - 1]);
  return 1;
}

/* harness.fork(slot) -> its process id; 0 in the child, whose report is that of the slot */
static int fork_here(lua_State *L) {
  char *slot = reports[luaL_checkinteger(L, 1) - 1];
  slot[0] = '\0';
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    own_report = slot;
  }
  lua_pushinteger(L, pid);
  return 1;
}

/* harness.wait() -> id of a process that has ended, its exit status or what signal ended it */
static int wait_here(lua_State *L) {
  int status = 0;
  lua_pushinteger(L, waitpid(-1, &status, 0));
  if (WIFEXITED(status)) {
    lua_pushinteger(L, WEXITSTATUS(status));
  } else {
    lua_pushstring(L, strsignal(WTERMSIG(status)));
  }
  return 2;
}

/* Pushes the scenario's two functions and its context. */
static int prepare(lua_State *L) {
  luaL_openlibs(L);
  if (luaL_loadfile(L, "torture/harness/scenarios.lua") != LUA_OK) {
    return lua_error(L);
  }
  lua_call(L, 0, 1);
  lua_getfield(L, -1, "prepare");
  lua_pushstring(L, lua_touserdata(L, 1));
  lua_pushstring(L, lua_touserdata(L, 2));
  lua_call(L, 2, 3);
  return 3;
}

/* harness.open(name, transport) -> whether the scenario is cold; or nil, and why it does not load */
static int stage_open(lua_State *L) {
  stage_mark = blocks_mark();
  stage_bytes = 0;
#if LUA_VERSION_NUM >= 505
  stage = lua_newstate(lua_allocate, &stage_bytes, 1); /* a fixed seed: the points are numbered */
#else
  stage = lua_newstate(lua_allocate, &stage_bytes);
#endif
  lua_pushcfunction(stage, prepare);
  for (int i = 1; i <= 2; i++) {
    lua_pushlightuserdata(stage, (void *)luaL_checkstring(L, i));
  }
  if (lua_pcall(stage, 2, 3, 0) != LUA_OK) {
    lua_pushnil(L);
    lua_pushstring(L, lua_tostring(stage, -1));
    return 2;
  }
  lua_getfield(stage, CONTEXT, "cold");
  stage_is_cold = lua_toboolean(stage, -1);
  lua_pop(stage, 1);
  lua_pushboolean(L, stage_is_cold);
  return 1;
}

/* harness.tell(id, seconds): what the ids of the scenario's requests begin with, after the number of the
 * process, and what a request may take. */
static int stage_tell(lua_State *L) {
  static pid_t program;
  program = program != 0 ? program : getpid();
  lua_pushfstring(stage, "%d-%s", (int)program, luaL_checkstring(L, 1));
  lua_setfield(stage, CONTEXT, "id");
  lua_pushnumber(stage, luaL_checknumber(L, 2));
  lua_setfield(stage, CONTEXT, "timeout");
  return 0;
}

/* Calls one of the functions with the context; pushes whether it returned, and what. */
static int call(lua_State *L, int function) {
  lua_pushvalue(stage, function);
  lua_pushvalue(stage, CONTEXT);
  int status = lua_pcall(stage, 1, 1, 0);
  counter_disarm();
  lua_pushboolean(L, status == LUA_OK);
  lua_pushstring(L, luaL_tolstring(stage, -1, NULL));
  lua_settop(stage, CONTEXT);
  return 2;
}

/* OpenSSL seeds its random numbers anew after a fork. It never recovers where memory runs out in that, which would be
 * the end of every point; the process of a user forks less. */
static void seed_again(void) {
  static const char *const names[] = {"RAND_bytes", "RAND_priv_bytes"};
  unsigned char bytes[16];
  for (int i = 0; i < 2; i++) {
    int (*get)(unsigned char *, int) = NULL;
    *(void **)&get = dlsym(RTLD_DEFAULT, names[i]);
    if (get != NULL) {
      get(bytes, sizeof bytes);
    }
  }
}

/* harness.run([source, number, sticky [, error]]) -> whether it returned; the outcome, or what was raised; how many
 * calls failed. Runs the scenario while calls fail (error: the number of a way to fail); reports how many calls of each
 * source there were. */
static int stage_run(lua_State *L) {
  int source = (int)luaL_optinteger(L, 1, SOURCE_NONE);
  if (source >= SOURCE_CALLS) {
    call_set_error(&call_kinds[source - SOURCE_CALLS].errors[luaL_optinteger(L, 4, 1) - 1]);
  }
  if (!stage_is_cold) {
    seed_again();
  }
  counter_arm(source, (long)luaL_optinteger(L, 2, -1), lua_toboolean(L, 3) != 0);
  call(L, RUN);
  for (int i = 0; own_report != NULL && i < SOURCES; i++) {
    report("seen %ld", counter_seen(i));
  }
  lua_pushinteger(L, counter_failures());
  return 3;
}

/* harness.after() -> whether it returned, and what */
static int stage_after(lua_State *L) {
  return call(L, AFTER);
}

/* harness.close() -> bytes that Lua has not given back. Opens descriptor 0 where libcurl 7.88 has closed it, which it
 * does where memory runs out as it begins to look up a name: it has cleared what it closes then (asyn-thread.c,
 * init_thread_sync_data). */
static int stage_close(lua_State *L) {
  lua_close(stage);
  if (fcntl(STDIN_FILENO, F_GETFD) == -1) {
    (void)!open("/dev/null", O_RDONLY | O_CLOEXEC); /* the lowest that is free */
  }
  lua_pushinteger(L, (lua_Integer)stage_bytes);
  return 1;
}

/* But for blocks of this program's own state, and what the dynamic linker keeps of a thread that has ended, for the next
 * one. */
static void add_left(void *argument, const void *code) {
  lua_State *L = argument;
  char name[200];
  if (is_in(code, "liblua") || is_in(code, "ld-linux")) {
    return;
  }
  name_code(code, name, sizeof name);
  lua_pushstring(L, name);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  if (owner_of(code) == OF_US || owner_of(code) == OF_OTHERS) {
    lua_pushboolean(L, true);
    lua_setfield(L, -2, name);
  }
}

/* harness.left() -> list of the names of code whose blocks were not given back; those that are not libcurl's or
 * lua-cjson's are keys in it too. What OpenSSL keeps of a thread, its queue of errors, is freed before. */
static int left(lua_State *L) {
  void (*stop)(void) = NULL;
  *(void **)&stop = dlsym(RTLD_DEFAULT, "OPENSSL_thread_stop");
  if (stop != NULL) {
    stop();
  }
  lua_newtable(L);
  blocks_left(stage_mark, add_left, L);
  return 1;
}

/* harness.watch(seconds, search, explain): this process is one for a point, which may take so long. */
static int watch(lua_State *L) {
  ending_watch((unsigned)luaL_checkinteger(L, 1), lua_toboolean(L, 3));
  blocks_keep();
  if (lua_toboolean(L, 2)) {
    secrets_search();
  }
  return 0;
}

/* harness.nap(): a millisecond */
static int nap(lua_State *L) {
  (void)L;
  usleep(1000);
  return 0;
}

/* harness.add_secret(name, text) */
static int add_secret(lua_State *L) {
  size_t length = 0;
  const char *text = luaL_checklstring(L, 2, &length);
  luaL_argcheck(L, secrets_add(luaL_checkstring(L, 1), text, length), 2, "no room");
  return 0;
}

/* harness.finish(ending, reason): ends this process. */
static int finish(lua_State *L) {
  ending_now((enum ending)luaL_checkinteger(L, 1), "%s", luaL_optstring(L, 2, ""));
}

/* harness.kinds: list of the kinds of calls: name, and a list of names of ways to fail */
static void push_kinds(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; call_kinds[i].name != NULL; i++) {
    lua_newtable(L);
    lua_pushstring(L, call_kinds[i].name);
    lua_setfield(L, -2, "name");
    for (int j = 0; call_kinds[i].errors[j].name != NULL; j++) {
      lua_pushstring(L, call_kinds[i].errors[j].name);
      lua_rawseti(L, -2, j + 1);
    }
    lua_rawseti(L, -2, i + 1);
  }
}

static int open_harness(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"report", add_report}, {"read_report", read_report}, {"fork", fork_here},
      {"wait", wait_here},    {"open", stage_open},         {"tell", stage_tell},
      {"run", stage_run},     {"after", stage_after},       {"close", stage_close},
      {"left", left},         {"watch", watch},             {"add_secret", add_secret},
      {"nap", nap},           {"finish", finish},           {NULL, NULL}};
  luaL_newlib(L, functions);
  push_kinds(L);
  lua_setfield(L, -2, "kinds");
  return 1;
}

int main(int count, char **words) {
  void *frames[2];
  backtrace(frames, 2);     /* what it needs is loaded now */
  signal(SIGPIPE, SIG_DFL); /* a parent process may ignore it, and that would be inherited */
  reports = mmap(NULL, MOST_SLOTS * sizeof *reports, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  luaL_requiref(L, "harness", open_harness, 0);
  lua_settop(L, 0);
  if (reports == MAP_FAILED || luaL_loadfile(L, "torture/harness/sweep.lua") != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return EXIT_FAILURE;
  }
  for (int i = 1; i < count; i++) {
    lua_pushstring(L, words[i]);
  }
  if (lua_pcall(L, count - 1, 1, 0) != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return EXIT_FAILURE;
  }
  return lua_toboolean(L, -1) ? EXIT_SUCCESS : EXIT_FAILURE;
}
