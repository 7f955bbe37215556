/*
 * Decodes the escapes of a text, in constant time for each byte.
 *
 * These are percent-encoding (`%40`, `%u0040`), the escapes of JSON and of similar formats
 * (`\u0040`, `\x40`, `\/`, `\n`) and HTML's character references (`&#64;`, `&#x40;`, `&commat;`),
 * also if they are escaped again, in the same way or another (`%2540`, `%26%2364%3B`). Invisible
 * characters (characters.h) are dropped, also within an escape, so that they do not hide a secret.
 * A run of blanks becomes one blank.
 */
#ifndef LCPP_UNESCAPE_H
#define LCPP_UNESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Counts steps in a build for the fuzz target, which checks that their number for each byte is
 * bounded. */
#ifdef LCPP_COUNT_STEPS
extern unsigned long long lcpp_steps;
#define LCPP_STEP() ((void)lcpp_steps++)
#else
#define LCPP_STEP() ((void)0)
#endif

/* The part of the text that a decoded byte comes from: text[start] to text[end - 1]. */
struct lcpp_span {
  uint32_t start;
  uint32_t end;
};

/* A decoded text. The arrays are the caller's, with room for as many bytes as the text has. All
 * else is zero before. */
struct lcpp_unescaped {
  unsigned char *bytes;
  struct lcpp_span *spans; /* where bytes[i] comes from; NULL: not wanted */
  uint32_t count;
  uint32_t held; /* of a text that was cut: where an incomplete escape begins, or its end */
  uint32_t slow; /* bytes of the text that were in escapes, or not ASCII */
};

/* Whether a byte begins an escape. */
static inline bool lcpp_begins_escape(unsigned char byte) {
  return byte == '%' || byte == '\\' || byte == '&';
}

/* The form in which bytes are compared: a blank is `+` in a form, and may replace a control
 * character. */
static inline unsigned char lcpp_fold(unsigned char c) {
  return c <= ' ' || c == '+' || c == 0x7f ? ' ' : c;
}

/* Decodes a text. An incomplete escape at its end is plain text, unless it is an HTML number; if
 * the text was cut there, it is dropped. */
void lcpp_unescape(const unsigned char *text, uint32_t length, bool cut,
                   struct lcpp_unescaped *decoded);

#endif
