/*
 * The poller over curl_multi_socket_action and one epoll descriptor: see engine.h.
 * https://curl.se/libcurl/c/curl_multi_socket_action.html
 *
 * A socket is registered while a transfer uses it.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "engine.h"

enum { EVENTS_PER_STEP = 64 };

/* https://curl.se/libcurl/c/CURLMOPT_SOCKETFUNCTION.html */
static int on_socket(CURL *handle, curl_socket_t fd, int what, void *argument, void *unused) {
  struct lcpp_poller *poller = argument;
  (void)handle;
  (void)unused;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(poller->epoll, EPOLL_CTL_DEL, fd, NULL); /* fails only if it is closed already */
    return 0;
  }
  struct epoll_event event = {.data.fd = fd};
  event.events = ((what & CURL_POLL_IN) != 0 ? (unsigned)EPOLLIN : 0U) |
                 ((what & CURL_POLL_OUT) != 0 ? (unsigned)EPOLLOUT : 0U);
  int status = epoll_ctl(poller->epoll, EPOLL_CTL_ADD, fd, &event);
  if (status != 0 && errno == EEXIST) {
    status = epoll_ctl(poller->epoll, EPOLL_CTL_MOD, fd, &event);
  }
  if (status != 0) {
    poller->failed = true; /* returning -1 would make the multi handle unusable for good */
  }
  return 0;
}

/* A timeout of 0 means "soon", not "now": libcurl must not be called from here.
 * https://curl.se/libcurl/c/CURLMOPT_TIMERFUNCTION.html */
static int on_timer(CURLM *multi, long timeout_ms, void *argument) {
  struct lcpp_poller *poller = argument;
  (void)multi;
  poller->timer_us = timeout_ms < 0 ? -1 : lcpp_monotonic_us() + timeout_ms * 1000LL;
  return 0;
}

bool lcpp_poller_open(struct lcpp_poller *poller) {
  poller->epoll = epoll_create1(EPOLL_CLOEXEC);
  return poller->epoll >= 0;
}

void lcpp_poller_attach(struct lcpp_poller *poller, CURLM *multi) {
  if (poller->multi != NULL) {
    curl_multi_setopt(poller->multi, CURLMOPT_SOCKETFUNCTION, NULL);
    curl_multi_setopt(poller->multi, CURLMOPT_TIMERFUNCTION, NULL);
  }
  poller->multi = multi;
  poller->timer_us = -1;
  if (multi != NULL) {
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, poller);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, poller);
  }
}

CURLMcode lcpp_poller_run_timer(struct lcpp_poller *poller) {
  if (poller->timer_us < 0 || lcpp_monotonic_us() < poller->timer_us) {
    return CURLM_OK;
  }
  int running = 0;
  poller->timer_us = -1; /* libcurl sets it again if it needs one */
  return curl_multi_socket_action(poller->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

/* Serves the sockets that are ready, at least one, until `until_us`. epoll reports the others
 * again: it is level-triggered, and reports them in turn. */
static CURLMcode serve(struct lcpp_poller *poller, const struct epoll_event *events, int count,
                       long long until_us) {
  CURLMcode code = CURLM_OK;
  for (int i = 0; i < count && code == CURLM_OK; i++) {
    if (i > 0 && lcpp_monotonic_us() > until_us) {
      break;
    }
    unsigned ready = events[i].events;
    int bitmask = ((ready & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0) |
                  ((ready & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                  ((ready & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0);
    int running = 0;
    code = curl_multi_socket_action(poller->multi, events[i].data.fd, bitmask, &running);
  }
  return code;
}

CURLMcode lcpp_poller_step(struct lcpp_poller *poller, long wait_ms, long work_us) {
  struct epoll_event events[EVENTS_PER_STEP];
  long timer = lcpp_poller_timeout(poller);
  int timeout = (int)(timer >= 0 && timer < wait_ms ? timer : wait_ms);
  int count = epoll_wait(poller->epoll, events, EVENTS_PER_STEP, timeout);
  poller->failed = poller->failed || (count < 0 && errno != EINTR);
  poller->busy = count != 0; /* -1: the process may have been stopped, while responses came */
  CURLMcode code = serve(poller, events, count, lcpp_monotonic_us() + work_us);
  if (code == CURLM_OK) {
    code = lcpp_poller_run_timer(poller);
  }
  if (poller->failed) {
    poller->failed = false;
    code = CURLM_BAD_SOCKET;
  }
  return code;
}

long lcpp_poller_timeout(const struct lcpp_poller *poller) {
  return lcpp_milliseconds_until(poller->timer_us);
}
