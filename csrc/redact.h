/*
 * Text from outside, made fit to be shown: printable, and without secrets and e-mail addresses.
 *
 * A secret is found as it is, and behind the escapes in which a service may spell it where it
 * echoes what it was sent (unescape.h). One pass over the text, with a constant number of steps for
 * each byte, whatever the text and the secrets are: secrets are matched by the algorithm of Knuth,
 * Morris and Pratt.
 */
#ifndef LCPP_REDACT_H
#define LCPP_REDACT_H

#include <stddef.h>

#include "needles.h"

enum {
  LCPP_REDACT_SECRETS = LCPP_NEEDLES / 2, /* at most; addresses are also found by their form */
  LCPP_REDACT_SHORTEST = 4,      /* bytes of a secret: a shorter one would match anything */
  LCPP_REDACT_LIMIT = 64 * 1024, /* bytes of a text that are looked at */
  LCPP_REDACT_FACTOR = 8         /* and how many times what is kept of it */
};

struct lcpp_text {
  const char *data;
  size_t length;
};

/* Writes the text to `shown`, which has room for `limit` bytes, with "[redacted]" in place of each
 * secret, bearer token, JSON Web Token and e-mail address; as printable UTF-8 in one line (see
 * printable.h), with one blank for a run of blanks. Returns the number of bytes written; SIZE_MAX
 * if memory ran out. Looks at the first 8 * limit bytes of the text, 64 KiB at most; what may be
 * the beginning of a secret where they end is not shown. Secrets that are too short, or too many,
 * are ignored. NULL for `secrets`: the text is only made printable. */
size_t lcpp_redact(struct lcpp_text text, const struct lcpp_text *secrets, size_t count,
                   char *shown, size_t limit);

#endif
