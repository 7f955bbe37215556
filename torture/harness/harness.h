/*
 * The harness: a host program that runs scenarios while what they ask for fails, one call after
 * another. What its files share.
 *
 *   counter.c     which call is the one that fails
 *   allocators.c  memory: of Lua, of libcurl, of the whole process
 *   calls.c       the calls of the C library that reach the kernel
 *   ending.c      how a process came to its end, and whose fault it was
 *   secrets.c     secrets in memory that the module frees
 *   point.c       one point: a process that runs one scenario with one failure
 *   sweep.c       all points of a scenario
 *   main.c        the program
 *
 * The scenarios stand in scenarios.lua.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <lauxlib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Of functions that run before the sanitizers are ready: libraries ask for memory as they are
 * loaded. */
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))

/* What fails: memory of Lua, of libcurl, of the whole process, or what the module itself asks the
 * process for; of the collector and of none nothing does. The kinds of calls follow from
 * SOURCE_CALLS on. */
enum {
  SOURCE_LUA,
  SOURCE_CURL,
  SOURCE_MALLOC,
  SOURCE_CORE,
  SOURCE_COLLECTOR,
  SOURCE_NONE,
  SOURCE_CALLS,
  SOURCES = 32
};

/* What stands for the number of the call where nothing fails but Lua collects all it can. */
enum { COLLECT_AT_OBJECTS, COLLECT_AT_INSTRUCTIONS };

/* sweep.c */

enum { REASON_SIZE = 400, TALLIES = 40 };

/* How often something was counted, by its name. */
struct tally {
  char name[REASON_SIZE];
  long count;
};

/* Adds to the tally of that name; to the last where there are too many names. */
void tally_add(struct tally tallies[TALLIES], const char *name, long count);

/* counter.c */

/* From now on the call number `at` (0 is the first) of `source` fails; sticky: and all behind it.
 * at < 0: none fails, they are only counted. */
void counter_arm(int source, long at, bool sticky);

/* No call fails any more. */
void counter_disarm(void);

/* Whether this call of `source`, which is about to be made, has to fail. */
bool counter_hits(int source);

/* Whether calls of `source` are those that fail. */
bool counter_is_armed(int source);

/* How many calls of a source were seen, and how many of the armed one failed, since counter_arm. */
long counter_seen(int source);
long counter_failures(void);

/* Writes to standard error where the first failure was asked for. */
void counter_explain(void);

/* allocators.c */

/* An allocator for lua_newstate; `argument` points to the size_t that counts the bytes in use. */
void *lua_allocate(void *argument, void *block, size_t old_size, size_t new_size);

/* Whether Lua has to collect at every new object: its allocation fails at first, and Lua then
 * collects and asks again. */
void lua_collect_at_objects(bool collect);

/* Makes libcurl take its memory from allocators that fail as SOURCE_CURL says; before anything else
 * initialises it. False when it would not. */
bool curl_use_allocators(void);

/* From now on no block of memory is used again, so that one that is given back twice, or written to
 * afterwards, is noticed. For a process with a short life. */
void blocks_keep(void);

/* A mark between the blocks that there are and those to come. */
unsigned long blocks_mark(void);

/* Calls `site` for each block that was taken since `mark` and is not given back, with the address
 * of the code that took it. */
void blocks_left(unsigned long mark, void (*site)(const void *code));

/* calls.c */

/* A way to fail. */
struct call_error {
  const char *name; /* "ECONNRESET"; "short" is no error: only one byte is sent or received */
  int number;       /* of <errno.h> or <netdb.h> */
};

/* A kind of calls, and how they may fail; the list ends with a name of NULL. */
struct call {
  const char *name;
  const struct call_error *errors;
};

/* The kind number `index`, or NULL behind the last. Static. */
const struct call *call_kind(int index);

/* How calls fail when counter_hits says so. Borrowed for as long as they may. */
void call_set_error(const struct call_error *error);

/* ending.c */

/* How one run ended: the exit status of its process. */
enum ending {
  ENDED_WELL,       /* each outcome was one that may be, and all was well afterwards */
  ENDED_LAST = 10,  /* likewise, and nothing failed: there are no more points */
  ENDED_BADLY,      /* a wrong outcome, a leak, a crash of ours */
  ENDED_BY_CJSON,   /* lua-cjson ended the process */
  ENDED_BY_LIBRARY, /* libcurl, or one below it, did not survive it */
  ENDED_HANGING,
  ENDED_LEAKING /* all is well, but a library below us lost a few blocks of its own */
};

/* Prepares the parent: what backtraces need is loaded now. */
void ending_prepare(void);

/* From now on an end that is ours is explained by backtraces on standard error. */
void ending_explain(void);

/* Takes over the signals of a crash, the alarm and the call of exit in a process for one point.
 * `reason`, REASON_SIZE bytes that the parent sees too, gets a line of text. It has `seconds`. */
void ending_watch(char *reason, unsigned seconds);

/* Ends the process of a point, at once. */
_Noreturn void ending_now(enum ending ending, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether code at this address belongs to lua-cjson, to this module, or to this module or program.
 */
bool is_cjson(const void *code);
bool is_core(const void *code);
bool is_ours(const void *code);

/* Whether it belongs to libcurl, or to a library below it. */
bool is_of_libcurl(const void *code);

/* Writes "library+offset" of an address to `text`. */
void name_code(const void *code, char *text, size_t size);

/* secrets.c */

struct report;

/* Adds a text that no freed block of the module may hold, and the name that a finding has. False
 * when there is no room for it. */
bool secrets_add(const char *name, const char *text, size_t length);

/* From now on the blocks that the module frees are searched, and findings go to `report`. */
void secrets_search(struct report *report);
bool secrets_are_searched(void);

/* Searches a block that is about to be freed by code at `site`, if that is the module's. */
void secrets_look(const void *block, size_t size, const void *site);

/* point.c */

struct scenario {
  const char *file;      /* scenarios.lua */
  const char *name;      /* of the scenario */
  const char *transport; /* that it runs over */
};

struct point {
  int source;
  const struct call_error *error; /* of a call; NULL: memory */
  long at;
  bool sticky;
};

/* What a point's process tells its parent, in memory that both see. */
struct report {
  char reason[REASON_SIZE];
  char outcome[32];   /* "answered", "raised", or the kind of the err */
  long seen[SOURCES]; /* calls */
  bool last;          /* none of them failed */
  long searched;      /* blocks, for secrets */
  struct tally findings[TALLIES];
};

/* A state that is ready to run a scenario, for points to be forked from. */
struct stage {
  lua_State *L;
  pid_t program;      /* that opened it */
  size_t lua_bytes;   /* in use */
  unsigned long mark; /* no block of the state is older */
  int descriptors;    /* open without it */
  int threads;        /* that ran without it */
  bool cold;          /* what is made once in a process is made by the scenario */
};

/* Loads the scenario into a new state; false (and a line on standard error) when it does not load.
 */
bool stage_open(struct stage *stage, const struct scenario *scenario);

/* Runs it here once, without failures, and closes the state; false when it does not end well. */
bool stage_rehearse(struct stage *stage, const struct scenario *scenario);

/* Runs one point: for a process of its own. `search`: for secrets, too. */
_Noreturn void point_run(struct stage *stage, const struct scenario *scenario,
                         const struct point *point, struct report *report, unsigned seconds,
                         bool search);

/* sweep.c */

struct figures {
  long points;
  long bad; /* of these */
  struct tally outcomes[TALLIES];
  struct tally ends[TALLIES];  /* of the process, that are not ours */
  struct tally leaks[TALLIES]; /* that are not ours */
  long searched;               /* blocks, for secrets */
  struct tally findings[TALLIES];
};

struct settings {
  int jobs;         /* processes at the same time */
  long points;      /* of one sweep at most; 0: all */
  long only;        /* the only point; -1: all */
  unsigned seconds; /* that one may take */
  bool search;      /* for secrets in what the module frees */
};

/* Sweeps a source (of SOURCE_CALLS: all kinds of calls) over a scenario; `figures` gets what became
 * of the points. Whether none was bad; what was wrong stands on standard error. */
bool sweep_all(struct stage *stage, const struct scenario *scenario,
               const struct settings *settings, int source, struct figures *figures);

#endif
