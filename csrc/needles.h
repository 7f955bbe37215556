/*
 * Secrets that are looked for in a text, byte by byte: by the algorithm of Knuth, Morris and Pratt,
 * so in a constant number of steps for each byte and secret, whatever both are.
 */
#ifndef LCPP_NEEDLES_H
#define LCPP_NEEDLES_H

#include <stddef.h>
#include <stdint.h>

enum { LCPP_NEEDLES = 32 };

/* A secret, and how far the text matches it. */
struct lcpp_needle {
  const unsigned char *bytes;
  uint32_t length;
  uint32_t before;   /* bytes of the secret before these, which are not compared */
  uint32_t matched;  /* bytes at the end of the text so far that begin the secret */
  uint32_t known;    /* entries of `borders` that are computed: as far as a text ever matched */
  uint32_t *borders; /* of each beginning of the secret: its longest proper end that begins it */
};

/* All zeros has none. */
struct lcpp_needles {
  struct lcpp_needle list[LCPP_NEEDLES];
  unsigned count;
  uint32_t active;        /* a bit for each needle with matched > 0 */
  uint32_t starting[256]; /* by a byte: the needles that begin with it */
};

/* How a byte is compared. A blank is spelled `+` in a form, and may be shown for a control
 * character. */
static inline unsigned char lcpp_fold(unsigned char c) {
  return c <= ' ' || c == '+' || c == 0x7f ? ' ' : c;
}

/* Adds a secret of 1 <= length < 2^32 bytes, or its end, `before` bytes behind its beginning.
 * Borrowed: its bytes, and `borders`, space for length + 1 numbers. There must be fewer than
 * LCPP_NEEDLES. */
void lcpp_needles_add(struct lcpp_needles *needles, const unsigned char *bytes, size_t length,
                      size_t before, uint32_t *borders);

/* Compares all of them with the next byte of the text, folded. Returns the length of the longest
 * that ends with it, with what is before it; 0: none does. */
uint32_t lcpp_needles_read(struct lcpp_needles *needles, unsigned char folded);

/* How much of the longest needle's beginning the text ends with. */
uint32_t lcpp_needles_begun(const struct lcpp_needles *needles);

#endif
