/*
 * Secrets in freed memory: a block that the module frees, or that moves as it grows, must not hold
 * a token, a client secret or an e-mail address. scenarios.lua lists the texts that are searched
 * for.
 *
 * A block belongs to the module when the call of free, realloc or curl_free is in core.so.
 */
#include <curl/curl.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

enum { MOST_TEXTS = 400, FRAMES = 40, CALLERS = 5 };

static struct {
  char *name;
  char *text;
  size_t length;
} texts[MOST_TEXTS];
static int text_count;

static bool searching;
static long searched; /* blocks */

bool secrets_add(const char *name, const char *text, size_t length) {
  char *copy = malloc(length + 1);
  if (text_count == MOST_TEXTS || copy == NULL || length == 0) {
    free(copy);
    return false;
  }
  memcpy(copy, text, length);
  copy[length] = '\0';
  texts[text_count].name = strdup(name);
  texts[text_count].text = copy;
  texts[text_count].length = length;
  return texts[text_count++].name != NULL;
}

void secrets_search(void) {
  searching = true;
}

UNCHECKED bool secrets_are_searched(void) {
  return searching;
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
    if (is_core(frames[i])) {
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

UNCHECKED void secrets_look(const void *block, size_t size, const void *site) {
  if (searching && block != NULL && is_core(site)) {
    searched++;
    search(block, size);
  }
}

/* libcurl frees for the module here, so the call of free is in libcurl. */
void curl_free(void *block) {
  static void (*real)(void *);
  if (real == NULL) {
    *(void **)&real = dlsym(RTLD_NEXT, "curl_free");
  }
  secrets_look(block, malloc_usable_size(block), __builtin_return_address(0));
  real(block);
}
