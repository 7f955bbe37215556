/*
 * The harness: a host program that runs scenarios while what they ask for fails, one call after
 * another. What its files share.
 *
 *   allocators.c  memory: of Lua, of libcurl, of the whole process; secrets in what the module frees
 *   calls.c       the calls of the C library that reach the kernel
 *   ending.c      which call is the one that fails; how a process came to its end, and whose fault it was
 *   main.c        the program: what sweep.lua, which runs the points, cannot do in Lua
 *
 * The scenarios stand in scenarios.lua.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* Of functions that run before the sanitizers are ready: libraries ask for memory as they are
 * loaded. */
#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))

/* What fails: memory of Lua, what libcurl or the module asks the process for, or anything in it; of
 * none nothing does. The kinds of calls follow from SOURCE_CALLS on. sweep.lua has the same list. */
enum {
  SOURCE_LUA,
  SOURCE_CURL,
  SOURCE_MALLOC,
  SOURCE_CORE,
  SOURCE_NONE,
  SOURCE_CALLS,
  SOURCES = 32
};

/* main.c */

/* Adds a line to what the process of a point tells its parent; outside of one, to standard error. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* allocators.c */

/* An allocator for lua_newstate; `argument` points to the size_t that counts the bytes in use. */
void *lua_allocate(void *argument, void *block, size_t old_size, size_t new_size);

/* From now on no block of memory is used again, so that one that is given back twice, or written to
 * afterwards, is noticed. For a process with a short life. */
void blocks_keep(void);

/* A mark between the blocks that there are and those to come. */
unsigned long blocks_mark(void);

/* Calls `site` for each block that was taken since `mark` and is not given back, with the address
 * of the code that took it. */
void blocks_left(unsigned long mark, void (*site)(void *argument, const void *code),
                 void *argument);

/* Adds a text that no block that the module frees may hold, and the name that a finding has. False
 * when there is no room for it. */
bool secrets_add(const char *name, const char *text, size_t length);

/* From now on the blocks that the module frees are searched, and findings are reported. */
void secrets_search(void);
long secrets_searched(void); /* blocks */

/* calls.c */

/* A kind of calls, and how they may fail; both lists end with a name of NULL. */
struct call {
  const char *name;
  const struct call_error {
    const char *name; /* "ECONNRESET"; "short" is no error: only one byte is sent or received */
    int number;       /* of <errno.h> or <netdb.h> */
  } * errors;
};
extern const struct call call_kinds[];

/* How calls fail when counter_hits says so. */
void call_set_error(const struct call_error *error);

/* ending.c */

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

/* How one run ended: the exit status of its process. sweep.lua has the same names. */
enum ending {
  ENDED_WELL,       /* each outcome was one that may be, and all was well afterwards */
  ENDED_LAST = 10,  /* likewise, and nothing failed: there are no more points */
  ENDED_BADLY,      /* a wrong outcome, a leak, a crash of ours */
  ENDED_BY_LIBRARY, /* libcurl, or one below it, did not survive it; or lua-cjson ended the process */
  ENDED_HANGING,
  ENDED_LEAKING /* all is well, but a library below us lost a few blocks of its own */
};

/* Takes over the signals of a crash, the alarm and the call of exit in a process for one point,
 * which has `seconds`. explain: the first failure, and an end that is ours, get backtraces on
 * standard error. */
void ending_watch(unsigned seconds, bool explain);

/* Ends the process of a point, at once; the reason is reported. */
_Noreturn void ending_now(enum ending ending, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether code at this address is in a library whose name begins so, such as "core.so". */
bool is_in(const void *code, const char *library);

/* Whose it is: the module's or this program's, lua-cjson's, that of libcurl or of a library below
 * it; or anything else. */
enum owner { OF_US, OF_CJSON, OF_LIBCURL, OF_OTHERS } owner_of(const void *code);

/* Writes "library+offset" of an address to `text`. */
void name_code(const void *code, char *text, size_t size);

#endif
