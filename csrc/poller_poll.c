/* The poller over curl_multi_poll, for systems without epoll: see poller.h. */
#include "poller.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct lcpp_poller {
  CURLM *multi; /* borrowed */
};

/* Programs that the host starts must not inherit a connection; and one that blocks would not hold a
 * deadline: libcurl asks for that as well, but does not look whether it went well. */
static curl_socket_t open_socket(void *argument, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
  (void)argument;
  (void)purpose;
  int fd = socket(address->family, address->socktype, address->protocol);
  if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)) {
    close(fd);
    return CURL_SOCKET_BAD;
  }
  return fd < 0 ? CURL_SOCKET_BAD : fd;
}

void lcpp_poller_prepare(struct lcpp_poller *poller, CURL *easy) {
  (void)poller;
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
}

struct lcpp_poller *lcpp_poller_new(CURLM *multi) {
  struct lcpp_poller *poller = calloc(1, sizeof *poller);
  if (poller != NULL) {
    poller->multi = multi;
  }
  return poller;
}

void lcpp_poller_detach(struct lcpp_poller *poller) {
  (void)poller; /* no callbacks */
}

void lcpp_poller_move(struct lcpp_poller *poller, CURLM *multi) {
  poller->multi = multi;
}

void lcpp_poller_free(struct lcpp_poller *poller) {
  free(poller);
}

void lcpp_poller_sweep(struct lcpp_poller *poller) {
  (void)poller; /* it knows no sockets: what libcurl sees by itself has to do */
}

CURLMcode lcpp_poller_run_timer(struct lcpp_poller *poller) {
  (void)poller;
  return CURLM_OK; /* curl_multi_perform does all at once */
}

CURLMcode lcpp_poller_step(struct lcpp_poller *poller, long wait_ms, long long until_us,
                           bool (*finished)(void *), void *argument) {
  (void)until_us;
  int running = 0;
  CURLMcode code = curl_multi_perform(poller->multi, &running);
  if (code != CURLM_OK || wait_ms == 0 || finished(argument)) {
    return code;
  }
  code = curl_multi_poll(poller->multi, NULL, 0, (int)wait_ms, NULL); /* a signal ends it */
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
