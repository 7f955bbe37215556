/*
 * The engine: one multi handle, the transfers that run on it, and the poller that waits for them.
 *
 * A transfer is queued by lcpp_engine_start, runs while the engine is stepped, and ends exactly
 * once: with a response, with a failure, aborted, or closed. Then it is in the list of finished
 * transfers until it is claimed.
 *
 *   struct lcpp_engine *engine = lcpp_engine_new(&profile, 0);
 *   lcpp_engine_start(engine, &transfer, &request);
 *   while (transfer.state != LCPP_DONE) lcpp_engine_step(engine, -1);
 *   lcpp_engine_free(engine);
 *
 * The engine decides about deadlines itself: libcurl 7.88 does not hold a timeout for a transfer
 * that waits for a connection (max_connections).
 */
#ifndef LCPP_ENGINE_H
#define LCPP_ENGINE_H

#include <time.h>

#include "transfer.h"

/* Microseconds on a clock that never jumps. Everything that waits or is bounded goes by it. */
static inline long long lcpp_monotonic_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Milliseconds until a time, rounded up; 0 once it is over; -1 if there is none (-1). */
static inline long lcpp_milliseconds_until(long long at_us) {
  if (at_us < 0) {
    return -1;
  }
  long long left = at_us - lcpp_monotonic_us();
  return left > 0 ? (long)((left + 999) / 1000) : 0;
}

/* 11 days: a longer wait is split. An int holds it in milliseconds. */
enum { LCPP_LONGEST_WAIT_MS = 1000000000 };

/* An engine without transfers, or NULL if memory or descriptors ran out. `profile` and its strings
 * must outlive it. `max_connections` of 0 means no limit. libcurl is initialised by the first call
 * in a process, from any thread. */
struct lcpp_engine *lcpp_engine_new(const struct lcpp_profile *profile, long max_connections);

/* Ends all running transfers with LCPP_CLOSED and frees everything; NULL is valid. In a child of
 * the process that made the engine it touches neither connections nor transfers. */
void lcpp_engine_free(struct lcpp_engine *engine);

/* Limits the connections of the engine from now on; 0: no limit. */
void lcpp_engine_limit(struct lcpp_engine *engine, long max_connections);

/* Whether this process may use the engine: false in a forked child. */
bool lcpp_engine_is_ours(const struct lcpp_engine *engine);

/* Starts a transfer with its url and request_body set, and all else zero. Whatever fails, the
 * transfer is LCPP_RUNNING or LCPP_DONE afterwards. */
void lcpp_engine_start(struct lcpp_engine *engine, struct lcpp_transfer *transfer,
                       const struct lcpp_request_head *request);

/* Ends such a transfer before anything is sent. `message` is static. */
void lcpp_engine_refuse(struct lcpp_engine *engine, struct lcpp_transfer *transfer,
                        enum lcpp_kind kind, const char *message);

/* Ends a running transfer with `kind`; any other stays as it is. `message` is static. */
void lcpp_engine_abort(struct lcpp_transfer *transfer, enum lcpp_kind kind, const char *message);

/* Runs what is due, and waits at most `wait_ms` milliseconds for more (-1: until something
 * happens). Returns early if a transfer finished or a signal came. */
void lcpp_engine_step(struct lcpp_engine *engine, long wait_ms);

/* Makes the next wait end within `delay_ms` milliseconds, once: for timers above the engine. */
void lcpp_engine_alarm(struct lcpp_engine *engine, long delay_ms);

/* Milliseconds until a step is due even if the descriptor stays quiet; -1: never. */
long lcpp_engine_timeout(const struct lcpp_engine *engine);

/* The descriptor for a host's loop to watch for reading, or -1 if the poller has none. */
int lcpp_engine_descriptor(const struct lcpp_engine *engine);

size_t lcpp_engine_running(const struct lcpp_engine *engine);  /* transfers that run */
size_t lcpp_engine_finished(const struct lcpp_engine *engine); /* finished, not claimed */

/* Claims the transfer that finished first; NULL: none. */
struct lcpp_transfer *lcpp_engine_next_finished(struct lcpp_engine *engine);

/* Takes a finished transfer out of the list; one that is not in it stays as it is. */
void lcpp_engine_claim(struct lcpp_transfer *transfer);

/*
 * The poller waits for the sockets and timers of a multi handle. There are two, and a build has
 * one: engine_poller_epoll.c drives curl_multi_socket_action and has one descriptor for a host's
 * loop to watch, so the cost grows with activity rather than with the number of transfers;
 * engine_poller_poll.c uses curl_multi_poll, where there is no epoll.
 */
struct lcpp_poller;

/* A poller for `multi`, or NULL if memory or descriptors ran out. */
struct lcpp_poller *lcpp_poller_new(CURLM *multi);

/* Takes the poller's callbacks out of its multi handle, before curl_multi_cleanup. */
void lcpp_poller_detach(struct lcpp_poller *poller);

/* Goes over to another multi handle. The descriptor stays the same. */
void lcpp_poller_move(struct lcpp_poller *poller, CURLM *multi);

/* Frees the poller, after curl_multi_cleanup; NULL is valid. */
void lcpp_poller_free(struct lcpp_poller *poller);

/* Runs libcurl's timer if it has expired, such as that of a transfer that was just added. */
CURLMcode lcpp_poller_run_timer(struct lcpp_poller *poller);

/* Waits at most `wait_ms` milliseconds (0 to LCPP_LONGEST_WAIT_MS) or until a signal comes, serves
 * the sockets that are ready, at least one, for `work_us` microseconds, and runs expired timers.
 * Anything but CURLM_OK means that a transfer may hang. */
CURLMcode lcpp_poller_step(struct lcpp_poller *poller, long wait_ms, long work_us);

/* What a host's loop watches, or -1. */
int lcpp_poller_descriptor(const struct lcpp_poller *poller);

/* Milliseconds until libcurl's timer, 0 if it is due, -1 if there is none. */
long lcpp_poller_timeout(const struct lcpp_poller *poller);

#endif
