/*
 * Makes text of the service safe to show: printable, and without secrets and e-mail addresses.
 *
 * A service may echo a secret in percent-encoding, in the escapes of JSON, or in HTML's character
 * references. Percent-encoding is decoded once. A word that has other escapes, before or after, is
 * not shown. The number of steps for each byte of the text is bounded: secrets are matched by the
 * algorithm of Knuth, Morris and Pratt.
 */
#ifndef LCPP_REDACT_H
#define LCPP_REDACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  LCPP_REDACT_LIMIT = 64 * 1024, /* bytes of a text that may be kept */
  LCPP_REDACT_AHEAD = 2048,      /* bytes searched beyond those: a long token is hidden */
  LCPP_SECRETS = 16,             /* at most */
  LCPP_SECRETS_SHORTEST = 4      /* bytes: a shorter one would match anything */
};

/* Counts steps in a build for the fuzz target, which checks that their number is bounded. */
#ifdef LCPP_COUNT_STEPS
extern unsigned long long lcpp_steps;
#define LCPP_STEP() ((void)lcpp_steps++)
#else
#define LCPP_STEP() ((void)0)
#endif

struct lcpp_text {
  const char *data;
  size_t length;
};

/* All zeros has none. Their bytes are borrowed. */
struct lcpp_secrets {
  struct lcpp_text list[LCPP_SECRETS];
  size_t count;
  size_t checked;    /* how many of them `has_word_end` is about */
  bool has_word_end; /* one has a blank or a quotation mark */
};

/* Adds a secret, unless it is too short, one too many, or there already. */
void lcpp_secrets_add(struct lcpp_secrets *secrets, struct lcpp_text secret);

/* Writes the text to `shown`, which has room for `limit` bytes, with "[redacted]" in place of each
 * secret, bearer token, JSON Web Token, e-mail address, and word that may hide one behind escapes;
 * as printable UTF-8 on one line (see characters.h), with one blank for a run of blanks. Returns
 * the number of bytes written; SIZE_MAX if memory ran out. Reads `limit` bytes of the text and
 * LCPP_REDACT_AHEAD more; a possible beginning of a secret at their end is not shown. */
size_t lcpp_redact(struct lcpp_text text, struct lcpp_secrets *secrets, char *shown, size_t limit);

/* redact_search.c: where secrets, addresses and tokens are */

/* The text; or one of its words, decoded. */
struct lcpp_reading {
  const unsigned char *bytes;
  uint32_t count;
  bool is_word; /* with its place in the text: */
  uint32_t start, end;
};

struct lcpp_search {
  const unsigned char *text;
  uint32_t length;
  bool plain;        /* nothing is hidden, and a byte is a character */
  uint32_t *covered; /* of each byte: the end of the longest hidden part that begins there; or 0 */
  uint32_t *borders; /* room for those of one secret: see struct needle */
  unsigned char *word; /* room for a decoded one */
  uint32_t begun;      /* where a secret may begin that the end of the text cuts off */
};

/* Finds in a reading what to hide, and hides it. */
void lcpp_search_find(struct lcpp_search *search, const struct lcpp_reading *reading,
                      const struct lcpp_secrets *secrets);

/* Hides the bytes of a reading from `first` up to `end`; of a word, all of it. */
void lcpp_search_hide(struct lcpp_search *search, const struct lcpp_reading *reading,
                      uint32_t first, uint32_t end);

#endif
