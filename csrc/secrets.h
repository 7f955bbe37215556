/*
 * Secrets, prepared once to be looked for in any number of texts: as they are, and behind the
 * escapes that they seem to have, for a search of a text behind its own. The search is by the
 * algorithm of Knuth, Morris and Pratt: a constant number of steps for each byte and secret.
 */
#ifndef LCPP_SECRETS_H
#define LCPP_SECRETS_H

#include <stdbool.h>
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

enum {
  LCPP_SECRETS = LCPP_NEEDLES / 2, /* at most: each takes two needles behind the escapes */
  LCPP_SECRETS_SHORTEST = 4        /* bytes: a shorter one would match anything */
};

struct lcpp_text {
  const char *data;
  size_t length;
};

struct lcpp_secret {
  struct lcpp_text raw;
  struct lcpp_text behind; /* behind its escapes, once it is prepared */
};

/* All zeros has none. */
struct lcpp_secrets {
  struct lcpp_secret list[LCPP_SECRETS];
  size_t count;
  size_t bytes; /* of all of them */
  char *copies; /* of those with escapes; NULL: they are not prepared */
};

/* Whether nothing in a text needs to be unescaped or cleaned. */
bool lcpp_is_plain(struct lcpp_text text);

/* Adds a secret, unless it is too short, one too many, or there already. Its bytes are borrowed. */
void lcpp_secrets_add(struct lcpp_secrets *secrets, struct lcpp_text secret);

/* Prepares all of them. Borrowed: `copies`, which has room for `bytes` bytes. */
void lcpp_secrets_prepare(struct lcpp_secrets *secrets, char *copies);

/* Wipes the copies. */
void lcpp_secrets_clear(struct lcpp_secrets *secrets);

#endif
