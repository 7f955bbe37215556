/* Raw libcurl, many calls at once: curl_multi_socket_action and epoll, as libcurl's own example
 * (docs/examples/ephiperfifo.c) has it. */
#include "common.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum { EVENTS = 64 };

struct loop {
  CURLM *multi;
  int epoll;
  double deadline; /* of libcurl's timer, in wall_now(); below 0: none */
  const struct settings *settings;
  long next;  /* call to start next */
  long count; /* calls in all */
  long done;
};

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *argument, void *known) {
  struct loop *loop = argument;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
    return 0;
  }
  struct epoll_event event = {
      .events = ((what & CURL_POLL_IN) != 0 ? (unsigned)EPOLLIN : 0U) |
                ((what & CURL_POLL_OUT) != 0 ? (unsigned)EPOLLOUT : 0U),
      .data.fd = fd,
  };
  require(epoll_ctl(loop->epoll, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0,
          "epoll_ctl failed");
  curl_multi_assign(loop->multi, fd, loop); /* anything but NULL: this socket is registered */
  return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *argument) {
  struct loop *loop = argument;
  (void)multi;
  loop->deadline = timeout_ms < 0 ? -1 : wall_now() + (double)timeout_ms / 1000;
  return 0;
}

static void start(struct loop *loop, struct cancel *cancel) {
  cancel_load(cancel, loop->settings, loop->next++);
  require(curl_multi_add_handle(loop->multi, cancel->easy) == CURLM_OK, "cannot add a handle");
}

/* Reads what is done and starts further calls in its place. */
static void collect(struct loop *loop) {
  int left = 0;
  for (CURLMsg *message; (message = curl_multi_info_read(loop->multi, &left)) != NULL;) {
    struct cancel *cancel = NULL;
    CURLcode code = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &cancel);
    cancel_read(cancel, code);
    curl_multi_remove_handle(loop->multi, cancel->easy);
    loop->done++;
    if (loop->next < loop->count) {
      start(loop, cancel);
    }
  }
}

static void run_timer(struct loop *loop) {
  int running = 0;
  if (loop->deadline >= 0 && wall_now() >= loop->deadline) {
    loop->deadline = -1;
    curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(loop);
  }
}

static int wait_ms(const struct loop *loop) {
  double left = loop->deadline < 0 ? 1 : loop->deadline - wall_now();
  return left <= 0 ? 0 : left >= 1 ? 1000 : (int)(left * 1000) + 1;
}

/* Returns when the clock started: after the warm-up, while all handles are busy. */
static struct moment run(struct loop *loop, struct cancel *cancels) {
  bool warm = false;
  struct moment begin = now();
  loop->count = loop->settings->warm_up + loop->settings->count;
  for (long i = 0; i < loop->settings->concurrency && i < loop->count; i++) {
    start(loop, &cancels[i]);
  }
  while (loop->done < loop->count) {
    struct epoll_event events[EVENTS];
    if (!warm && loop->done >= loop->settings->warm_up) {
      warm = true;
      begin = now();
    }
    int ready = epoll_wait(loop->epoll, events, EVENTS, wait_ms(loop));
    require(ready >= 0 || errno == EINTR, "epoll_wait failed");
    for (int i = 0; i < ready; i++) {
      int running = 0;
      unsigned set = events[i].events;
      int bits = ((set & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0) |
                 ((set & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                 ((set & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0);
      curl_multi_socket_action(loop->multi, events[i].data.fd, bits, &running);
    }
    collect(loop);
    run_timer(loop);
  }
  return begin;
}

int main(int argc, char **argv) {
  struct settings settings = read_settings(argc, argv);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  struct loop loop = {.multi = curl_multi_init(),
                      .epoll = epoll_create1(EPOLL_CLOEXEC),
                      .deadline = -1,
                      .settings = &settings};
  struct cancel *cancels = calloc((size_t)settings.concurrency, sizeof *cancels);
  require(loop.multi != NULL && loop.epoll >= 0 && cancels != NULL, "no memory");
  curl_multi_setopt(loop.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(loop.multi, CURLMOPT_SOCKETDATA, &loop);
  curl_multi_setopt(loop.multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(loop.multi, CURLMOPT_TIMERDATA, &loop);
  for (long i = 0; i < settings.concurrency; i++) {
    cancel_open(&cancels[i], &settings);
  }
  report(run(&loop, cancels), settings.count);
  for (long i = 0; i < settings.concurrency; i++) {
    cancel_close(&cancels[i]);
  }
  curl_multi_setopt(loop.multi, CURLMOPT_SOCKETFUNCTION, NULL); /* no calls from the cleanup */
  curl_multi_setopt(loop.multi, CURLMOPT_TIMERFUNCTION, NULL);
  curl_multi_cleanup(loop.multi);
  free(cancels);
  return 0;
}
