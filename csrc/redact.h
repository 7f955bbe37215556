/*
 * Makes text of the service safe to show: printable, and without secrets and e-mail addresses.
 *
 * A secret is found unchanged and in escapes (unescape.h), in which a service may echo it. The
 * number of steps for each byte of the text and of the secrets is bounded: secrets are matched by
 * the algorithm of Knuth, Morris and Pratt.
 */
#ifndef LCPP_REDACT_H
#define LCPP_REDACT_H

#include <stdbool.h>
#include <stddef.h>

enum {
  LCPP_REDACT_LIMIT = 64 * 1024, /* bytes of a text that may be kept */
  LCPP_REDACT_AHEAD = 2048,      /* bytes searched beyond those: a long token is hidden */
  LCPP_SECRETS = 16,             /* at most */
  LCPP_SECRETS_SHORTEST = 4      /* bytes: a shorter one would match anything */
};

struct lcpp_text {
  const char *data;
  size_t length;
};

struct lcpp_secret {
  struct lcpp_text raw;
  struct lcpp_text decoded; /* once it is prepared */
};

/* All zeros has none. */
struct lcpp_secrets {
  struct lcpp_secret list[LCPP_SECRETS];
  size_t count;
  size_t bytes; /* of all of them */
  char *copies; /* of those with escapes; NULL: they are not prepared */
};

/* Whether a text has nothing to decode or to clean. */
bool lcpp_is_plain(struct lcpp_text text);

/* Adds a secret, unless it is too short, one too many, or there already. Its bytes are borrowed. */
void lcpp_secrets_add(struct lcpp_secrets *secrets, struct lcpp_text secret);

/* Prepares all of them. Borrowed: `copies`, which has room for `bytes` bytes. */
void lcpp_secrets_prepare(struct lcpp_secrets *secrets, char *copies);

/* Wipes the copies. */
void lcpp_secrets_clear(struct lcpp_secrets *secrets);

/* Writes the text to `shown`, which has room for `limit` bytes, with "[redacted]" in place of each
 * secret, bearer token, JSON Web Token and e-mail address; as printable UTF-8 on one line (see
 * characters.h), with one blank for a run of blanks. Returns the number of bytes written; SIZE_MAX
 * if memory ran out. Reads `limit` bytes of the text and LCPP_REDACT_AHEAD more; a possible
 * beginning of a secret at their end is not shown. The secrets must be prepared, unless the text is
 * plain. `*cost` becomes the number of bytes read, of which those of escapes, which take longest,
 * count up to four times. */
size_t lcpp_redact(struct lcpp_text text, const struct lcpp_secrets *secrets, char *shown,
                   size_t limit, size_t *cost);

#endif
