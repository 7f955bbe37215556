/*
 * As many lua_States as threads, all of which send requests at once: what they share must be locked.
 *
 *     threads threads.lua threads requests
 */
#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_THREADS = 16 };

struct work {
  pthread_t thread;
  const char *file;
  lua_Integer requests;
  bool done;
};

/* So that the module is initialised by all of them at once. */
static pthread_barrier_t start;

static void *run(void *argument) {
  struct work *work = argument;
  lua_State *L = luaL_newstate();
  if (L == NULL) {
    return NULL;
  }
  luaL_openlibs(L);
  bool loaded = luaL_loadfile(L, work->file) == LUA_OK;
  pthread_barrier_wait(&start);
  lua_pushinteger(L, work->requests);
  work->done = loaded && lua_pcall(L, 1, 0, 0) == LUA_OK;
  if (!work->done) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
  }
  lua_close(L);
  return NULL;
}

int main(int count, char **words) {
  static struct work works[MOST_THREADS];
  long threads = count == 4 ? strtol(words[2], NULL, 10) : 0;
  if (threads < 1 || threads > MOST_THREADS ||
      pthread_barrier_init(&start, NULL, (unsigned)threads) != 0) {
    return EXIT_FAILURE;
  }
  for (long i = 0; i < threads; i++) {
    works[i] = (struct work){.file = words[1], .requests = strtol(words[3], NULL, 10)};
    if (pthread_create(&works[i].thread, NULL, run, &works[i]) != 0) {
      return EXIT_FAILURE; /* the others wait for it in vain: the process ends */
    }
  }
  bool done = true;
  for (long i = 0; i < threads; i++) {
    pthread_join(works[i].thread, NULL);
    done = done && works[i].done;
  }
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
