/*
 * The poller over curl_multi_socket_action and one epoll descriptor: see poller.h.
 *
 * libcurl says what it wants of a socket far more often than that changes: a request on a kept
 * connection is "watch it", "stop watching it". So its wishes are only noted, and brought to the
 * kernel before the next wait; a socket it no longer wants stays registered until it is closed,
 * wanted again, or stirs. A sequence of requests over one connection then makes no epoll_ctl call.
 */
#include "poller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

enum { WATCHES_AT_FIRST = 64, EVENTS_PER_STEP = 64 };
enum { READS_AT_MOST = 2048 }; /* more than the kernel holds: a server could send without end */

/* What is known of one socket, by its number. */
struct watch {
  unsigned short wanted;     /* epoll events that libcurl waits for */
  unsigned short registered; /* epoll events that the kernel was told */
  bool ours;                 /* opened by open_socket, so close_socket will tell of its end */
  bool exclusive;            /* was last used for HTTP/1.1, so that nothing may come unasked for */
  bool noted;                /* stands in `changes` */
};

struct lcpp_poller {
  CURLM *multi; /* borrowed */
  int epoll;
  struct watch *watches;
  int *changes;    /* sockets whose registration may have to change */
  size_t capacity; /* of both arrays: a socket is noted once at most */
  size_t change_count;
  long long deadline; /* of libcurl's timer, in lcpp_monotonic_ms; -1: none */
  bool failed;        /* memory or the kernel failed a callback, so a socket is not watched */
};

/* Makes room for a socket's number; false when memory ran out. */
static bool reserve(struct lcpp_poller *poller, int fd) {
  size_t needed = (size_t)fd + 1;
  if (needed <= poller->capacity) {
    return true;
  }
  size_t capacity = poller->capacity;
  while (capacity < needed) {
    capacity *= 2;
  }
  int *changes = realloc(poller->changes, capacity * sizeof *changes);
  if (changes == NULL) {
    return false;
  }
  poller->changes = changes;
  struct watch *watches = realloc(poller->watches, capacity * sizeof *watches);
  if (watches == NULL) {
    return false;
  }
  memset(watches + poller->capacity, 0, (capacity - poller->capacity) * sizeof *watches);
  poller->watches = watches;
  poller->capacity = capacity;
  return true;
}

static bool control(const struct lcpp_poller *poller, int operation, int fd, unsigned events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  return epoll_ctl(poller->epoll, operation, fd, &event) == 0;
}

static void unregister(struct lcpp_poller *poller, int fd) {
  if (poller->watches[fd].registered != 0) {
    control(poller, EPOLL_CTL_DEL, fd, 0); /* it may be closed already: nothing to do about it */
    poller->watches[fd].registered = 0;
  }
}

/* Brings one socket's registration in line with what libcurl wants. */
static void apply(struct lcpp_poller *poller, int fd) {
  struct watch *watch = &poller->watches[fd];
  watch->noted = false;
  if (watch->wanted == 0 || watch->wanted == watch->registered) {
    return;
  }
  int operation = watch->registered != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  bool done = control(poller, operation, fd, watch->wanted);
  if (!done && errno == ENOENT) {
    done = control(poller, EPOLL_CTL_ADD, fd, watch->wanted);
  } else if (!done && errno == EEXIST) {
    done = control(poller, EPOLL_CTL_MOD, fd, watch->wanted);
  }
  if (done) {
    watch->registered = watch->wanted;
  } else {
    poller->failed = true;
  }
}

static void apply_changes(struct lcpp_poller *poller) {
  for (size_t i = 0; i < poller->change_count; i++) {
    apply(poller, poller->changes[i]);
  }
  poller->change_count = 0;
}

/* https://curl.se/libcurl/c/CURLMOPT_SOCKETFUNCTION.html */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *argument, void *unused) {
  struct lcpp_poller *poller = argument;
  (void)unused;
  if (!reserve(poller, fd)) {
    poller->failed = true; /* returning -1 would make the whole multi handle unusable for good */
    return 0;
  }
  struct watch *watch = &poller->watches[fd];
  bool writing = ((watch->wanted | watch->registered) & EPOLLOUT) != 0;
  watch->wanted = 0;
  if (what == CURL_POLL_REMOVE) {
    long version = 0;
    curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    watch->exclusive = version == CURL_HTTP_VERSION_1_1 || version == CURL_HTTP_VERSION_1_0;
    /* Closed without a word, and the number used again behind our back: the resolver's own socket,
     * and one that never got connected (libcurl 7.88). An idle connection waits for reading. */
    if (!watch->ours || writing) {
      unregister(poller, fd);
      watch->ours = false;
    }
    return 0;
  }
  watch->wanted = (unsigned short)(((what & CURL_POLL_IN) != 0 ? EPOLLIN | EPOLLRDHUP : 0U) |
                                   ((what & CURL_POLL_OUT) != 0 ? (unsigned)EPOLLOUT : 0U));
  if (!watch->noted) {
    watch->noted = true;
    poller->changes[poller->change_count++] = fd;
  }
  return 0;
}

/* A timeout of 0 means "schedule now", never "call now": libcurl is in the middle of something.
 * https://curl.se/libcurl/c/CURLMOPT_TIMERFUNCTION.html */
static int on_timer(CURLM *multi, long timeout_ms, void *argument) {
  struct lcpp_poller *poller = argument;
  (void)multi;
  poller->deadline = timeout_ms < 0 ? -1 : lcpp_monotonic_ms() + timeout_ms;
  return 0;
}

/* Opens a socket that programs started by the host do not inherit, and has the room to watch it:
 * here a lack of memory is one connection's failure; in on_socket it would be everybody's. It never
 * blocks from the start: libcurl says so later, and does not look whether that went well. */
static curl_socket_t open_socket(void *argument, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
  struct lcpp_poller *poller = argument;
  (void)purpose;
  int fd =
      socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
  if (fd < 0) {
    return CURL_SOCKET_BAD;
  }
  if (!reserve(poller, fd)) {
    close(fd);
    return CURL_SOCKET_BAD;
  }
  bool noted = poller->watches[fd].noted;
  poller->watches[fd] = (struct watch){.ours = true, .noted = noted};
  return fd;
}

static int close_socket(void *argument, curl_socket_t fd) {
  struct lcpp_poller *poller = argument;
  /* Explicitly, because the kernel forgets a closed descriptor only when no child that was forked
   * meanwhile still holds it open. */
  unregister(poller, fd);
  bool noted = poller->watches[fd].noted;
  poller->watches[fd] = (struct watch){.noted = noted};
  return close(fd);
}

/* Setting a pointer allocates nothing, so it cannot fail; nor in attach. */
void lcpp_poller_prepare(struct lcpp_poller *poller, CURL *easy) {
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, poller);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, poller);
}

static void attach(struct lcpp_poller *poller, CURLM *multi) {
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, poller);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, poller);
}

struct lcpp_poller *lcpp_poller_new(CURLM *multi) {
  struct lcpp_poller *poller = calloc(1, sizeof *poller);
  if (poller == NULL) {
    return NULL;
  }
  poller->multi = multi;
  poller->deadline = -1;
  poller->capacity = WATCHES_AT_FIRST;
  poller->watches = calloc(poller->capacity, sizeof *poller->watches);
  poller->changes = calloc(poller->capacity, sizeof *poller->changes);
  poller->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (poller->watches == NULL || poller->changes == NULL || poller->epoll < 0) {
    lcpp_poller_free(poller);
    return NULL;
  }
  attach(poller, multi);
  return poller;
}

void lcpp_poller_detach(struct lcpp_poller *poller) {
  curl_multi_setopt(poller->multi, CURLMOPT_SOCKETFUNCTION, NULL);
  curl_multi_setopt(poller->multi, CURLMOPT_TIMERFUNCTION, NULL);
}

void lcpp_poller_move(struct lcpp_poller *poller, CURLM *multi) {
  lcpp_poller_detach(poller);
  poller->multi = multi;
  poller->deadline = -1;
  attach(poller, multi);
}

void lcpp_poller_free(struct lcpp_poller *poller) {
  if (poller == NULL) {
    return;
  }
  if (poller->epoll >= 0) {
    close(poller->epoll);
  }
  free(poller->watches);
  free(poller->changes);
  free(poller);
}

CURLMcode lcpp_poller_run_timer(struct lcpp_poller *poller) {
  if (poller->deadline < 0 || lcpp_monotonic_ms() < poller->deadline) {
    return CURLM_OK;
  }
  int running = 0;
  poller->deadline = -1; /* libcurl sets it anew where it still needs one */
  return curl_multi_socket_action(poller->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

/* An idle connection stirred. Its server has ended it, most likely; or it sent over HTTP/1.1 what
 * nobody asked for, which would be taken for the answer to the next request. libcurl 7.88 must not
 * use such a connection again; it would, since it looks for the end only, and finds something to
 * read: TLS says goodbye before it ends. So all is read, and nothing more can come. */
static void look_after_idle(struct lcpp_poller *poller, int fd, unsigned events) {
  struct watch *watch = &poller->watches[fd];
  bool ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  unregister(poller, fd);
  if (watch->ours && (ended || watch->exclusive)) {
    char unread[4096];
    shutdown(fd, SHUT_RD);
    for (int i = 0; i < READS_AT_MOST && recv(fd, unread, sizeof unread, MSG_DONTWAIT) > 0; i++) {
    }
  } else if (watch->ours && control(poller, EPOLL_CTL_ADD, fd, EPOLLRDHUP)) {
    /* What came over HTTP/2, libcurl reads before the next request. */
    watch->registered = EPOLLRDHUP;
  }
}

void lcpp_poller_sweep(struct lcpp_poller *poller) {
  struct epoll_event events[EVENTS_PER_STEP];
  int count = epoll_wait(poller->epoll, events, EVENTS_PER_STEP, 0);
  for (int i = 0; i < count; i++) {
    if (poller->watches[events[i].data.fd].wanted == 0) {
      look_after_idle(poller, events[i].data.fd, events[i].events);
    }
  }
}

/* Serves the sockets that are ready, at least one, until the step has had its time. epoll reports
 * the others again: it is level-triggered, and turns over what it reports. */
static CURLMcode run_sockets(struct lcpp_poller *poller, const struct epoll_event *events,
                             int count, long long until_us) {
  CURLMcode code = CURLM_OK;
  for (int i = 0; i < count && code == CURLM_OK; i++) {
    if (i > 0 && lcpp_monotonic_us() > until_us) {
      break;
    }
    int fd = events[i].data.fd;
    if (poller->watches[fd].wanted == 0) {
      look_after_idle(poller, fd, events[i].events);
      continue;
    }
    unsigned ready = events[i].events;
    int bitmask = ((ready & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0) |
                  ((ready & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                  ((ready & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0);
    int running = 0;
    code = curl_multi_socket_action(poller->multi, fd, bitmask, &running);
  }
  return code;
}

/* How long to wait: as asked, but not past libcurl's timer. */
static int wait_time(const struct lcpp_poller *poller, long wait_ms) {
  long timer = lcpp_poller_timeout(poller);
  return (int)(timer >= 0 && timer < wait_ms ? timer : wait_ms);
}

CURLMcode lcpp_poller_step(struct lcpp_poller *poller, long wait_ms, long long until_us,
                           bool (*finished)(void *), void *argument) {
  struct epoll_event events[EVENTS_PER_STEP];
  CURLMcode code = lcpp_poller_run_timer(poller);
  apply_changes(poller);
  if (code == CURLM_OK && !poller->failed && !finished(argument)) {
    int wait = wait_time(poller, wait_ms);
    /* A signal ends the wait (EINTR, -1): Lua gets to run its hook, so Ctrl-C works at once. */
    int count = epoll_wait(poller->epoll, events, EVENTS_PER_STEP, wait);
    poller->failed = count < 0 && errno != EINTR; /* or a blocking loop would go round and round */
    if (wait != 0) {
      until_us = lcpp_monotonic_us() + LCPP_WAITING_STEP_MICROSECONDS; /* waiting is no work */
    }
    code = run_sockets(poller, events, count, until_us);
  }
  if (code == CURLM_OK) {
    code = lcpp_poller_run_timer(poller);
  }
  apply_changes(poller); /* a host may poll the descriptor next */
  if (poller->failed) {
    poller->failed = false;
    code = CURLM_OUT_OF_MEMORY;
  }
  return code;
}

int lcpp_poller_descriptor(const struct lcpp_poller *poller) {
  return poller->epoll;
}

long lcpp_poller_timeout(const struct lcpp_poller *poller) {
  if (poller->deadline < 0) {
    return -1;
  }
  long long left = poller->deadline - lcpp_monotonic_ms();
  return left > 0 ? (long)left : 0;
}
