/*
 * Comparing names without regard to case, in ASCII. strcasecmp follows the locale of the host
 * program: in Turkish, `I` and `i` are different letters.
 */
#ifndef LCPP_ASCII_H
#define LCPP_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A letter in lower case, or any other byte. */
static inline int lcpp_lower(char c) {
  return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Whether two texts are the same in their first `length` bytes, or up to the end of both. */
static inline bool lcpp_is_same_to(const char *a, const char *b, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (lcpp_lower(a[i]) != lcpp_lower(b[i])) {
      return false;
    }
    if (a[i] == '\0') {
      return true;
    }
  }
  return true;
}

/* Whether two texts are the same. */
static inline bool lcpp_is_same(const char *a, const char *b) {
  return lcpp_is_same_to(a, b, SIZE_MAX);
}

#endif
