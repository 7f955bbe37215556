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

#include <stdbool.h>
#include <stddef.h>

#include "secrets.h"

enum {
  LCPP_REDACT_LIMIT = 64 * 1024, /* bytes of a text that may be kept */
  LCPP_REDACT_AHEAD = 2048       /* bytes that are looked at beyond those: a long token is hidden */
};

/* Whether lcpp_redact would show all of a text as it is, since it is plain and cannot hold what is
 * hidden: it lacks a byte of that, or is too short. So it is with most ids and URLs. Texts that
 * have a blank, a plus or an at sign are not looked into; so each byte matches itself alone. */
bool lcpp_is_harmless(struct lcpp_text text, const struct lcpp_secrets *secrets);

/* Writes the text to `shown`, which has room for `limit` bytes, with "[redacted]" in place of each
 * secret, bearer token, JSON Web Token and e-mail address; as printable UTF-8 in one line (see
 * printable.h), with one blank for a run of blanks. Returns the number of bytes written; SIZE_MAX
 * if memory ran out. Looks at the first `limit` bytes of the text and LCPP_REDACT_AHEAD more;
 * what may be the beginning of a secret where they end is not shown. The secrets are prepared,
 * unless the text is plain. NULL for them: the text is only made printable. */
size_t lcpp_redact(struct lcpp_text text, const struct lcpp_secrets *secrets, char *shown,
                   size_t limit);

#endif
