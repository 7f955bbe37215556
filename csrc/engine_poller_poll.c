/*
 * The poller over curl_multi_poll, for systems without epoll: see engine.h.
 * https://curl.se/libcurl/c/curl_multi_poll.html
 */
#include <stdlib.h>

#include "engine.h"

struct lcpp_poller {
  CURLM *multi; /* borrowed */
};

struct lcpp_poller *lcpp_poller_new(CURLM *multi) {
  struct lcpp_poller *poller = calloc(1, sizeof *poller);
  if (poller != NULL) {
    poller->multi = multi;
  }
  return poller;
}

void lcpp_poller_detach(struct lcpp_poller *poller) {
  (void)poller; /* it has no callbacks */
}

void lcpp_poller_move(struct lcpp_poller *poller, CURLM *multi) {
  poller->multi = multi;
}

void lcpp_poller_free(struct lcpp_poller *poller) {
  free(poller);
}

CURLMcode lcpp_poller_run_timer(struct lcpp_poller *poller) {
  (void)poller;
  return CURLM_OK; /* curl_multi_perform runs everything at once */
}

CURLMcode lcpp_poller_step(struct lcpp_poller *poller, long wait_ms, long work_us) {
  int running = 0;
  (void)work_us; /* curl_multi_perform cannot be bounded */
  CURLMcode code =
      wait_ms > 0 ? curl_multi_poll(poller->multi, NULL, 0, (int)wait_ms, NULL) : CURLM_OK;
  return code == CURLM_OK ? curl_multi_perform(poller->multi, &running) : code;
}

int lcpp_poller_descriptor(const struct lcpp_poller *poller) {
  (void)poller;
  return -1;
}

long lcpp_poller_timeout(const struct lcpp_poller *poller) {
  long timeout_ms = -1;
  curl_multi_timeout(poller->multi, &timeout_ms);
  return timeout_ms;
}
