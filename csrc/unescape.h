/*
 * Reads text behind its escapes, in one pass and constant time for each byte.
 *
 * Undone are percent-encoding (`%40`, `%u0040`), the escapes of JSON and of its relatives
 * (`\u0040`, `\x40`, `\/`, `\n`) and HTML's character references (`&#64;`, `&#x40;`, `&commat;`),
 * and what is escaped again, in the same way or another (`%2540`, `%26%2364%3B`). Left out are the
 * invisible characters (characters.h), also within an escape: they do not hide a secret that they
 * split. One blank stands for a run of them.
 */
#ifndef LCPP_UNESCAPE_H
#define LCPP_UNESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Counts the steps of what reads text of the service, in a build that counts them: the fuzz target
 * holds them to a constant number for each byte. */
#ifdef LCPP_COUNT_STEPS
extern unsigned long long lcpp_steps;
#define LCPP_STEP() ((void)lcpp_steps++)
#else
#define LCPP_STEP() ((void)0)
#endif

/* What spells a byte behind the escapes: text[start] to text[end - 1]. */
struct lcpp_span {
  uint32_t start;
  uint32_t end;
};

/* What stands behind the escapes of a text. The arrays are the caller's, and have room for as many
 * bytes as the text has. All else is zero before the text is read. */
struct lcpp_unescaped {
  unsigned char *bytes;
  struct lcpp_span *spans; /* what spells bytes[i]; NULL: not wanted */
  uint32_t count;
  uint32_t held; /* of a text that was cut: where an incomplete escape begins, or its end */
  uint32_t slow; /* bytes of the text that were in escapes, or not of ASCII */
};

/* Whether a byte begins an escape. */
static inline bool lcpp_begins_escape(unsigned char byte) {
  return byte == '%' || byte == '\\' || byte == '&';
}

/* How a byte is compared. A blank is spelled `+` in a form, and may be shown for a control
 * character. */
static inline unsigned char lcpp_fold(unsigned char c) {
  return c <= ' ' || c == '+' || c == 0x7f ? ' ' : c;
}

/* Reads a text. At its end an incomplete escape is plain text, unless it is an HTML number; if the
 * text was cut there, it is left out. */
void lcpp_unescape(const unsigned char *text, uint32_t length, bool cut,
                   struct lcpp_unescaped *behind);

#endif
