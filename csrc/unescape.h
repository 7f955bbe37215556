/*
 * Reads text behind its escapes, byte by byte, in constant memory and constant time for each byte.
 *
 * Undone are percent-encoding (`%40`, `%u0040`), the escapes of JSON and of its relatives
 * (`\u0040`, `\x40`, `\/`, `\n`) and HTML's character references (`&#64;`, `&#x40;`, `&commat;`),
 * and what is escaped again, in the same way or another (`%2540`, `%26%2364%3B`). Left out are the
 * invisible characters (printable.h), also within an escape: they do not hide a secret that they
 * split.
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

/* A byte behind the escapes, and what spells it: text[start] to text[end - 1]. */
struct lcpp_unit {
  unsigned char byte;
  uint32_t start;
  uint32_t end;
};

/* Layers: two of the service, and one that a secret itself may look like. */
enum { LCPP_LAYERS = 3, LCPP_ESCAPE_LIMIT = 16 };

/* One layer: an escape that has begun. */
struct lcpp_layer {
  struct lcpp_unit held[LCPP_ESCAPE_LIMIT]; /* what it was spelled by so far */
  unsigned count;
  unsigned digits; /* still to come; of an HTML number: seen */
  uint32_t number;
  bool hexadecimal; /* of an HTML number */
  uint32_t high;    /* the first half of a pair of UTF-16; 0: none */
  uint32_t high_start;
};

/* The bytes of an incomplete character. */
struct lcpp_partial {
  struct lcpp_unit held[4];
  unsigned count;
};

/* All zeros, but for the last two members, is the beginning of a text. */
struct lcpp_unescaper {
  uint32_t slow; /* bytes that went through the layers */
  struct lcpp_layer layers[LCPP_LAYERS];
  struct lcpp_partial partial[LCPP_LAYERS + 1]; /* before each layer, and after the last one */
  void (*take)(void *context, struct lcpp_unit unit); /* gets each byte, in order */
  void *context;
};

/* Whether a byte begins an escape. */
static inline bool lcpp_begins_escape(unsigned char byte) {
  return byte == '%' || byte == '\\' || byte == '&';
}

/* Reads the next byte of the text. */
void lcpp_unescape(struct lcpp_unescaper *unescaper, struct lcpp_unit unit);

/* The end of the text: an incomplete escape is plain text, unless it is an HTML number. */
void lcpp_unescape_end(struct lcpp_unescaper *unescaper);

/* Where the incomplete escape or character begins; `end` if there is none. */
uint32_t lcpp_unescape_held(const struct lcpp_unescaper *unescaper, uint32_t end);

#endif
