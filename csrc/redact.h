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
  LCPP_REDACT_AHEAD = 2048       /* bytes searched beyond those: a long token is hidden */
};

/* Whether lcpp_redact would show all of a text unchanged: it is plain, and it lacks a byte of each
 * secret or is too short. This holds for most ids and URLs. False for a text with a blank, a plus
 * or an at sign, without a search; so each byte matches only itself. */
bool lcpp_is_harmless(struct lcpp_text text, const struct lcpp_secrets *secrets);

/* Writes the text to `shown`, which has room for `limit` bytes, with "[redacted]" in place of each
 * secret, bearer token, JSON Web Token and e-mail address; as printable UTF-8 in one line (see
 * printable.h), with one blank for a run of blanks. Returns the number of bytes written; SIZE_MAX
 * if memory ran out. Reads the first `limit` bytes of the text and LCPP_REDACT_AHEAD more; a
 * possible beginning of a secret at their end is not shown. The secrets are prepared,
 * unless the text is plain. NULL for them: the text is only made printable. `*cost` is set to the
 * bytes read, with those of escapes, which take longest, three times. */
size_t lcpp_redact(struct lcpp_text text, const struct lcpp_secrets *secrets, char *shown,
                   size_t limit, size_t *cost);

#endif
