/*
 * The program: what is asked for, the list of scenarios, and the figures.
 *
 *     harness [option]... -f scenarios.lua what
 *
 * what: lua, curl, malloc, core (whose memory runs out: core is what the module itself asks the
 * process for), calls (to the kernel), or collector (Lua collects all it can at every new object,
 * and at every instruction), or none (nothing fails).
 *
 *     -j jobs        points at the same time (2)
 *     -p points      of a sweep at most, evenly spread (0: all of them)
 *     -s scenario    only this one
 *     -t transport   only this one
 *     -a at          only this point, and with backtraces where it goes wrong
 *     -d seconds     that a point may take (30)
 *     -S             search what the module frees for secrets: see secrets.c
 *
 * Prints TAP: a test for each scenario and transport.
 */
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

static struct settings settings = {.jobs = 2, .only = -1, .seconds = 30};
static const char *file, *only_scenario, *only_transport;
static long tests, searched, findings;

static void print_tallies(const char *title, const struct tally *tallies) {
  if (tallies[0].count > 0) {
    printf("%s", title);
  }
  for (int i = 0; i < TALLIES && tallies[i].count > 0; i++) {
    printf("%s%ld %s", i > 0 ? ", " : "", tallies[i].count, tallies[i].name);
  }
}

/* A comment for each place that freed a secret: "# found: N name: address of the call, of its
 * caller...". */
static void print_findings(const struct figures *figures) {
  searched += figures->searched;
  for (int i = 0; i < TALLIES && figures->findings[i].count > 0; i++) {
    findings += figures->findings[i].count;
    printf("# found: %ld %s\n", figures->findings[i].count, figures->findings[i].name);
  }
}

/* A scenario that is not cold runs once before: what libraries make once in a process is made then.
 */
static bool open_stage(struct stage *stage, const struct scenario *scenario) {
  return stage_open(stage, scenario) &&
         (stage->cold || (stage_rehearse(stage, scenario) && stage_open(stage, scenario)));
}

/* One scenario over one transport. */
static bool run(const struct scenario *scenario, const char *what, int source) {
  static struct figures figures;
  static long total;
  struct stage stage;
  tests++;
  if (!open_stage(&stage, scenario)) {
    printf("not ok %ld - %s: %s over %s\n# it does not run\n", tests, what, scenario->name,
           scenario->transport);
    return false;
  }
  bool well = sweep_all(&stage, scenario, &settings, source, &figures);
  lua_close(stage.L);
  total += figures.points;
  printf("%s %ld - %s: %s over %s\n# %ld points", well ? "ok" : "not ok", tests, what,
         scenario->name, scenario->transport, figures.points);
  print_tallies(": ", figures.outcomes);
  print_tallies("; the process was ended: ", figures.ends);
  print_tallies("; left behind: ", figures.leaks);
  printf(" (%ld points so far)\n", total);
  print_findings(&figures);
  fflush(stdout);
  return well;
}

/* Reads the texts to search for: a list of { name, text } in the table on top. */
static bool read_secrets(lua_State *L) {
  bool all = lua_getfield(L, -1, "secrets") == LUA_TTABLE;
  for (lua_Integer i = 1; all && lua_rawgeti(L, -1, i) == LUA_TTABLE; i++) {
    size_t length = 0;
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    const char *text = luaL_checklstring(L, -1, &length);
    all = secrets_add(luaL_checkstring(L, -2), text, length);
    lua_pop(L, 3);
  }
  lua_settop(L, 1);
  return all;
}

/* Runs the scenarios of the list in scenarios.lua, each over its transports. */
static bool run_all(const char *what, int source) {
  lua_State *L = luaL_newstate();
  bool well = L != NULL;
  luaL_openlibs(L);
  if (luaL_dofile(L, file)) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return false;
  }
  if (settings.search && !read_secrets(L)) {
    fprintf(stderr, "%s has no list of secrets, or one that is too long\n", file);
    return false;
  }
  /* Kept mapped until the end: code that was unmapped has no name any more. */
  lua_getglobal(L, "require");
  lua_pushliteral(L, "cjson");
  lua_call(L, 1, 0);
  lua_getfield(L, -1, "list");
  lua_pushstring(L, what);
  lua_call(L, 1, 1);
  for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TTABLE; i++) {
    lua_getfield(L, -1, "name");
    lua_getfield(L, -2, "transport");
    struct scenario scenario = {file, lua_tostring(L, -2), lua_tostring(L, -1)};
    if ((only_scenario == NULL || strcmp(only_scenario, scenario.name) == 0) &&
        (only_transport == NULL || strcmp(only_transport, scenario.transport) == 0)) {
      well = run(&scenario, what, source) && well;
    }
    lua_pop(L, 3);
  }
  lua_close(L);
  if (settings.search) {
    printf("# searched: %ld blocks that the module freed, %ld findings\n", searched, findings);
  }
  printf("1..%ld\n", tests);
  return well;
}

static bool read_options(int argc, char **argv) {
  int option = 0;
  while ((option = getopt(argc, argv, "j:p:s:t:a:d:f:S")) != -1) {
    switch (option) {
      case 'j':
        settings.jobs = (int)strtol(optarg, NULL, 10);
        break;
      case 'p':
        settings.points = strtol(optarg, NULL, 10);
        break;
      case 's':
        only_scenario = optarg;
        break;
      case 't':
        only_transport = optarg;
        break;
      case 'a':
        settings.only = strtol(optarg, NULL, 10);
        ending_explain();
        break;
      case 'd':
        settings.seconds = (unsigned)strtoul(optarg, NULL, 10);
        break;
      case 'S':
        settings.search = true;
        break;
      case 'f':
        file = optarg;
        break;
      default:
        return false;
    }
  }
  return settings.jobs >= 1 && file != NULL && argc == optind + 1;
}

static int source_of(const char *what) {
  static const char *const names[] = {"lua",       "curl", "malloc", "core",
                                      "collector", "none", "calls"};
  for (int i = 0; i <= SOURCE_CALLS; i++) {
    if (strcmp(names[i], what) == 0) {
      return i;
    }
  }
  return -1;
}

int main(int argc, char **argv) {
  if (!read_options(argc, argv)) {
    fprintf(stderr,
            "usage: %s [-j jobs] [-p points] [-s scenario] [-t transport] [-a at] [-d seconds]"
            " [-S] -f scenarios.lua lua|curl|malloc|core|calls|collector|none\n",
            argv[0]);
    return EXIT_FAILURE;
  }
  const char *what = argv[optind];
  int source = source_of(what);
  signal(SIGPIPE, SIG_DFL); /* a parent process may ignore it, and that would be inherited */
  ending_prepare();
  if (source < 0 || (source == SOURCE_CURL && !curl_use_allocators())) {
    fprintf(stderr, "%s cannot fail\n", what);
    return EXIT_FAILURE;
  }
  return run_all(what, source) ? EXIT_SUCCESS : EXIT_FAILURE;
}
