/*
 * Memory that runs out: of Lua (lua_newstate's allocator), and of the process or a library: malloc and its kin, defined here, take the place of the C library's in
 * every library of the process.
 *
 * Each block has a tag before it: so a block that is given back twice, or never,
 * is noticed, and whose code took it is known.
 * https://www.gnu.org/software/libc/manual/html_node/Replacing-malloc.html
 */
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

/* The allocator below ours. The sanitizer's under its own name for it. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
void *__interceptor_malloc(size_t size);
void __interceptor_free(void *block);
#define below_malloc __interceptor_malloc
#define below_free __interceptor_free
#else
void *__libc_malloc(size_t size);
void __libc_free(void *block);
#define below_malloc __libc_malloc
#define below_free __libc_free
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

struct tag {
  struct tag *previous;
  struct tag *next;
  void *raw;        /* what the allocator below gave */
  size_t size;      /* bytes behind the tag */
  const void *site; /* the code that asked */
  unsigned long number;
  unsigned long magic;
  unsigned long unused; /* keeps what follows aligned */
};
enum { IN_USE = 0x600db10c, GIVEN_BACK = 0x0ddb10c5, STALE = 0xdd, UNWRITTEN = 0xcc };
_Static_assert(sizeof(struct tag) % _Alignof(max_align_t) == 0, "blocks have to be aligned");

/* Secrets in freed memory: a block that the module frees, or that moves as it grows, must not hold
 * one. A block belongs to the module when the call of free, realloc or curl_free is in core.so. */

enum { MOST_TEXTS = 400, FRAMES = 40, CALLERS = 5 };

static struct {
  char name[32];
  char text[16];
  size_t length;
} texts[MOST_TEXTS];
static int text_count;

static bool searching;
static long searched; /* blocks */

bool secrets_add(const char *name, const char *text, size_t length) {
  if (text_count == MOST_TEXTS || length == 0 || length > sizeof texts->text) {
    return false;
  }
  snprintf(texts[text_count].name, sizeof texts->name, "%s", name);
  memcpy(texts[text_count].text, text, length);
  texts[text_count++].length = length;
  return true;
}

void secrets_search(void) {
  searching = true;
}

long secrets_searched(void) {
  return searched;
}

/* Appends the functions of the module that led here, the innermost first. An address is that of the
 * call, not of the instruction after it. */
static void append_callers(char *line, size_t size) {
  void *frames[FRAMES];
  int count = backtrace(frames, FRAMES);
  int callers = 0;
  for (int i = 0; i < count && callers < CALLERS; i++) {
    if (is_in(frames[i], "core.so")) {
      char name[100];
      name_code((const char *)frames[i] - 1, name, sizeof name);
      size_t length = strlen(line);
      snprintf(line + length, size - length, " %s", name);
      callers++;
    } else if (callers > 0) {
      break;
    }
  }
}

/* Notes the first text of each name. */
static void search(const void *block, size_t size) {
  const char *found = NULL;
  for (int i = 0; i < text_count; i++) {
    if ((found == NULL || strcmp(found, texts[i].name) != 0) &&
        memmem(block, size, texts[i].text, texts[i].length) != NULL) {
      found = texts[i].name;
      char line[400] = "";
      append_callers(line, sizeof line);
      report("found %s:%s", found, line);
    }
  }
}

UNCHECKED static void look_for_secrets(const void *block, size_t size, const void *site) {
  if (searching && block != NULL && is_in(site, "core.so")) {
    searched++;
    search(block, size);
  }
}

/* Blocks. */

static struct tag list = {.previous = &list, .next = &list};
static atomic_flag list_lock = ATOMIC_FLAG_INIT;
static unsigned long numbers;
static bool keeping;

UNCHECKED static void lock(void) {
  while (atomic_flag_test_and_set(&list_lock)) {
  }
}

UNCHECKED static void unlock(void) {
  atomic_flag_clear(&list_lock);
}

UNCHECKED static void *take(size_t size, size_t alignment, const void *site) {
  if (size > SIZE_MAX / 2 || alignment > SIZE_MAX / 4) {
    return NULL;
  }
  char *raw = below_malloc(size + sizeof(struct tag) + alignment);
  if (raw == NULL) {
    return NULL;
  }
  uintptr_t place = (uintptr_t)raw + sizeof(struct tag);
  if (alignment > 0) {
    place = (place + alignment - 1) / alignment * alignment;
  }
  struct tag *tag = (struct tag *)(void *)(raw + (place - (uintptr_t)raw) - sizeof *tag);
  *tag = (struct tag){.raw = raw, .size = size, .site = site, .magic = IN_USE};
  lock();
  tag->number = numbers++;
  tag->next = &list;
  tag->previous = list.previous;
  list.previous->next = tag;
  list.previous = tag;
  unlock();
  if (searching) {
    memset(tag + 1, UNWRITTEN, size); /* what was there before is not the new owner's */
  }
  return tag + 1;
}

/* Of a block that is given back twice the caller is told, once the process is one for a point. */
UNCHECKED static void give_back(void *block, const void *site) {
  if (block == NULL) {
    return;
  }
  struct tag *tag = (struct tag *)block - 1;
  if (tag->magic != IN_USE) {
    char name[200];
    name_code(site, name, sizeof name);
    ending_now(owner_of(site) <= OF_CJSON ? ENDED_BADLY : ENDED_BY_LIBRARY,
               "%s gives a block back that it does not have", name);
  }
  look_for_secrets(block, tag->size, site);
  lock();
  tag->magic = GIVEN_BACK;
  tag->previous->next = tag->next;
  tag->next->previous = tag->previous;
  unlock();
  if (keeping) {
    memset(block, STALE, tag->size);
    ASAN_POISON_MEMORY_REGION(block, tag->size);
  } else {
    below_free(tag->raw);
  }
}

UNCHECKED static void *take_again(void *block, size_t size, const void *site) {
  void *moved = take(size, 0, site);
  if (moved != NULL && block != NULL) {
    size_t before = ((struct tag *)block - 1)->size;
    memcpy(moved, block, before < size ? before : size);
    give_back(block, site);
  }
  return moved;
}

void blocks_keep(void) {
  keeping = true;
}

unsigned long blocks_mark(void) {
  return numbers;
}

void blocks_left(unsigned long mark, void (*site)(void *argument, const void *code),
                 void *argument) {
  unsigned long end = numbers; /* `site` may take blocks itself */
  for (const struct tag *tag = list.next; tag != &list; tag = tag->next) {
    if (tag->number >= mark && tag->number < end) {
      site(argument, tag->site);
    }
  }
}

/* In place of the C library's own. */

#define CALLER __builtin_return_address(0)

/* Whether the process gets no memory for the code at `site`. */
UNCHECKED static bool is_refused(const void *site) {
  if (counter_is_armed(SOURCE_CORE)) {
    return is_in(site, "core.so") && counter_hits(SOURCE_CORE);
  }
  if (counter_is_armed(SOURCE_CURL)) {
    return is_in(site, "libcurl") && counter_hits(SOURCE_CURL);
  }
  return counter_hits(SOURCE_MALLOC);
}

UNCHECKED static void *ask(size_t size, size_t alignment, const void *site) {
  void *block = is_refused(site) ? NULL : take(size, alignment, site);
  if (block == NULL) {
    errno = ENOMEM;
  }
  return block;
}

UNCHECKED void *malloc(size_t size) {
  return ask(size, 0, CALLER);
}

UNCHECKED void free(void *block) {
  give_back(block, CALLER);
}

UNCHECKED void *calloc(size_t count, size_t size) {
  bool fits = size == 0 || count <= SIZE_MAX / size;
  void *block = ask(fits ? count * size : SIZE_MAX, 0, CALLER);
  return block != NULL ? memset(block, 0, count * size) : NULL;
}

UNCHECKED void *realloc(void *block, size_t size) {
  if (block == NULL || size != 0) {
    return is_refused(CALLER) ? NULL : take_again(block, size, CALLER);
  }
  give_back(block, CALLER);
  return NULL;
}

UNCHECKED void *memalign(size_t alignment, size_t size) {
  return ask(size, alignment, CALLER);
}

UNCHECKED void *aligned_alloc(size_t alignment, size_t size) {
  return ask(size, alignment, CALLER);
}

UNCHECKED int posix_memalign(void **block, size_t alignment, size_t size) {
  *block = ask(size, alignment, CALLER);
  return *block != NULL ? 0 : ENOMEM;
}

UNCHECKED size_t malloc_usable_size(void *block) {
  return block != NULL ? ((struct tag *)block - 1)->size : 0;
}

/* These would take it from the sanitizer's allocator directly, where there is one. */

UNCHECKED static char *copy(const char *text, size_t length, const void *site) {
  char *block = ask(length + 1, 0, site);
  if (block != NULL) {
    memcpy(block, text, length);
    block[length] = '\0';
  }
  return block;
}

UNCHECKED char *strndup(const char *text, size_t most) {
  return copy(text, strnlen(text, most), CALLER);
}

UNCHECKED char *strdup(const char *text) {
  return copy(text, strlen(text), CALLER);
}

/* Lua's. */

void *lua_allocate(void *argument, void *block, size_t old_size, size_t new_size) {
  size_t *in_use = argument;
  size_t before = block != NULL ? old_size : 0;
  if (new_size == 0) {
    free(block);
    *in_use -= before;
    return NULL;
  }
  void *moved = NULL;
  if (new_size <= before || !counter_hits(SOURCE_LUA)) {
    moved = realloc(block, new_size);
  }
  if (moved == NULL && new_size <= before) {
    moved = block; /* Lua relies on shrinking never failing */
  }
  if (moved != NULL) {
    *in_use += new_size - before;
  }
  return moved;
}

/* libcurl frees for the module here, so the call of free is in libcurl. */
void curl_free(void *block) {
  static void (*real)(void *);
  if (real == NULL) {
    *(void **)&real = dlsym(RTLD_NEXT, "curl_free");
  }
  look_for_secrets(block, malloc_usable_size(block), __builtin_return_address(0));
  real(block);
}
