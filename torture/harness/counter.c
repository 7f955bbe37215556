/* Which call fails: see harness.h. The only state of the injection, so that all its forms agree. */
#include <execinfo.h>
#include <stdatomic.h>
#include <unistd.h>

#include "harness.h"

enum { FRAMES = 40 };

/* Atomic, because libcurl's resolver works in a thread of its own. */
static atomic_int armed = -1;     /* the source, or -1 */
static atomic_long seen[SOURCES]; /* calls; that of the armed source is the number of the next */
static atomic_long failures;
static long first;
static bool for_good;
static void *frames[FRAMES]; /* where the first failure was asked for */
static int frame_count;

void counter_arm(int source, long at, bool sticky) {
  first = at;
  for_good = sticky;
  for (int i = 0; i < SOURCES; i++) {
    seen[i] = 0;
  }
  failures = 0;
  armed = source;
}

void counter_disarm(void) {
  armed = -1;
}

UNCHECKED bool counter_is_armed(int source) {
  return armed == source;
}

UNCHECKED bool counter_hits(int source) {
  if (armed < 0) {
    return false;
  }
  long at = atomic_fetch_add(&seen[source], 1);
  if (source != armed || first < 0 || at < first || (at > first && !for_good)) {
    return false;
  }
  if (atomic_fetch_add(&failures, 1) == 0) {
    int was = atomic_exchange(&armed, -1); /* backtrace may allocate */
    frame_count = backtrace(frames, FRAMES);
    armed = was;
  }
  return true;
}

long counter_seen(int source) {
  return seen[source];
}

long counter_failures(void) {
  return failures;
}

void counter_explain(void) {
  if (frame_count > 0) {
    static const char text[] = "the first failure was met by:\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    backtrace_symbols_fd(frames, frame_count, STDERR_FILENO);
  }
}
