/* HTTP without Lua: one CURLM and the transfers that run on it: see http.h. */
#include "http_private.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "outcome.h"

static pthread_mutex_t initialising = PTHREAD_MUTEX_INITIALIZER;

/* How many forks lie between the first process that made a handle and this one: a handle of another
 * generation is the parent's. Asking for the process id instead would be four system calls for
 * every request. */
static volatile unsigned forks;

static void count_fork(void) {
  forks++;
}

/* curl_global_init is thread-safe only in builds that say so; this is everywhere. It is never
 * undone: other parts of the process may use libcurl. Where it failed for lack of memory, the next
 * client tries again. https://curl.se/libcurl/c/curl_global_init.html */
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

static CURLM *new_multi(long max_connections) {
  CURLM *multi = curl_multi_init();
  if (multi != NULL) {
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, max_connections);
  }
  return multi;
}

struct lcpp_http *lcpp_http_new(const struct lcpp_profile *profile, long max_connections) {
  bool ready = initialise();
  struct lcpp_http *http = calloc(1, sizeof *http);
  if (http == NULL) {
    return NULL;
  }
  http->generation = forks;
  http->profile = profile;
  http->alarm = -1;
  http->queued_end = &http->queued;
  http->finished_end = &http->finished;
  http->max_connections = max_connections;
  http->multi = ready ? new_multi(max_connections) : NULL;
  http->poller = http->multi != NULL ? lcpp_poller_new(http->multi) : NULL;
  if (http->poller == NULL) {
    lcpp_http_free(http);
    return NULL;
  }
  return http;
}

void lcpp_http_limit(struct lcpp_http *http, long max_connections) {
  http->max_connections = max_connections;
  curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, max_connections);
}

/* Collects what libcurl has finished; whether there was any. */
static bool collect(void *argument) {
  struct lcpp_http *http = argument;
  bool any = false;
  int left = 0;
  for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &left)) != NULL;) {
    if (message->msg == CURLMSG_DONE) {
      void *slot = NULL;
      CURLcode code = message->data.result; /* `message` does not survive finish() */
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
      struct lcpp_transfer *transfer = ((struct lcpp_slot *)slot)->transfer;
      lcpp_outcome_read(transfer, code);
      http->broken = http->broken || (code != CURLE_OK && transfer->kind != LCPP_ANSWERED);
      lcpp_transfer_finish(transfer);
      any = true;
    }
  }
  return any;
}

void lcpp_http_alarm(struct lcpp_http *http, long delay_ms) {
  long long at = lcpp_monotonic_ms() + delay_ms;
  if (http->alarm < 0 || at < http->alarm) { /* whoever asked first still wants to be woken */
    http->alarm = at;
  }
}

/* Milliseconds until the alarm, 0 when it is over, -1 when there is none. */
static long alarm_left(const struct lcpp_http *http) {
  if (http->alarm < 0) {
    return -1;
  }
  long long left = http->alarm - lcpp_monotonic_ms();
  return left > 0 ? (long)left : 0;
}

static long sooner(long a, long b) {
  return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Milliseconds until the first deadline of what runs, -1 when nothing does. */
static long deadline_left(const struct lcpp_http *http) {
  if (http->running_count == 0) {
    return -1;
  }
  long long left = http->deadline - lcpp_monotonic_ms();
  return left > 0 ? (long)left : 0;
}

long lcpp_http_timeout(const struct lcpp_http *http) {
  if (http->queued != NULL) {
    return 0;
  }
  return sooner(sooner(lcpp_poller_timeout(http->poller), alarm_left(http)), deadline_left(http));
}

/* Ends those of a list that are past their deadline; notes the first of the others' deadlines. */
static void end_overdue_of(struct lcpp_http *http, struct lcpp_transfer *transfer, long long now) {
  while (transfer != NULL) {
    struct lcpp_transfer *next = transfer->next; /* it does not survive finish() */
    if (transfer->deadline <= now) {
      lcpp_outcome_read(transfer, CURLE_OPERATION_TIMEDOUT);
      if (transfer->kind == LCPP_TIMEOUT) {
        lcpp_slot_distrust(transfer->slot);
      }
      lcpp_transfer_finish(transfer);
    } else if (transfer->deadline < http->deadline) {
      http->deadline = transfer->deadline;
    }
    transfer = next;
  }
}

/* Ends what is past its deadline. libcurl is not asked to: 7.88 lets a transfer that waits for a
 * connection to be had (max_connections) or to be shared (CURLOPT_PIPEWAIT) wait for as long as the
 * others take, and it keeps an HTTP/2 connection on which nothing came, for the next one to wait on
 * in vain. */
static void end_overdue(struct lcpp_http *http) {
  long long now = lcpp_monotonic_ms();
  if (http->running_count > 0 && now >= http->deadline) {
    http->deadline = LLONG_MAX;
    end_overdue_of(http, http->running, now);
    end_overdue_of(http, http->queued, now);
  }
}

/* Replaces a multi handle in which a transfer failed, with its connections. When memory ran out,
 * libcurl 7.88 leaves things behind: a connection that is neither there nor gone, for which every
 * later transfer to its host waits; one of HTTP/2 over which nothing can be sent any more; and a
 * socket's entry without slots, by which it divides when the number is used again. Nor does its
 * code always say that memory was what failed. */
static void renew(struct lcpp_http *http) {
  CURLM *multi = http->broken && http->running == NULL ? new_multi(http->max_connections) : NULL;
  if (multi == NULL) {
    return; /* the next transfer tries again */
  }
  lcpp_poller_move(http->poller, multi);
  curl_multi_cleanup(http->multi);
  http->multi = multi;
  http->broken = false;
}

/* Gives libcurl what was started, at least one, until the step has had its time: connecting and
 * sending is what a step spends most on. */
static CURLMcode run_queued(struct lcpp_http *http, long long until_us) {
  CURLMcode code = CURLM_OK;
  if (http->queued != NULL) {
    lcpp_poller_sweep(http->poller);
  }
  for (int i = 0; http->queued != NULL && code == CURLM_OK; i++) {
    if (i > 0 && lcpp_monotonic_us() > until_us) {
      break;
    }
    struct lcpp_transfer *transfer = http->queued;
    renew(http);
    lcpp_transfer_run(transfer);
    code = curl_multi_add_handle(http->multi, transfer->slot->easy);
    if (code == CURLM_OK) {
      code = lcpp_poller_run_timer(http->poller);
    }
  }
  return code;
}

void lcpp_http_step(struct lcpp_http *http, long wait_ms) {
  long long until_us = lcpp_monotonic_us() +
                       (wait_ms == 0 ? LCPP_STEP_MICROSECONDS : LCPP_WAITING_STEP_MICROSECONDS);
  long alarm = alarm_left(http);
  http->stepping = true;
  CURLMcode code = run_queued(http, until_us);
  if (code == CURLM_OK) {
    wait_ms = http->queued != NULL ? 0 : sooner(wait_ms, sooner(alarm, deadline_left(http)));
    code = lcpp_poller_step(http->poller, wait_ms, until_us, collect, http);
  }
  if (alarm == 0) {
    http->alarm = -1;
  }
  collect(http);
  /* libcurl or the kernel could not watch a socket: whoever waits for it would wait in vain. */
  while (code != CURLM_OK && http->running != NULL) {
    lcpp_outcome_read(http->running, CURLE_OUT_OF_MEMORY);
    lcpp_outcome_set(http->running, LCPP_NETWORK, curl_multi_strerror(code));
    lcpp_transfer_finish(http->running);
  }
  end_overdue(http);
  http->broken = http->broken || code != CURLM_OK;
  http->stepping = false;
}

void lcpp_http_free(struct lcpp_http *http) {
  if (http == NULL || !lcpp_http_is_ours(http)) {
    return; /* closing in a forked child would say goodbye on the parent's connections */
  }
  while (http->running != NULL) {
    lcpp_transfer_abort(http->running, LCPP_CLOSED, "the client was closed");
  }
  while (http->queued != NULL) {
    lcpp_transfer_abort(http->queued, LCPP_CLOSED, "the client was closed");
  }
  while (lcpp_http_next_finished(http) != NULL) {
  }
  while (http->idle != NULL) {
    struct lcpp_slot *slot = http->idle;
    http->idle = slot->next;
    lcpp_slot_free(slot);
  }
  if (http->poller != NULL) {
    lcpp_poller_detach(http->poller);
  }
  curl_multi_cleanup(http->multi);
  lcpp_poller_free(http->poller);
  free(http);
}

bool lcpp_http_is_ours(const struct lcpp_http *http) {
  return http->generation == forks;
}

bool lcpp_http_is_stepping(const struct lcpp_http *http) {
  return http->stepping;
}

size_t lcpp_http_running(const struct lcpp_http *http) {
  return http->running_count;
}

size_t lcpp_http_finished(const struct lcpp_http *http) {
  return http->finished_count;
}

struct lcpp_poller *lcpp_http_poller(const struct lcpp_http *http) {
  return http->poller;
}

struct lcpp_transfer *lcpp_http_next_finished(struct lcpp_http *http) {
  struct lcpp_transfer *transfer = http->finished;
  if (transfer != NULL) {
    lcpp_transfer_claim(transfer);
  }
  return transfer;
}

void lcpp_http_uuid(struct lcpp_http *http, char uuid[LCPP_UUID_SIZE]) {
  if (http->random_left < 16) {
    if (getentropy(http->random, sizeof http->random) != 0) {
      memset(http->random, 0, sizeof http->random); /* an id is for the log: never a failure */
    }
    http->random_left = sizeof http->random;
  }
  http->random_left -= 16;
  unsigned char *bytes = http->random + http->random_left;
  bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
  bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
  static const char digits[] = "0123456789abcdef";
  char *at = uuid;
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      *at++ = '-';
    }
    *at++ = digits[bytes[i] >> 4];
    *at++ = digits[bytes[i] & 0x0f];
  }
  *at = '\0';
}
