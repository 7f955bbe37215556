/*
 * One point: a scenario that runs in a process of its own while one call fails, and what must hold
 * afterwards: its outcome is one that may be, its client is usable, and everything is given back.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define SECONDS 0.5
#define PATIENT_SECONDS 15.0

/* Where the two functions of a scenario and its context stand in the state. */
enum { RUN = 1, AFTER = 2, CONTEXT = 3 };

static int entries_of(const char *name) {
  DIR *directory = opendir(name);
  int count = 0;
  while (directory != NULL && readdir(directory) != NULL) {
    count++;
  }
  if (directory != NULL) {
    closedir(directory);
  }
  return count;
}

static int descriptors_open(void) {
  return entries_of("/proc/self/fd");
}

/* Waits until no more threads run than the stage had: a resolver thread that libcurl has left
 * closes its descriptor when it ends. */
static void await_threads(int threads) {
  for (int left = 1000; left > 0 && entries_of("/proc/self/task") > threads; left--) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
}

/* Pushes the scenario's two functions and its context. */
static int prepare(lua_State *L) {
  const struct scenario *scenario = lua_touserdata(L, 1);
  luaL_openlibs(L);
  if (luaL_loadfile(L, scenario->file) != LUA_OK) {
    return lua_error(L);
  }
  lua_call(L, 0, 1);
  lua_getfield(L, -1, "prepare");
  lua_pushstring(L, scenario->name);
  lua_pushstring(L, scenario->transport);
  lua_call(L, 2, 3);
  return 3;
}

bool stage_open(struct stage *stage, const struct scenario *scenario) {
  stage->program = getpid();
  stage->descriptors = descriptors_open();
  stage->threads = entries_of("/proc/self/task");
  stage->mark = blocks_mark();
  stage->lua_bytes = 0;
#if LUA_VERSION_NUM >= 505
  stage->L = lua_newstate(lua_allocate, &stage->lua_bytes,
                          1); /* a fixed seed, as the points are numbered */
#else
  stage->L = lua_newstate(lua_allocate, &stage->lua_bytes);
#endif
  if (stage->L == NULL) {
    return false;
  }
  lua_pushcfunction(stage->L, prepare);
  lua_pushlightuserdata(stage->L, (void *)scenario);
  if (lua_pcall(stage->L, 1, 3, 0) != LUA_OK) {
    fprintf(stderr, "%s: %s\n", scenario->name, lua_tostring(stage->L, -1));
    return false;
  }
  lua_getfield(stage->L, CONTEXT, "cold");
  stage->cold = lua_toboolean(stage->L, -1) != 0;
  lua_pop(stage->L, 1);
  return true;
}

/* Tells the scenario what the ids of its requests begin with, and the seconds that one may take:
 * many where nothing fails, so that a busy machine is no failure. */
static void tell(const struct stage *stage, const char *id, double seconds) {
  lua_pushfstring(stage->L, "%d-%s", (int)stage->program, id);
  lua_setfield(stage->L, CONTEXT, "id");
  lua_pushnumber(stage->L, seconds);
  lua_setfield(stage->L, CONTEXT, "timeout");
}

/* Calls one of the functions with the context: LUA_OK and its string, or the status and the error
 * on top. */
static int call(lua_State *L, int function) {
  lua_pushvalue(L, function);
  lua_pushvalue(L, CONTEXT);
  return lua_pcall(L, 1, 1, 0);
}

static bool went_well(lua_State *L, const struct scenario *scenario, int status) {
  if (status != LUA_OK) {
    fprintf(stderr, "%s over %s, without failures: %s\n", scenario->name, scenario->transport,
            lua_tostring(L, -1));
  }
  return status == LUA_OK;
}

/* Appends what the scenario knows of its requests to the file that HARNESS_REQUESTS names. */
static void record_requests(lua_State *L) {
  FILE *file = fopen(getenv("HARNESS_REQUESTS"), "a");
  if (file != NULL && lua_getfield(L, CONTEXT, "requests") == LUA_TTABLE) {
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
      fprintf(file, "%s %s\n", lua_tostring(L, -2), lua_tostring(L, -1));
    }
  }
  if (file != NULL) {
    fclose(file);
  }
  lua_settop(L, CONTEXT);
}

/* OpenSSL seeds its random numbers anew after a fork. It never recovers where memory runs out in
 * that, which would be the end of every point; the process of a user forks less. */
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

bool stage_rehearse(struct stage *stage, const struct scenario *scenario) {
  lua_State *L = stage->L;
  seed_again();
  char id[200];
  snprintf(id, sizeof id, "%s-%s-rehearsal", scenario->name, scenario->transport);
  tell(stage, id, PATIENT_SECONDS);
  bool well = went_well(L, scenario, call(L, RUN)) && went_well(L, scenario, call(L, AFTER));
  if (well && strcmp(lua_tostring(L, -2), "answered") != 0) {
    fprintf(stderr, "%s over %s, without failures: %s\n", scenario->name, scenario->transport,
            lua_tostring(L, -2));
    well = false;
  }
  record_requests(L);
  lua_close(L);
  return well;
}

/* Whether what a scenario raised may come of the failure: a text, or an err that tells what was
 * accepted before. */
static bool may_be_raised(lua_State *L, const struct point *point) {
  const char *text = luaL_tolstring(L, -1, NULL);
  bool memory = strstr(text, "not enough memory") != NULL || strstr(text, "out of memory") != NULL;
  /* `require` says only that it cannot read a file. */
  bool file = strstr(text, "module '") != NULL || strstr(text, "cannot read") != NULL ||
              strstr(text, "cpp needs lua-cjson") != NULL;
  lua_pop(L, 1);
  return memory || (file && point->source != SOURCE_LUA && point->source != SOURCE_CURL);
}

/* Blocks that were not given back: how many are not of a library's own making; and what they are.
 * What the dynamic linker keeps is of a thread that has ended, for the next one. */
enum { FEW = 4 };
static long left_blocks;
static bool left_by_us;
static char left_of[200];

static void look_at_left(const void *code) {
  char name[200];
  name_code(code, name, sizeof name);
  if (strncmp(name, "ld-linux", 8) != 0) {
    left_blocks++;
    if (!left_by_us) {
      memcpy(left_of, name, sizeof left_of);
    }
    left_by_us = left_by_us || (!is_of_libcurl(code) && !is_cjson(code));
  }
}

/* Frees what OpenSSL keeps of a thread: its queue of errors, with their texts. */
static void forget_thread(void) {
  void (*stop)(void) = NULL;
  *(void **)&stop = dlsym(RTLD_DEFAULT, "OPENSSL_thread_stop");
  if (stop != NULL) {
    stop();
  }
}

/* libcurl 7.88 closes descriptor 0, where memory runs out as it begins to look up a name: it has
 * cleared what it closes then (asyn-thread.c, init_thread_sync_data). */
static void restore_input(void) {
  if (fcntl(STDIN_FILENO, F_GETFD) == -1) {
    (void)!open("/dev/null", O_RDONLY | O_CLOEXEC); /* the lowest that is free */
  }
}

/* What the state leaves behind once it is closed. */
static void check_left(const struct stage *stage) {
  if (stage->lua_bytes != 0) {
    ending_now(ENDED_BADLY, "%zu bytes of Lua's are not given back", stage->lua_bytes);
  }
  await_threads(stage->threads);
  restore_input();
  int descriptors = descriptors_open();
  if (descriptors != stage->descriptors) {
    ending_now(ENDED_BADLY, "%d descriptors are open, %d were", descriptors, stage->descriptors);
  }
  if (stage->cold) {
    return; /* and what is made once in a process stays */
  }
  forget_thread();
  blocks_left(stage->mark, look_at_left);
  if (left_blocks > 0) {
    ending_now(left_by_us || left_blocks > FEW ? ENDED_BADLY : ENDED_LEAKING,
               "%ld blocks are not given back, one of %s", left_blocks, left_of);
  }
}

/* What the requests of a point are named after. */
static void tell_point(const struct stage *stage, const struct scenario *scenario,
                       const struct point *point) {
  char id[300];
  const struct call *kind = call_kind(point->source - SOURCE_CALLS);
  snprintf(id, sizeof id, "%s-%s-%d-%s-%s-%ld-%s", scenario->name, scenario->transport,
           point->source, kind != NULL ? kind->name : "memory",
           point->error != NULL ? point->error->name : "", point->at,
           point->sticky ? "sticky" : "once");
  tell(stage, id, point->at < 0 ? PATIENT_SECONDS : SECONDS);
}

static void collect(lua_State *L, lua_Debug *frame) {
  (void)frame;
  lua_gc(L, LUA_GCCOLLECT);
}

/* Runs the scenario while calls fail, or while Lua collects. */
static int run_failing(lua_State *L, const struct point *point) {
  lua_collect_at_objects(point->source == SOURCE_COLLECTOR && point->at == COLLECT_AT_OBJECTS);
  if (point->source == SOURCE_COLLECTOR && point->at == COLLECT_AT_INSTRUCTIONS) {
    lua_sethook(L, collect, LUA_MASKCOUNT, 1);
  }
  call_set_error(point->error);
  counter_arm(point->source, point->at, point->sticky);
  int status = call(L, RUN);
  counter_disarm();
  lua_sethook(L, NULL, 0, 0);
  lua_collect_at_objects(false);
  return status;
}

void point_run(struct stage *stage, const struct scenario *scenario, const struct point *point,
               struct report *report, unsigned seconds, bool search) {
  lua_State *L = stage->L;
  tell_point(stage, scenario, point);
  ending_watch(report->reason, seconds);
  if (!stage->cold) {
    seed_again();
  }
  blocks_keep();
  if (search) {
    secrets_search(report);
  }
  int status = run_failing(L, point);
  bool last = counter_failures() == 0;
  for (int i = 0; i < SOURCES; i++) {
    report->seen[i] = counter_seen(i);
  }
  report->last = last;
  if (status == LUA_OK) {
    snprintf(report->outcome, sizeof report->outcome, "%s", lua_tostring(L, -1));
  } else if (!last && may_be_raised(L, point)) {
    snprintf(report->outcome, sizeof report->outcome, "raised");
  } else {
    ending_now(ENDED_BADLY, "raised: %s", luaL_tolstring(L, -1, NULL));
  }
  bool harmless = last || (point->error != NULL && point->error->number == 0);
  /* A busy machine may be late: "auth" is what a timeout of the token service comes to. */
  bool late = point->at >= 0 &&
              (strcmp(report->outcome, "timeout") == 0 || strcmp(report->outcome, "auth") == 0);
  if (harmless && strcmp(report->outcome, "answered") != 0 && !late) {
    ending_now(ENDED_BADLY, "%s, although nothing failed", report->outcome);
  }
  lua_settop(L, CONTEXT);
  record_requests(L);
  if (call(L, AFTER) != LUA_OK) {
    ending_now(ENDED_BADLY, "afterwards: %s", luaL_tolstring(L, -1, NULL));
  }
  lua_close(L);
  check_left(stage);
  ending_now(last ? ENDED_LAST : ENDED_WELL, "%s", "");
}
