/*
 * What http.c and transfer.c share: the http handle's fields, and the moves of a transfer through
 * its lists: queued, running, finished.
 */
#ifndef LCPP_HTTP_PRIVATE_H
#define LCPP_HTTP_PRIVATE_H

#include "http.h"
#include "slot.h"

struct lcpp_http {
  CURLM *multi;
  struct lcpp_poller *poller;
  const struct lcpp_profile *profile; /* borrowed */
  unsigned generation;                /* of the process that made it: see `forks` */
  bool stepping;
  bool broken; /* a transfer failed in `multi`: it is replaced as soon as nothing runs on it */
  long max_connections;
  unsigned long reuses; /* how often a request went over a connection that was there already */
  long long alarm;      /* in lcpp_monotonic_ms; -1: none */
  size_t running_count;
  size_t finished_count;
  struct lcpp_transfer *queued; /* started, and not yet given to libcurl, in this order */
  struct lcpp_transfer **queued_end;
  struct lcpp_transfer *running;
  long long deadline;             /* no running transfer's is earlier */
  struct lcpp_transfer *finished; /* in the order in which they finished */
  struct lcpp_transfer **finished_end;
  struct lcpp_slot *idle;
  size_t idle_count;
  unsigned char random[256]; /* for UUIDs */
  size_t random_left;
};

/* Moves a transfer that was queued to the running ones. */
void lcpp_transfer_run(struct lcpp_transfer *transfer);

/* Moves a queued or running transfer, whose outcome is set already, to the finished ones. */
void lcpp_transfer_finish(struct lcpp_transfer *transfer);

#endif
