/*
 * Which call fails: the only state of the injection, so that all its forms agree. And how a process of
 * a point came to its end, and whose fault it was: libcurl 7.88 and OpenSSL do not
 * survive every lack of memory themselves, and lua-cjson ends the process on purpose. Such ends are
 * told apart by the code that caused them, counted, and named.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

enum { FRAMES = 60, STACK_BYTES = 256 * 1024 };

/* Which call fails. */

/* Atomic, because libcurl's resolver works in a thread of its own. */
static atomic_int armed = -1;     /* the source, or -1 */
static atomic_long seen[SOURCES]; /* calls; that of the armed source is the number of the next */
static atomic_long failures;
static long first;
static bool for_good;
static bool explaining;

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

/* Writes to standard error where this is. */
static void explain_place(const char *what) {
  void *frames[FRAMES];
  dprintf(STDERR_FILENO, "%s\n", what);
  backtrace_symbols_fd(frames, backtrace(frames, FRAMES), STDERR_FILENO);
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
  if (atomic_fetch_add(&failures, 1) == 0 && explaining) {
    int was = atomic_exchange(&armed, -1); /* backtrace may allocate */
    explain_place("the first failure was met by:");
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

/* How the process ends. */

static bool watching; /* in a process for a point */
static bool ending_already;

/* The file that code is in, without its directory. Called for each allocation: dladdr would compare the address with
 * all symbols of a library. */
static const char *library_of(const void *code) {
  struct dl_find_object object;
  if (_dl_find_object((void *)code, &object) != 0) {
    return "?";
  }
  const char *slash = strrchr(object.dlfo_link_map->l_name, '/');
  return slash != NULL ? slash + 1 : "harness"; /* the program itself has no name */
}

static bool begins(const char *text, const char *beginning) {
  return strncmp(text, beginning, strlen(beginning)) == 0;
}

bool is_in(const void *code, const char *library) {
  return begins(library_of(code), library);
}

enum owner owner_of(const void *code) {
  const char *name = library_of(code);
  return begins(name, "core.so") || begins(name, "harness") ? OF_US
         : begins(name, "cjson.so")                         ? OF_CJSON
         : begins(name, "libcurl") || begins(name, "libssl") || begins(name, "libcrypto")
             ? OF_LIBCURL
             : OF_OTHERS;
}

/* Code that only does what others ask of it. */
static bool is_servant(const char *library) {
  return begins(library, "harness") || begins(library, "libc.so") || begins(library, "libasan") ||
         begins(library, "ld-linux") || begins(library, "libgcc") || begins(library, "?");
}

void name_code(const void *code, char *text, size_t size) {
  Dl_info info;
  if (dladdr(code, &info) == 0) {
    snprintf(text, size, "?");
  } else if (info.dli_sname != NULL && owner_of(code) == OF_CJSON) {
    snprintf(text, size, "%s %s", library_of(code), info.dli_sname);
  } else {
    snprintf(text, size, "%s+0x%lx", library_of(code),
             (unsigned long)((const char *)code - (const char *)info.dli_fbase));
  }
}

/* Names the innermost code that does not serve other code: the fault is its own. */
static enum owner blame(char *text, size_t size) {
  void *frames[FRAMES];
  int count = backtrace(frames, FRAMES);
  for (int i = 0; i < count; i++) {
    if (!is_servant(library_of(frames[i]))) {
      name_code(frames[i], text, size);
      return owner_of(frames[i]);
    }
  }
  snprintf(text, size, "no known function");
  return OF_OTHERS;
}

void ending_now(enum ending ending, const char *format, ...) {
  ending_already = true;
  counter_disarm();
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  report("searched %ld", secrets_searched());
  report("reason %s", text);
  if (explaining && (ending == ENDED_BADLY || ending == ENDED_HANGING)) {
    explain_place("it ended in:");
  }
  _exit((int)ending);
}

static void on_signal(int number) {
  counter_disarm();
  char name[200];
  enum owner owner = blame(name, sizeof name);
  if (number == SIGALRM) {
    ending_now(ENDED_HANGING, "it hangs in %s", name);
  }
  ending_now(owner == OF_CJSON || owner == OF_LIBCURL ? ENDED_BY_LIBRARY : ENDED_BADLY, "%s in %s",
             strsignal(number), name);
}

/* In place of the C library's own: lua-cjson calls it when memory runs out. */
void exit(int status) {
  if (watching && !ending_already) {
    char name[200];
    enum owner owner = blame(name, sizeof name);
    ending_now(owner == OF_CJSON ? ENDED_BY_LIBRARY : ENDED_BADLY, "exit(%d) in %s", status, name);
  }
  void (*real)(int) = NULL;
  *(void **)&real = dlsym(RTLD_NEXT, "exit");
  real(status);
  abort(); /* it does not return */
}

void ending_watch(unsigned seconds, bool explain) {
  static char stack[STACK_BYTES];
  static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
  watching = true;
  explaining = explain;
  stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternative, NULL);
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    sigaction(numbers[i], &action, NULL);
  }
  alarm(seconds);
}
