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
 * The engine checks deadlines itself: libcurl 7.88 has no timeout for a transfer that waits for a
 * connection (max_connections).
 */
#ifndef LCPP_ENGINE_H
#define LCPP_ENGINE_H

#include "transfer.h"

/* Milliseconds until a time, rounded up: 0 if it has passed, -1 for no time (-1). */
static inline long lcpp_milliseconds_until(long long at_us) {
  if (at_us < 0) {
    return -1;
  }
  long long left = at_us - lcpp_monotonic_us();
  return left > 0 ? (long)((left + 999) / 1000) : 0;
}

/* 11 days: a longer wait is split. An int holds it in milliseconds. */
enum { LCPP_LONGEST_WAIT_MS = 1000000000 };

/*
 * The poller waits for the sockets and timers of a multi handle. There are two, and a build has
 * one: engine_poller_epoll.c drives curl_multi_socket_action and has one descriptor for a host's
 * loop to watch, so the cost grows with activity rather than with the number of transfers;
 * engine_poller_poll.c uses curl_multi_poll, where there is no epoll.
 */
struct lcpp_poller {
  CURLM *multi;       /* borrowed; NULL: none */
  int epoll;          /* owned: what a host's loop watches; -1: none */
  long long timer_us; /* when libcurl's timer expires, of epoll; -1: none */
  bool failed;        /* the kernel refused to watch a socket */
  bool busy;          /* the last step may have left something unread */
};

/* Acquires the descriptor; false if there is none left. */
bool lcpp_poller_open(struct lcpp_poller *poller);

/* Changes to another multi handle; NULL: to none, before curl_multi_cleanup. */
void lcpp_poller_attach(struct lcpp_poller *poller, CURLM *multi);

/* Runs libcurl's timer if it has expired, such as that of a transfer that was just added. */
CURLMcode lcpp_poller_run_timer(struct lcpp_poller *poller);

/* Waits at most `wait_ms` milliseconds (0 to LCPP_LONGEST_WAIT_MS) or until a signal comes, serves
 * the sockets that are ready, at least one, for `work_us` microseconds, and runs expired timers.
 * Anything but CURLM_OK means that a transfer may hang. */
CURLMcode lcpp_poller_step(struct lcpp_poller *poller, long wait_ms, long work_us);

/* Milliseconds until libcurl's timer, 0 if it is due, -1 if there is none. */
long lcpp_poller_timeout(const struct lcpp_poller *poller);

/* Transfers in a state, in the order in which they got there. */
struct lcpp_list {
  struct lcpp_transfer *first;
  struct lcpp_transfer **end;
  size_t count;
};

struct lcpp_engine {
  CURLM *multi;
  struct lcpp_poller poller;
  struct lcpp_pool pool;
  unsigned generation; /* of the process that made it: see `forks` in engine.c */
  bool damaged; /* libcurl ran out of memory in `multi`, which is replaced when it is empty */
  long max_connections;
  long long alarm_us;        /* -1: none */
  long long deadline_us;     /* not after that of any running transfer */
  long long overdue_us;      /* since when a transfer is overdue; -1: none is */
  struct lcpp_list queued;   /* started, but not yet given to libcurl */
  struct lcpp_list running;  /* with libcurl */
  struct lcpp_list finished; /* but not claimed */
};

/* How many transfers run, for the caller. */
static inline size_t lcpp_engine_running(const struct lcpp_engine *engine) {
  return engine->queued.count + engine->running.count;
}

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

/* Claims the transfer that finished first; NULL: none. */
struct lcpp_transfer *lcpp_engine_next_finished(struct lcpp_engine *engine);

/* Takes a finished transfer out of the list; one that is not in it stays as it is. */
void lcpp_engine_claim(struct lcpp_transfer *transfer);

#endif
