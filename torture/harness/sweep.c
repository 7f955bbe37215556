/*
 * All points of one scenario, several at a time: which there are, and what became of each.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { MOST_JOBS = 64, MOST_SWEEPS = 1024, MOST_POINTS = 200000, MOST_BAD = 5 };

/* A place for one process. */
struct slot {
  pid_t pid; /* 0: free */
  struct point point;
  int sweep; /* its number */
};

static struct report *reports; /* one for each slot */
static struct slot slots[MOST_JOBS];
static int busy;

/* The sweeps of the scenario: the next point of each, and whether one of its points met no failure
 * any more. */
static struct {
  struct point next;
  long stride;
  bool ended;
} sweeps[MOST_SWEEPS];
static int sweep_count;

static struct {
  struct stage *stage;
  const struct scenario *scenario;
  const struct settings *settings;
  struct figures *figures;
} now;

void tally_add(struct tally tallies[TALLIES], const char *name, long count) {
  int i = 0;
  while (i < TALLIES - 1 && tallies[i].count != 0 && strcmp(tallies[i].name, name) != 0) {
    i++;
  }
  if (tallies[i].count == 0) {
    snprintf(tallies[i].name, sizeof tallies[i].name, "%s", name);
  }
  tallies[i].count += count;
}

static void count(struct tally *tallies, const char *name) {
  tally_add(tallies, name, 1);
}

/* Says which point it was that went wrong. */
static void complain(const struct point *point, const char *reason) {
  static const char *const sources[] = {"Lua's memory",        "libcurl's memory", "memory",
                                        "the module's memory", "collector",        "nothing"};
  const struct call *kind = call_kind(point->source - SOURCE_CALLS);
  fprintf(stderr, "%s over %s, %s %s %ld %s: %s\n", now.scenario->name, now.scenario->transport,
          kind != NULL ? kind->name : sources[point->source],
          point->error != NULL ? point->error->name : "", point->at,
          point->sticky ? "sticky" : "once", reason[0] != '\0' ? reason : "a sanitizer spoke");
  now.figures->bad++;
}

/* Notes what was found in the memory that the process of a slot freed. */
static void note_findings(const struct slot *slot, const struct report *report) {
  now.figures->searched += report->searched;
  for (int i = 0; i < TALLIES && report->findings[i].count > 0; i++) {
    tally_add(now.figures->findings, report->findings[i].name, report->findings[i].count);
  }
  if (report->findings[0].count > 0) {
    complain(&slot->point, "the module freed memory that holds a secret");
  }
}

/* Notes how the process of a slot ended. */
static void settle(const struct slot *slot, struct report *report, int status) {
  struct figures *figures = now.figures;
  enum ending ending = WIFEXITED(status) ? (enum ending)WEXITSTATUS(status) : ENDED_BADLY;
  if (WIFSIGNALED(status)) {
    snprintf(report->reason, sizeof report->reason, "%s", strsignal(WTERMSIG(status)));
  }
  figures->points += ending != ENDED_LAST || slot->point.source == SOURCE_COLLECTOR ||
                     slot->point.source == SOURCE_NONE;
  note_findings(slot, report);
  switch (ending) {
    case ENDED_LEAKING:
      count(figures->leaks, report->reason);
      count(figures->outcomes, report->outcome);
      break;
    case ENDED_WELL:
      count(figures->outcomes, report->outcome);
      break;
    case ENDED_BY_CJSON:
    case ENDED_BY_LIBRARY:
      count(figures->ends, report->reason);
      break;
    case ENDED_LAST:
      break;
    default:
      complain(&slot->point, report->reason);
  }
  sweeps[slot->sweep].ended = sweeps[slot->sweep].ended || report->last;
}

/* Waits for one of the processes; the number of its slot. */
static int finish_one(void) {
  for (;;) {
    int status = 0;
    pid_t pid = waitpid(-1, &status, 0);
    if (pid < 0 && errno != EINTR) {
      perror("waitpid");
      exit(EXIT_FAILURE);
    }
    for (int i = 0; i < MOST_JOBS; i++) {
      if (pid > 0 && slots[i].pid == pid) {
        slots[i].pid = 0;
        busy--;
        settle(&slots[i], &reports[i], status);
        return i;
      }
    }
  }
}

static void finish_all(void) {
  while (busy > 0) {
    finish_one();
  }
}

/* Starts a process for a point, once there is a place for it. */
static void start(const struct point *point, int sweep) {
  if (busy == now.settings->jobs) {
    finish_one();
  }
  int free = 0;
  while (slots[free].pid != 0) {
    free++;
  }
  memset(&reports[free], 0, sizeof reports[free]);
  fflush(NULL);
  pid_t pid = fork();
  if (pid < 0) {
    perror("fork");
    exit(EXIT_FAILURE);
  }
  if (pid == 0) {
    point_run(now.stage, now.scenario, point, &reports[free], now.settings->seconds,
              now.settings->search);
  }
  slots[free] = (struct slot){.pid = pid, .point = *point, .sweep = sweep};
  busy++;
}

/* How many calls of each source the scenario makes without failures. */
static void count_calls(int source, long calls[SOURCES]) {
  struct point point = {.source = source, .at = -1};
  start(&point, 0);
  int slot = finish_one();
  memcpy(calls, reports[slot].seen, sizeof reports[slot].seen);
  if (!reports[slot].last) {
    now.figures->bad++;
  }
}

/* Starts the next point of a sweep. */
static void start_next(int sweep) {
  start(&sweeps[sweep].next, sweep);
  sweeps[sweep].next.at += sweeps[sweep].stride;
}

/* The points of one source and one way to fail, up to the first that should meet no failure. Some
 * may still run when it returns. */
static void sweep(struct point point, long calls) {
  long most = now.settings->points;
  long stride = most > 0 && calls > most ? (calls + most - 1) / most : 1;
  if (sweep_count == MOST_SWEEPS) {
    complain(&point, "there are too many sweeps");
    return;
  }
  int number = sweep_count++;
  point.at = now.settings->only >= 0 ? now.settings->only : stride / 2;
  sweeps[number].next = point;
  sweeps[number].stride = stride;
  do {
    start_next(number);
  } while (now.settings->only < 0 && !sweeps[number].ended &&
           sweeps[number].next.at <= calls + stride && now.figures->bad < MOST_BAD);
}

/* Goes on with the sweeps in which something failed even then, until nothing does. */
static void end_sweeps(void) {
  finish_all();
  for (int i = 1; i < sweep_count && now.settings->only < 0; i++) {
    while (!sweeps[i].ended && now.figures->bad < MOST_BAD) {
      if (sweeps[i].next.at > MOST_POINTS) {
        complain(&sweeps[i].next, "it fails without an end");
        break;
      }
      start_next(i);
      finish_all();
    }
  }
}

static void sweep_source(int source, long calls) {
  const struct call *kind = call_kind(source - SOURCE_CALLS);
  struct point point = {.source = source, .error = kind != NULL ? kind->errors : NULL};
  do {
    for (int sticky = 0; sticky < 2; sticky++) {
      point.sticky = sticky != 0;
      sweep(point, calls);
    }
    if (point.error != NULL) {
      point.error++;
    }
  } while (point.error != NULL && point.error->name != NULL);
}

/* The scenario as it is, once. */
static void run_once(void) {
  struct point point = {.source = SOURCE_NONE, .at = -1};
  start(&point, 0);
}

/* The two ways to collect: at every new object, and at every instruction. */
static void collect(void) {
  struct point point = {.source = SOURCE_COLLECTOR};
  for (point.at = COLLECT_AT_OBJECTS; point.at <= COLLECT_AT_INSTRUCTIONS; point.at++) {
    start(&point, sweep_count++);
  }
}

bool sweep_all(struct stage *stage, const struct scenario *scenario,
               const struct settings *settings, int source, struct figures *figures) {
  memset(figures, 0, sizeof *figures);
  memset(sweeps, 0, sizeof sweeps);
  sweep_count = 1; /* that of the count */
  now.stage = stage;
  now.scenario = scenario;
  now.settings = settings;
  now.figures = figures;
  if (reports == NULL) {
    reports = mmap(NULL, MOST_JOBS * sizeof *reports, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  }
  if (reports == MAP_FAILED || settings->jobs > MOST_JOBS) {
    return false;
  }
  long calls[SOURCES] = {0};
  if (source == SOURCE_COLLECTOR) {
    collect();
  } else if (source == SOURCE_NONE) {
    run_once();
  } else {
    count_calls(source, calls);
    for (int i = source;
         i == source || (source == SOURCE_CALLS && call_kind(i - SOURCE_CALLS) != NULL); i++) {
      if (calls[i] > 0) {
        sweep_source(i, calls[i]);
      }
    }
  }
  end_sweeps();
  return figures->bad == 0;
}
