/*
 * Secrets, prepared once to be looked for in any number of texts: as they are, and behind the
 * escapes that they seem to have, for a search of a text behind its own.
 */
#ifndef LCPP_SECRETS_H
#define LCPP_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

#include "needles.h"

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
