/*
 * A slot: an easy handle, set up once with all that no request may change, and used for one
 * transfer after another. What libcurl is told about security stands in slot.c, in one function.
 */
#ifndef LCPP_SLOT_H
#define LCPP_SLOT_H

#include "http.h"

enum { LCPP_HEADER_LINES = 6 }; /* at most, of a request */

struct lcpp_slot {
  CURL *easy;                     /* owned */
  struct lcpp_slot *next;         /* in the list of idle slots */
  struct lcpp_transfer *transfer; /* borrowed; what runs on it, or NULL */
  bool plain;                     /* set up for plain http: no proxy */
  bool single_use;                /* set up for one call's own profile: not kept */
  struct lcpp_buf lines;          /* owned; header lines, the token's among them: wiped after use */
  struct curl_slist headers[LCPP_HEADER_LINES]; /* nodes over `lines` and static lines */
  char detail[CURL_ERROR_SIZE];                 /* where libcurl writes its error text */
};

/* A slot with its handle set up, or NULL when memory ran out. */
struct lcpp_slot *lcpp_slot_new(struct lcpp_poller *poller, const struct lcpp_profile *profile);
void lcpp_slot_free(struct lcpp_slot *slot);

/* Has the connection of the slot's transfer closed when the transfer ends, unless others run on it:
 * it may be dead, which over HTTP/2 nothing else would tell the next request. */
void lcpp_slot_distrust(struct lcpp_slot *slot);

/* Takes the transfer, which has ended, off the slot, and the token out of its memory. */
void lcpp_slot_unload(struct lcpp_slot *slot);

/* Sets up the slot for one transfer. `profile` is the one of its client, for a call without its
 * own. */
CURLcode lcpp_slot_load(struct lcpp_slot *slot, struct lcpp_transfer *transfer,
                        const struct lcpp_plan *plan, const struct lcpp_profile *profile);

#endif
