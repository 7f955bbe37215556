/*
 * All points of all scenarios, and the figures.
 *
 *     harness [option]... -f scenarios.lua what
 *
 * what: lua, curl, malloc (whose memory runs out), calls (to the kernel), or collector (Lua collects
 * all it can at every allocation, and at every instruction).
 *
 *     -j jobs        points at the same time (2)
 *     -p points      of a sweep at most, evenly spread (0: all of them)
 *     -s scenario    only this one
 *     -t transport   only this one
 *     -a at          only this point, and with backtraces where it goes wrong
 *     -d seconds     that a point may take (30)
 *
 * One line for each scenario and transport: "ok: ..." or "FAILED: ...".
 */
#include <errno.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { MOST_JOBS = 64, TALLIES = 40, MOST_POINTS = 200000, MOST_BAD = 5, ONLY_ALL = -1 };

static struct {
  int jobs;
  long points;
  const char *scenario;
  const char *transport;
  long only;
  unsigned seconds;
  const char *file;
} options = {.jobs = 2, .only = ONLY_ALL, .seconds = 30};

/* How often something was counted, by its name. */
struct tally {
  char name[REASON_SIZE];
  long count;
};

struct figures {
  long points;
  long bad; /* of these */
  struct tally outcomes[TALLIES];
  struct tally ends[TALLIES];  /* of the process, that are not ours */
  struct tally leaks[TALLIES]; /* that are not ours */
};

static struct report *reports; /* one for each job */
static pid_t running[MOST_JOBS];
static long running_at[MOST_JOBS];

static void count(struct tally *tallies, const char *name) {
  for (int i = 0; i < TALLIES; i++) {
    if (tallies[i].count == 0 || strcmp(tallies[i].name, name) == 0) {
      snprintf(tallies[i].name, sizeof tallies[i].name, "%s", name);
      tallies[i].count++;
      return;
    }
  }
}

static void print_tallies(const struct tally *tallies) {
  for (int i = 0; i < TALLIES && tallies[i].count > 0; i++) {
    printf("%s%ld %s", i > 0 ? ", " : "", tallies[i].count, tallies[i].name);
  }
}

static void describe(const struct scenario *scenario, const struct point *point, char *text,
                     size_t size) {
  static const char *const memory[] = {"Lua's memory", "libcurl's memory", "memory"};
  const struct call *kind = point->source >= SOURCE_CALLS ? call_kind(point->source - SOURCE_CALLS)
                                                          : NULL;
  snprintf(text, size, "%s over %s, %s%s%s %ld %s", scenario->name, scenario->transport,
           kind != NULL ? kind->name : memory[point->source], kind != NULL ? " " : "",
           kind != NULL ? point->error->name : "", point->at, point->sticky ? "sticky" : "once");
}

/* Notes how the process in a slot ended. Whether it was the last point. */
static bool settle(const struct scenario *scenario, const struct point *point, int slot, int status,
                   struct figures *figures) {
  struct report *report = &reports[slot];
  enum ending ending = WIFEXITED(status) ? (enum ending)WEXITSTATUS(status) : ENDED_BADLY;
  if (WIFSIGNALED(status)) {
    snprintf(report->reason, sizeof report->reason, "%s", strsignal(WTERMSIG(status)));
  }
  figures->points += ending != ENDED_LAST;
  if (ending == ENDED_WELL || ending == ENDED_LEAKING) {
    count(figures->outcomes, report->outcome);
  }
  if (ending == ENDED_LEAKING) {
    count(figures->leaks, report->reason);
  } else if (ending == ENDED_BY_CJSON || ending == ENDED_BY_LIBRARY) {
    count(figures->ends, report->reason);
  } else if (ending != ENDED_LAST && ending != ENDED_WELL) {
    char text[300];
    struct point of_slot = *point;
    of_slot.at = running_at[slot];
    describe(scenario, &of_slot, text, sizeof text);
    fprintf(stderr, "%s: %s\n", text, report->reason[0] != '\0' ? report->reason : "a sanitizer spoke");
    figures->bad++;
  }
  return report->last;
}

static int free_slot(void) {
  for (int i = 0; i < options.jobs; i++) {
    if (running[i] == 0) {
      return i;
    }
  }
  return -1;
}

/* Starts a point in a slot of its own. */
static void start(struct stage *stage, const struct scenario *scenario, const struct point *point) {
  int slot = free_slot();
  memset(&reports[slot], 0, sizeof reports[slot]);
  fflush(NULL);
  pid_t pid = fork();
  if (pid < 0) {
    perror("fork");
    exit(EXIT_FAILURE);
  }
  if (pid == 0) {
    point_run(stage, scenario, point, &reports[slot], options.seconds);
  }
  running[slot] = pid;
  running_at[slot] = point->at;
}

/* Waits for one of them. Whether it was the last point; *seen (may be NULL): the calls it made. */
static bool finish(const struct scenario *scenario, const struct point *point,
                   struct figures *figures, long *seen) {
  int status = 0;
  pid_t pid = 0;
  do {
    pid = waitpid(-1, &status, 0);
  } while (pid < 0 && errno == EINTR);
  for (int i = 0; i < options.jobs; i++) {
    if (running[i] == pid) {
      running[i] = 0;
      if (seen != NULL) {
        *seen = reports[i].seen;
      }
      return settle(scenario, point, i, status, figures);
    }
  }
  return false;
}

/* How many calls of the source the scenario makes. */
static long count_calls(struct stage *stage, const struct scenario *scenario, struct point point,
                        struct figures *figures) {
  long seen = 0;
  point.at = -1;
  start(stage, scenario, &point);
  if (!finish(scenario, &point, figures, &seen)) {
    figures->bad++;
  }
  return seen;
}

/* All points of one source and one way to fail, until nothing fails any more. */
static void sweep(struct stage *stage, const struct scenario *scenario, struct point point,
                  long calls, struct figures *figures) {
  long stride = options.points > 0 && calls > options.points ? (calls + options.points - 1) / options.points : 1;
  bool last = false;
  int busy = 0;
  for (point.at = options.only != ONLY_ALL ? options.only : stride / 2;
       !last && point.at < MOST_POINTS && figures->bad < MOST_BAD; point.at += stride) {
    if (busy == options.jobs) {
      last = finish(scenario, &point, figures, NULL);
      busy--;
    }
    if (!last) {
      start(stage, scenario, &point);
      busy++;
    }
    if (options.only != ONLY_ALL) {
      break;
    }
  }
  for (; busy > 0; busy--) {
    last = finish(scenario, &point, figures, NULL) || last;
  }
  if (!last && options.only == ONLY_ALL && figures->bad == 0) {
    fprintf(stderr, "%s over %s: it fails without an end\n", scenario->name, scenario->transport);
    figures->bad++;
  }
}

static void sweep_source(struct stage *stage, const struct scenario *scenario, int source,
                         struct figures *figures) {
  const struct call *kind = source >= SOURCE_CALLS ? call_kind(source - SOURCE_CALLS) : NULL;
  struct point point = {.source = source, .error = kind != NULL ? kind->errors : NULL};
  long calls = count_calls(stage, scenario, point, figures);
  if (calls == 0) {
    return;
  }
  do {
    for (int sticky = 0; sticky < 2; sticky++) {
      point.sticky = sticky != 0;
      sweep(stage, scenario, point, calls, figures);
    }
    if (point.error != NULL) {
      point.error++;
    }
  } while (point.error != NULL && point.error->name != NULL);
}

/* The two ways to collect: at every allocation, and at every instruction. */
static void collect(struct stage *stage, const struct scenario *scenario, struct figures *figures) {
  struct point point = {.source = SOURCE_COLLECTOR};
  for (point.at = COLLECT_AT_ALLOCATIONS; point.at <= COLLECT_AT_INSTRUCTIONS; point.at++) {
    start(stage, scenario, &point);
    finish(scenario, &point, figures, NULL);
    figures->points++;
  }
}

static void run_points(struct stage *stage, const struct scenario *scenario, const char *what,
                       struct figures *figures) {
  if (strcmp(what, "calls") == 0) {
    for (int i = 0; call_kind(i) != NULL; i++) {
      sweep_source(stage, scenario, SOURCE_CALLS + i, figures);
    }
  } else if (strcmp(what, "collector") == 0) {
    collect(stage, scenario, figures);
  } else if (strcmp(what, "lua") == 0) {
    sweep_source(stage, scenario, SOURCE_LUA, figures);
  } else {
    sweep_source(stage, scenario, strcmp(what, "curl") == 0 ? SOURCE_CURL : SOURCE_MALLOC, figures);
  }
}

/* A scenario that is not cold runs once before: what libraries make once in a process is made then. */
static bool open_stage(struct stage *stage, const struct scenario *scenario) {
  return stage_open(stage, scenario) &&
         (stage->cold || (stage_rehearse(stage, scenario) && stage_open(stage, scenario)));
}

/* One scenario over one transport. */
static bool run(const struct scenario *scenario, const char *what) {
  static struct figures figures;
  static long total;
  struct stage stage;
  memset(&figures, 0, sizeof figures);
  if (!open_stage(&stage, scenario)) {
    printf("FAILED: %s: %s over %s does not run\n", what, scenario->name, scenario->transport);
    return false;
  }
  run_points(&stage, scenario, what, &figures);
  lua_close(stage.L);
  total += figures.points;
  printf("%s: %s: %s over %s: %ld points: ", figures.bad == 0 ? "ok" : "FAILED", what, scenario->name,
         scenario->transport, figures.points);
  print_tallies(figures.outcomes);
  if (figures.ends[0].count > 0) {
    printf("; the process was ended: ");
    print_tallies(figures.ends);
  }
  if (figures.leaks[0].count > 0) {
    printf("; left behind: ");
    print_tallies(figures.leaks);
  }
  printf(" (%ld points so far)\n", total);
  fflush(stdout);
  return figures.bad == 0;
}

/* Runs the scenarios of the list in scenarios.lua, each over its transports. */
static bool run_all(const char *what) {
  lua_State *L = luaL_newstate();
  bool well = L != NULL;
  luaL_openlibs(L);
  if (luaL_dofile(L, options.file)) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
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
    struct scenario scenario = {options.file, lua_tostring(L, -2), lua_tostring(L, -1)};
    if ((options.scenario == NULL || strcmp(options.scenario, scenario.name) == 0) &&
        (options.transport == NULL || strcmp(options.transport, scenario.transport) == 0)) {
      well = run(&scenario, what) && well;
    }
    lua_pop(L, 3);
  }
  lua_close(L);
  return well;
}

static bool read_options(int argc, char **argv) {
  int option = 0;
  while ((option = getopt(argc, argv, "j:p:s:t:a:d:f:")) != -1) {
    switch (option) {
      case 'j': options.jobs = (int)strtol(optarg, NULL, 10); break;
      case 'p': options.points = strtol(optarg, NULL, 10); break;
      case 's': options.scenario = optarg; break;
      case 't': options.transport = optarg; break;
      case 'a': options.only = strtol(optarg, NULL, 10); ending_explain(); break;
      case 'd': options.seconds = (unsigned)strtoul(optarg, NULL, 10); break;
      case 'f': options.file = optarg; break;
      default: return false;
    }
  }
  return options.jobs >= 1 && options.jobs <= MOST_JOBS && options.file != NULL && argc == optind + 1;
}

int main(int argc, char **argv) {
  if (!read_options(argc, argv)) {
    fprintf(stderr, "usage: %s [-j jobs] [-p points] [-s scenario] [-t transport] [-a at] [-d seconds]"
                    " -f scenarios.lua lua|curl|malloc|calls|collector\n", argv[0]);
    return EXIT_FAILURE;
  }
  const char *what = argv[optind];
  signal(SIGPIPE, SIG_DFL); /* whoever started us may ignore it, and that would be inherited */
  ending_prepare();
  if (strcmp(what, "curl") == 0 && !curl_use_allocators()) {
    return EXIT_FAILURE;
  }
  reports = mmap(NULL, MOST_JOBS * sizeof *reports, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return reports != MAP_FAILED && run_all(what) ? EXIT_SUCCESS : EXIT_FAILURE;
}
