/*
 * A server that treats every request as chance has it, and remembers what it did: how often the
 * POST of each id came, and how often it was acted on. Raw, since no real server does wrong on
 * purpose; in C, since a million requests are to be had in minutes.
 *
 *     soakserver seed ids
 *
 * Writes its port to standard output, and ends when its standard input does. Ids are the requests'
 * x-ms-client-request-id, "soak-<number below ids>". What happens depends on the seed, the id and
 * how often it came before. `GET /counts/<first>/<count>` is answered with two bytes for each id:
 * came, acted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 16384, DESCRIPTORS = 4096, EVENTS = 256, LATEST = 30, CUT_AT_ACCEPT = 100 };

enum ending { GOES_ON, CLOSES, RESETS };

/* What becomes of a request. `echoes`: the text ends with all of the request, to see whether
 * secrets in an answer show. `later` is sent after a while. `ending` is how the connection fares
 * then. */
struct fate {
  unsigned weight; /* of 1000 */
  bool acts;       /* as a service that cancels: this must happen once for an id at most */
  bool echoes;
  enum ending ending;
  const char *now, *later;
};

#define ACCEPTED                        \
  "HTTP/1.1 202 Accepted\r\nLocation: " \
  "/api/publishers/p/offers/vm/operations/1\r\nContent-Length: 0\r\n"
#define ECHO "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%.*s"

static const struct fate fates[] = {
    {530, true, false, GOES_ON, ACCEPTED "\r\n", NULL},
    {50, true, false, GOES_ON,
     "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"status\":\"canceled\"}", NULL},
    {50, true, false, GOES_ON,
     "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", NULL},
    {20, true, false, GOES_ON, "HTTP/1.1 103 Early Hints\r\n\r\n" ACCEPTED "\r\n", NULL},
    {60, true, false, GOES_ON, "", ACCEPTED "\r\n"},
    {20, true, false, GOES_ON, ACCEPTED, "\r\n"},
    {20, true, false, CLOSES, ACCEPTED "\r\n", NULL}, /* a kept connection that dies */
    {20, true, false, CLOSES, ACCEPTED "Connection: close\r\n\r\n", NULL},
    {20, true, false, RESETS, ACCEPTED "\r\n",
     ""}, /* it dies later, perhaps under the next request */
    {20, false, false, GOES_ON,
     "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", NULL},
    {20, false, false, GOES_ON, "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
     NULL},
    {10, true, false, GOES_ON, "HTTP/1.1 503 Gone\r\nContent-Length: 0\r\n\r\n", NULL},
    {20, true, true, GOES_ON, "HTTP/1.1 500 Broken\r\n" ECHO, NULL},
    {20, false, true, GOES_ON, "HTTP/1.1 400 Bad\r\n" ECHO, NULL},
    {10, false, true, GOES_ON, "HTTP/1.1 404 Missing\r\n" ECHO, NULL},
    {10, false, false, GOES_ON, "HTTP/1.1 401 Who?\r\nContent-Length: 0\r\n\r\n", NULL},
    {10, false, false, CLOSES,
     "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", NULL},
    {20, true, false, RESETS, "", NULL},
    {10, false, false, RESETS, "", NULL},
    {20, true, false, CLOSES, "", NULL},
    {10, true, false, CLOSES, "HTTP/1.1 202 Accepted\r\nLoca", NULL},
    {9, true, false, CLOSES, "HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\n{\"a\"", NULL},
    {9, true, false, RESETS, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\"",
     ""},
    {10, true, true, CLOSES, "220 what is this?\r\n%zu%.*s", NULL},
    {2, true, false, GOES_ON, "", ""}, /* no answer: the client has to give up */
};

struct connection {
  char data[BUFFER];
  size_t length;
  const struct fate *fate; /* of the request that waits for the rest of its answer, or NULL */
  int64_t due;             /* milliseconds */
};

static struct connection *connections[DESCRIPTORS]; /* by descriptor */
static unsigned char *came, *acted;
static uint64_t seed, ids, accepted;
static int poller, waiting;

static void fail(const char *what) {
  perror(what);
  exit(EXIT_FAILURE);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* splitmix64, https://prng.di.unimi.it/splitmix64.c */
static uint64_t chance(uint64_t a, uint64_t b) {
  uint64_t mixed = seed * 0x9e3779b97f4a7c15u + a * 0xd1342543de82ef95u + b;
  for (int i = 0; i < 2; i++) {
    mixed += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    mixed ^= mixed >> 31;
  }
  return mixed;
}

static void end(int descriptor, enum ending how) {
  if (connections[descriptor]->fate != NULL) {
    waiting--;
  }
  if (how == RESETS) {
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
               sizeof(struct linger));
  }
  free(connections[descriptor]);
  connections[descriptor] = NULL;
  close(descriptor); /* which takes it out of the poller as well */
}

static void send_all(int descriptor, const char *data, size_t length) {
  while (length > 0) {
    ssize_t sent = send(descriptor, data, length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
      return; /* the client has gone, which the poller tells as well */
    }
    data += sent > 0 ? sent : 0;
    length -= sent > 0 ? (size_t)sent : 0;
  }
}

static void finish(int descriptor, const struct fate *fate) {
  if (fate->ending != GOES_ON) {
    end(descriptor, fate->ending);
  }
}

static void treat(int descriptor, struct connection *connection, uint64_t id) {
  uint64_t drawn = chance(id, came[id]) % 1000;
  const struct fate *fate = fates;
  while (drawn >= fate->weight) {
    drawn -= fate++->weight;
  }
  came[id]++;
  acted[id] = (unsigned char)(acted[id] + fate->acts);
  if (fate->echoes) {
    static char answer[BUFFER * 2];
    int length = snprintf(answer, sizeof answer, fate->now, connection->length,
                          (int)connection->length, connection->data);
    send_all(descriptor, answer, (size_t)length);
  } else {
    send_all(descriptor, fate->now, strlen(fate->now));
  }
  connection->length = 0;
  if (fate->later == NULL) {
    finish(descriptor, fate);
  } else if (fate->later[0] != '\0' || fate->ending != GOES_ON) {
    connection->fate = fate;
    connection->due = now() + 1 + (int64_t)(chance(id, 1000) % LATEST);
    waiting++;
  }
}

static void send_counts(int descriptor, const char *target) {
  unsigned long first = 0;
  unsigned long count = 0;
  if (sscanf(target, "%lu/%lu", &first, &count) != 2 || first + count > ids) {
    return;
  }
  char head[64];
  int length =
      snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %lu\r\n\r\n", count * 2);
  send_all(descriptor, head, (size_t)length);
  send_all(descriptor, (char *)came + first, count);
  send_all(descriptor, (char *)acted + first, count);
}

/* The value of a header, which must be a number after the given words; -1 where there is none. */
static long header(const char *request, const char *words) {
  const char *at = strcasestr(request, words);
  return at != NULL ? strtol(at + strlen(words), NULL, 10) : -1;
}

static void read_requests(int descriptor) {
  struct connection *connection = connections[descriptor];
  ssize_t got =
      recv(descriptor, connection->data + connection->length, BUFFER - 1 - connection->length, 0);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) {
      end(descriptor, CLOSES);
    }
    return;
  }
  connection->length += (size_t)got;
  connection->data[connection->length] = '\0';
  const char *blank = strstr(connection->data, "\r\n\r\n");
  if (blank == NULL || connection->fate != NULL) {
    return; /* what comes while a dying connection waits for its end gets no answer */
  }
  if (strncmp(connection->data, "GET /counts/", 12) == 0) {
    send_counts(descriptor, connection->data + 12);
    connection->length = 0;
    return;
  }
  if (strncmp(connection->data, "GET ", 4) == 0) { /* a read after a refused cancel */
    static const char forbidden[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    send_all(descriptor, forbidden, sizeof forbidden - 1);
    connection->length = 0;
    return;
  }
  size_t body = connection->length - (size_t)(blank + 4 - connection->data);
  if ((long)body < header(connection->data, "\r\ncontent-length: ")) {
    return;
  }
  long id = header(connection->data, "\r\nx-ms-client-request-id: soak-");
  if (id < 0 || (uint64_t)id >= ids) {
    fail("a request without an id of ours");
  }
  treat(descriptor, connection, (uint64_t)id);
}

static void accept_all(int listener) {
  int descriptor = 0;
  while ((descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    if (descriptor >= DESCRIPTORS) {
      fail("more connections than a client keeps");
    }
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    connections[descriptor] = calloc(1, sizeof *connections[descriptor]);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    if (connections[descriptor] == NULL ||
        epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) != 0) {
      fail("accept");
    }
    if (chance(accepted++, 2000) % CUT_AT_ACCEPT == 0) {
      end(descriptor, RESETS);
    }
  }
}

static void send_what_is_due(void) {
  for (int descriptor = 0; descriptor < DESCRIPTORS && waiting > 0; descriptor++) {
    struct connection *connection = connections[descriptor];
    if (connection != NULL && connection->fate != NULL && connection->due <= now()) {
      const struct fate *fate = connection->fate;
      connection->fate = NULL;
      waiting--;
      send_all(descriptor, fate->later, strlen(fate->later));
      finish(descriptor, fate);
    }
  }
}

static int start(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  poller = epoll_create1(0);
  struct epoll_event input = {.events = EPOLLIN, .data.fd = STDIN_FILENO};
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1024) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &size) != 0 ||
      epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) != 0 ||
      epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0) {
    fail("start");
  }
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return listener;
}

int main(int count, char **words) {
  seed = count == 3 ? strtoull(words[1], NULL, 10) : 0;
  ids = count == 3 ? strtoull(words[2], NULL, 10) : 0;
  came = calloc(ids + 1, 1);
  acted = calloc(ids + 1, 1);
  if (ids == 0 || came == NULL || acted == NULL) {
    fprintf(stderr, "usage: soakserver seed ids\n");
    return EXIT_FAILURE;
  }
  int listener = start();
  while (true) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poller, events, EVENTS, waiting > 0 ? 1 : -1);
    for (int i = 0; i < ready; i++) {
      int descriptor = events[i].data.fd;
      if (descriptor == STDIN_FILENO) {
        return EXIT_SUCCESS;
      }
      if (descriptor == listener) {
        accept_all(listener);
      } else if (connections[descriptor] != NULL) {
        read_requests(descriptor);
      }
    }
    send_what_is_due();
  }
}
