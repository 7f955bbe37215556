/* The engine: one multi handle and the transfers that run on it: see engine.h. */
#include "engine.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* The time of a step in microseconds: of one that does not wait, so that a host with other work is
 * not delayed; and of one that may wait, whose caller has no other work. The next step does the
 * rest. */
enum { STEP_US = 500, WAITING_STEP_US = 20000 };

/* What the reading of responses may take that came before a deadline, while the process was paused,
 * or its host was busy. Microseconds. */
enum { LATE_READING_US = 30000 };

static pthread_mutex_t initialising = PTHREAD_MUTEX_INITIALIZER;

/* The number of forks between the first process that made an engine and this one. An engine of
 * another generation belongs to the parent. Comparing process ids would cost system calls. */
static volatile unsigned forks;

static void count_fork(void) {
  forks++;
}

/* curl_global_init is thread-safe only in builds that say so. It is never undone, since other
 * parts of the process may use libcurl. If it fails for lack of memory, the next client tries
 * again. https://curl.se/libcurl/c/curl_global_init.html */
static bool initialise(void) {
  static bool libcurl_is_ready;
  static bool forks_are_counted;
  pthread_mutex_lock(&initialising);
  libcurl_is_ready = libcurl_is_ready || curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  forks_are_counted = forks_are_counted || pthread_atfork(NULL, NULL, count_fork) == 0;
  bool ready = libcurl_is_ready && forks_are_counted;
  pthread_mutex_unlock(&initialising);
  return ready;
}

/* CURLMOPT_QUICK_EXIT, which headers before libcurl 8.2x lack, and libraries refuse without harm.
 * CURLOPT_QUICK_EXIT does not keep 8.23 from waiting for the resolver in curl_multi_cleanup. */
static const CURLMoption multi_quick_exit = (CURLMoption)(CURLOPTTYPE_LONG + 21);

static CURLM *new_multi(long max_connections) {
  CURLM *multi = curl_multi_init();
  if (multi != NULL) {
    curl_multi_setopt(multi, multi_quick_exit, 1L);
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, max_connections);
  }
  return multi;
}

struct lcpp_engine *lcpp_engine_new(const struct lcpp_profile *profile, long max_connections) {
  bool ready = initialise();
  struct lcpp_engine *engine = calloc(1, sizeof *engine);
  if (engine == NULL) {
    return NULL;
  }
  engine->generation = forks;
  engine->pool.profile = profile;
  engine->alarm_us = -1;
  engine->overdue_us = -1;
  engine->queued.end = &engine->queued.first;
  engine->running.end = &engine->running.first;
  engine->finished.end = &engine->finished.first;
  engine->max_connections = max_connections;
  engine->multi = ready ? new_multi(max_connections) : NULL;
  if (!lcpp_poller_open(&engine->poller) || engine->multi == NULL) {
    lcpp_engine_free(engine);
    return NULL;
  }
  lcpp_poller_attach(&engine->poller, engine->multi);
  return engine;
}

void lcpp_engine_limit(struct lcpp_engine *engine, long max_connections) {
  engine->max_connections = max_connections;
  curl_multi_setopt(engine->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, max_connections);
}

bool lcpp_engine_is_ours(const struct lcpp_engine *engine) {
  return engine->generation == forks;
}

/* Moves a transfer from the list that it is in, if any, to the end of another; NULL: to none. */
static void move(struct lcpp_transfer *transfer, struct lcpp_list *list) {
  if (transfer->list != NULL) {
    *transfer->link = transfer->next;
    *(transfer->next != NULL ? &transfer->next->link : &transfer->list->end) = transfer->link;
    transfer->list->count--;
  }
  transfer->list = list;
  transfer->next = NULL;
  if (list != NULL) {
    transfer->link = list->end;
    *list->end = transfer;
    list->end = &transfer->next;
    list->count++;
  }
}

/* Moves a transfer, whose outcome is set, to the finished ones. */
static void finish(struct lcpp_engine *engine, struct lcpp_transfer *transfer) {
  /* Fails without harm for a transfer that was still queued. */
  curl_multi_remove_handle(engine->multi, transfer->easy->handle);
  lcpp_transfer_unload(transfer);
  engine->damaged = engine->damaged || transfer->outcome.out_of_memory;
  transfer->took_us = lcpp_monotonic_us() - transfer->started;
  transfer->state = LCPP_DONE;
  move(transfer, &engine->finished);
}

/* Ends a transfer that has not ended well. Neither its connection nor its easy handle is used
 * again. */
static void cut_short(struct lcpp_engine *engine, struct lcpp_transfer *transfer, CURLcode code) {
  lcpp_transfer_distrust(transfer);
  lcpp_transfer_end(transfer, code);
  finish(engine, transfer);
}

void lcpp_engine_refuse(struct lcpp_engine *engine, struct lcpp_transfer *transfer,
                        enum lcpp_kind kind, const char *message) {
  transfer->engine = engine;
  transfer->started = lcpp_monotonic_us();
  transfer->outcome.retry_after = -1;
  lcpp_outcome_set(&transfer->outcome, kind, message, false);
  transfer->state = LCPP_DONE;
  move(transfer, &engine->finished);
}

void lcpp_engine_start(struct lcpp_engine *engine, struct lcpp_transfer *transfer,
                       const struct lcpp_request_head *request) {
  CURLcode code = lcpp_transfer_load(transfer, &engine->pool, request);
  if (code != CURLE_OK) {
    lcpp_engine_refuse(engine, transfer, LCPP_NETWORK,
                       code == CURLE_OUT_OF_MEMORY ? "out of memory" : curl_easy_strerror(code));
    return;
  }
  transfer->engine = engine;
  transfer->state = LCPP_RUNNING;
  transfer->started = lcpp_monotonic_us();
  transfer->deadline = transfer->started + request->timeout_ms * 1000LL;
  if (lcpp_engine_running(engine) == 0 || transfer->deadline < engine->deadline_us) {
    engine->deadline_us = transfer->deadline;
  }
  move(transfer, &engine->queued);
}

void lcpp_engine_abort(struct lcpp_transfer *transfer, enum lcpp_kind kind, const char *message) {
  if (transfer->state == LCPP_RUNNING) {
    cut_short(transfer->engine, transfer, CURLE_ABORTED_BY_CALLBACK);
    lcpp_outcome_set(&transfer->outcome, kind, message, false);
  }
}

void lcpp_engine_claim(struct lcpp_transfer *transfer) {
  if (transfer->state == LCPP_DONE) {
    move(transfer, NULL);
    transfer->engine = NULL;
  }
}

struct lcpp_transfer *lcpp_engine_next_finished(struct lcpp_engine *engine) {
  struct lcpp_transfer *transfer = engine->finished.first;
  if (transfer != NULL) {
    lcpp_engine_claim(transfer);
  }
  return transfer;
}

/* Runs a transfer again on a new connection, since the kept one was stale and nothing was sent.
 * This is not an attempt of the caller. */
static void replace_connection(struct lcpp_engine *engine, struct lcpp_transfer *transfer) {
  curl_multi_remove_handle(engine->multi, transfer->easy->handle);
  lcpp_transfer_renew(transfer);
  move(transfer, &engine->queued);
}

/* Takes over what libcurl has finished. */
static void collect(struct lcpp_engine *engine) {
  int left = 0;
  for (CURLMsg *message; (message = curl_multi_info_read(engine->multi, &left)) != NULL;) {
    void *easy = NULL;
    CURLcode code = message->data.result; /* `message` does not survive the removal */
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &easy);
    struct lcpp_transfer *transfer = ((struct lcpp_easy *)easy)->transfer;
    if (transfer->stale && transfer->connects == 0) {
      replace_connection(engine, transfer);
    } else if (code != CURLE_OK) {
      /* 8.23 leaves part of a header in the easy handle, in front of the next response. */
      cut_short(engine, transfer, code);
    } else {
      lcpp_transfer_end(transfer, code);
      finish(engine, transfer);
    }
  }
}

/* Ends the transfers of a list that are past their deadline, those that were sent only if `all`;
 * and records the earliest deadline of the others. */
static void end_overdue_of(struct lcpp_engine *engine, struct lcpp_transfer *transfer,
                           long long now, bool all) {
  while (transfer != NULL) {
    struct lcpp_transfer *next = transfer->next;
    if (transfer->deadline <= now && (all || !transfer->sent)) {
      cut_short(engine, transfer, CURLE_OPERATION_TIMEDOUT);
    } else if (transfer->deadline < engine->deadline_us) {
      engine->deadline_us = transfer->deadline;
    }
    transfer = next;
  }
}

/* Ends what is overdue: what was sent, once what had come for it is read. on_send in
 * transfer_callbacks.c sends nothing after a deadline. */
static void end_overdue(struct lcpp_engine *engine) {
  long long now = lcpp_monotonic_us();
  if (lcpp_engine_running(engine) == 0 || now < engine->deadline_us) {
    engine->overdue_us = -1;
    return;
  }
  if (engine->overdue_us < 0) {
    engine->overdue_us = now;
  }
  bool all = !engine->poller.busy || now >= engine->overdue_us + LATE_READING_US;
  engine->deadline_us = LLONG_MAX;
  end_overdue_of(engine, engine->running.first, now, all);
  end_overdue_of(engine, engine->queued.first, now, all);
}

/* After memory ran out, libcurl 7.88 may keep a connection that does not work, or an entry of a
 * socket whose count of zero it later divides by. So the multi handle is replaced, with all its
 * connections. If that fails, the next transfer tries again. */
static void replace_multi(struct lcpp_engine *engine) {
  bool empty = engine->running.count == 0;
  CURLM *multi = engine->damaged && empty ? new_multi(engine->max_connections) : NULL;
  if (multi != NULL) {
    lcpp_poller_attach(&engine->poller, multi);
    curl_multi_cleanup(engine->multi);
    engine->multi = multi;
    engine->damaged = false;
  }
}

/* Gives queued transfers to libcurl, at least one, until the time of the step is over: connecting
 * and sending take most of it. */
static CURLMcode run_queued(struct lcpp_engine *engine, long long until_us) {
  CURLMcode code = CURLM_OK;
  for (int i = 0; engine->queued.count > 0 && code == CURLM_OK; i++) {
    if (i > 0 && lcpp_monotonic_us() > until_us) {
      break;
    }
    struct lcpp_transfer *transfer = engine->queued.first;
    replace_multi(engine);
    move(transfer, &engine->running);
    code = curl_multi_add_handle(engine->multi, transfer->easy->handle);
    if (code == CURLM_OK) {
      code = lcpp_poller_run_timer(&engine->poller);
    }
  }
  return code;
}

static long sooner(long a, long b) {
  return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Milliseconds until the alarm or a deadline; -1: neither. */
static long own_timeout(const struct lcpp_engine *engine) {
  return sooner(
      lcpp_milliseconds_until(engine->alarm_us),
      lcpp_milliseconds_until(lcpp_engine_running(engine) > 0 ? engine->deadline_us : -1));
}

void lcpp_engine_step(struct lcpp_engine *engine, long wait_ms) {
  long work_us = wait_ms == 0 ? STEP_US : WAITING_STEP_US;
  size_t finished = engine->finished.count;
  engine->pool.steps++;
  CURLMcode code = run_queued(engine, lcpp_monotonic_us() + work_us);
  collect(engine);
  if (code == CURLM_OK) {
    bool has_news = engine->queued.count > 0 || engine->finished.count != finished;
    wait_ms = has_news ? 0 : sooner(wait_ms, own_timeout(engine));
    bool long_wait = wait_ms < 0 || wait_ms > LCPP_LONGEST_WAIT_MS;
    code = lcpp_poller_step(&engine->poller, long_wait ? LCPP_LONGEST_WAIT_MS : wait_ms, work_us);
    collect(engine);
  }
  if (lcpp_milliseconds_until(engine->alarm_us) == 0) {
    engine->alarm_us = -1;
  }
  /* A socket could not be watched, so a transfer could hang. */
  while (code != CURLM_OK && engine->running.count > 0) {
    struct lcpp_transfer *transfer = engine->running.first;
    cut_short(engine, transfer, CURLE_OUT_OF_MEMORY);
    lcpp_outcome_set(&transfer->outcome, LCPP_NETWORK, curl_multi_strerror(code), false);
  }
  engine->damaged = engine->damaged || code != CURLM_OK;
  end_overdue(engine);
}

void lcpp_engine_alarm(struct lcpp_engine *engine, long delay_ms) {
  long long at = lcpp_monotonic_us() + delay_ms * 1000LL;
  if (engine->alarm_us < 0 || at < engine->alarm_us) { /* an earlier alarm still counts */
    engine->alarm_us = at;
  }
}

long lcpp_engine_timeout(const struct lcpp_engine *engine) {
  return engine->queued.count > 0
             ? 0
             : sooner(lcpp_poller_timeout(&engine->poller), own_timeout(engine));
}

void lcpp_engine_free(struct lcpp_engine *engine) {
  if (engine == NULL || !lcpp_engine_is_ours(engine)) {
    return; /* closing in a forked child would end the parent's connections */
  }
  while (lcpp_engine_running(engine) > 0) {
    struct lcpp_list *list = engine->running.count > 0 ? &engine->running : &engine->queued;
    lcpp_engine_abort(list->first, LCPP_CLOSED, "the client was closed");
  }
  while (lcpp_engine_next_finished(engine) != NULL) {
  }
  lcpp_pool_free(&engine->pool);
  lcpp_poller_attach(&engine->poller, NULL);
  curl_multi_cleanup(engine->multi);
  if (engine->poller.epoll >= 0) {
    close(engine->poller.epoll);
  }
  free(engine);
}
