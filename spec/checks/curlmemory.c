/*
 * libcurl's memory runs out: at every allocation of a scenario in turn, once and for good.
 *
 *     curlmemory curlmemory.lua scenario
 *
 * The host gives libcurl its memory before the module does; the module's later initialisation only
 * counts. Each time the scenario says by itself whether its outcome may be; then, with memory to be
 * had again, what it left behind must still work; and once its state is closed, libcurl must have
 * given back every block.
 *
 * libcurl 7.88.1 does not survive every point itself: it frees the name of a TLS session twice, and
 * divides by the size of a socket's table that it has destroyed. Such points are counted apart.
 */
#include <curl/curl.h>
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* How one run ended: the exit status of its process. */
enum ending {
  WELL = 0,
  LAST = 10,       /* no allocation was refused: there are no more points */
  BAD = 11,
  OF_LIBCURL = 12  /* libcurl itself does not survive it */
};

enum mode { HEALTHY, FAILS_ONCE, FAILS_FOR_GOOD };

enum {
  SECONDS = 3,      /* that a run may take */
  TOO_MANY = 5000,  /* points */
  MOST_LOST = 20    /* points at which libcurl may fail by itself */
};

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

/* Stands before each block, so that one that is given back twice is noticed here. */
struct tag {
  _Alignas(max_align_t) unsigned long magic;
};
enum { IN_USE = 0x600db10c, GIVEN_BACK = 0x0ddb10c5 };

static void *allocate(size_t size) {
  struct tag *tag = refuses() ? NULL : malloc(sizeof *tag + size);
  if (tag == NULL) {
    return NULL;
  }
  tag->magic = IN_USE;
  blocks++;
  return tag + 1;
}

static void release(void *block) {
  if (block == NULL) {
    return;
  }
  struct tag *tag = (struct tag *)block - 1;
  if (tag->magic != IN_USE) {
    _exit(failures > 0 ? OF_LIBCURL : BAD);
  }
  tag->magic = GIVEN_BACK;
  blocks--;
  /* Not freed: its tag would not survive. A process lives for one run. */
}

static void *allocate_zeroed(size_t count, size_t size) {
  void *block = allocate(count * size);
  return block != NULL ? memset(block, 0, count * size) : NULL;
}

static char *duplicate(const char *text) {
  char *copy = allocate(strlen(text) + 1);
  return copy != NULL ? strcpy(copy, text) : NULL;
}

static void *reallocate(void *block, size_t size) {
  if (block == NULL) {
    return allocate(size);
  }
  if (refuses()) {
    return NULL;
  }
  struct tag *tag = realloc((struct tag *)block - 1, sizeof *tag + size);
  return tag != NULL ? tag + 1 : NULL;
}

/* libcurl's own division by zero, or somebody's. */
static void on_division(int number) {
  (void)number;
  _exit(failures > 0 ? OF_LIBCURL : BAD);
}

static bool called(lua_State *L, int status, enum mode how, const char *what, long at) {
  if (status != LUA_OK) {
    fprintf(stderr, "%s at allocation %ld: %s: %s\n", how == FAILS_ONCE ? "once" : "for good", at,
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
  bool well = called(L, lua_pcall(L, 0, 0, 0), how, "the outcome", at);
  mode = HEALTHY;
  *done = failures == 0;
  lua_settop(L, 2);
  well = called(L, lua_pcall(L, 0, 0, 0), how, "afterwards", at) && well;
  lua_close(L);
  return well;
}

/* A process for one run: libcurl may not survive it, and what it makes once it makes anew. */
static enum ending attempt_apart(const char *file, const char *scenario, enum mode how, long at) {
  pid_t pid = fork();
  if (pid == 0) {
    alarm(SECONDS);
    signal(SIGFPE, on_division);
    long before = blocks;
    bool done = false;
    bool well = attempt(file, scenario, how, at, &done);
    if (well && blocks != before) {
      fprintf(stderr, "%s at allocation %ld: %ld blocks are not given back\n",
              how == FAILS_ONCE ? "once" : "for good", at, blocks - before);
      well = false;
    }
    _exit(!well ? BAD : done ? LAST : WELL);
  }
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) < 0) {
    return BAD;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0 && WEXITSTATUS(status) < LAST) {
    return BAD; /* the sanitizer has spoken */
  }
  if (WIFSIGNALED(status)) {
    fprintf(stderr, "%s at allocation %ld: %s\n", how == FAILS_ONCE ? "once" : "for good", at,
            WTERMSIG(status) == SIGALRM ? "it hangs" : strsignal(WTERMSIG(status)));
    return BAD;
  }
  return (enum ending)WEXITSTATUS(status);
}

static bool sweep(const char *file, const char *scenario, enum mode how, long *points, long *lost) {
  bool well = true;
  enum ending ending = WELL;
  for (long at = 0; ending != LAST && at < TOO_MANY; at++, ++*points) {
    ending = attempt_apart(file, scenario, how, at);
    *lost += ending == OF_LIBCURL;
    well = well && ending != BAD;
  }
  return well && ending == LAST;
}

int main(int count, char **words) {
  if (count != 3 || curl_global_init_mem(CURL_GLOBAL_DEFAULT, allocate, release, reallocate,
                                         duplicate, allocate_zeroed) != CURLE_OK) {
    return EXIT_FAILURE;
  }
  long points = 0;
  long lost = 0;
  bool done = false;
  /* The first run makes what is made once in a process. */
  bool well = attempt(words[1], words[2], HEALTHY, 0, &done);
  well = well && sweep(words[1], words[2], FAILS_ONCE, &points, &lost);
  well = sweep(words[1], words[2], FAILS_FOR_GOOD, &points, &lost) && well;
  printf("figures: %ld points, at %ld of which libcurl %s ends the process by itself\n", points, lost,
         curl_version_info(CURLVERSION_NOW)->version);
  return well && lost <= MOST_LOST ? EXIT_SUCCESS : EXIT_FAILURE;
}
