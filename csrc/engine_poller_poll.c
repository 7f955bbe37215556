/*
 * The poller over curl_multi_poll, for systems without epoll: see engine.h.
 * https://curl.se/libcurl/c/curl_multi_poll.html
 */
#include "engine.h"

bool lcpp_poller_open(struct lcpp_poller *poller) {
  poller->epoll = -1;
  return true;
}

void lcpp_poller_attach(struct lcpp_poller *poller, CURLM *multi) {
  poller->multi = multi;
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

long lcpp_poller_timeout(const struct lcpp_poller *poller) {
  long timeout_ms = -1;
  curl_multi_timeout(poller->multi, &timeout_ms);
  return timeout_ms;
}
