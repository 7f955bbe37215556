/*
 * A transfer: one request and its response on an easy handle.
 *
 * The transfer is in memory of the caller (a Lua userdata). Easy handles are set up once, with all
 * options that no request may change, and serve one transfer after another:
 *
 *   struct lcpp_pool pool = {.profile = &profile};
 *   lcpp_transfer_load(&transfer, &pool, &request);
 *   curl_multi_add_handle(multi, transfer.easy->handle);   ... libcurl calls the callbacks here
 *   lcpp_transfer_end(&transfer, code);                    sets transfer.outcome
 *   lcpp_transfer_unload(&transfer);
 *
 * No callback of libcurl calls Lua.
 */
#ifndef LCPP_TRANSFER_H
#define LCPP_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "response.h"
#include "url.h"

#if LIBCURL_VERSION_NUM < 0x075500
#error "cpp needs libcurl 7.85.0 or newer"
#endif

/* Microseconds on a clock that never jumps. All deadlines and waits use it. */
static inline long long lcpp_monotonic_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* transfer_socket.c: the sockets that libcurl has opened for a client. */

struct lcpp_socket {
  int fd;
  int local_port; /* 0: not known yet */
};

struct lcpp_sockets {
  struct lcpp_socket *list; /* owned */
  size_t count;
  size_t capacity;
};

/* The state of a connection right before a request is sent. */
enum lcpp_freshness {
  LCPP_FRESH,   /* nothing is pending */
  LCPP_PENDING, /* bytes are pending: session tickets on a new connection, else unsolicited */
  LCPP_ENDED    /* the peer has ended the connection, or the socket is unknown */
};

/* Makes an easy handle open and close its sockets through `sockets`, which must outlive it. */
void lcpp_sockets_attach(struct lcpp_sockets *sockets, CURL *easy);

/* The descriptor of the open socket with that local port, or -1. */
int lcpp_sockets_find(struct lcpp_sockets *sockets, int local_port);

/* Checks a connection without reading from it: its socket, and what its TLS library has read and
 * not delivered. */
enum lcpp_freshness lcpp_socket_check(int fd, CURL *easy);

/* Makes OpenSSL end a connection that sends too many handshake messages, or pieces of them.
 * `context`: an SSL_CTX. */
void lcpp_tls_bound(void *context);

/* Bytes that have arrived at a socket since it was opened; 0 if the system does not report it. */
unsigned long long lcpp_socket_received(int fd);

/* Frees the list. Sockets that are still open can be closed afterwards. */
void lcpp_sockets_free(struct lcpp_sockets *sockets);

/* transfer.c */

/* What all transfers of a client share, unless a call overrides it. Strings are borrowed and must
 * outlive the easy handles made from it. */
struct lcpp_profile {
  const char *user_agent;
  const char *ca_file; /* NULL: the system's trust alone */
  const char *proxy;   /* NULL: the environment's, as with curl; "": none */
  long connect_timeout_ms;
};

/* A request to send. All pointers are borrowed for the call that takes it. */
struct lcpp_request_head {
  bool post; /* else GET */
  bool form; /* the body is a form, else JSON */
  const struct lcpp_origin *origin;
  bool own_origin;   /* of this request, which it does not outlive; else its client's */
  const char *token; /* NULL: no Authorization header */
  const char *client_request_id;
  const struct lcpp_profile *profile; /* of a call that overrides its client's; else NULL */
  const char *headers;         /* further lines, a NUL after each, and one more; NULL: none */
  const char *client_headers;  /* the same, if `headers` has none of that name */
  bool metadata;               /* for the token of a managed identity, */
  const char *identity_header; /* of App Service, which requires this secret; NULL: elsewhere */
  long timeout_ms;
  size_t max_response_bytes;
};

enum {
  LCPP_HEADERS_LIMIT = 16,                       /* further lines, of a client and of a call each */
  LCPP_HEADER_VALUE_LIMIT = 2048,                /* bytes */
  LCPP_HEADER_LINES = 8 + 2 * LCPP_HEADERS_LIMIT /* at most, of a request */
};

/* The easy handles of a client, and the sockets that libcurl has opened with them. */
struct lcpp_pool {
  const struct lcpp_profile *profile; /* borrowed; of a request without its own */
  struct lcpp_sockets sockets;
  struct lcpp_easy *idle;
  size_t idle_count;
  size_t busy_count;
  unsigned long steps; /* of the engine, so that a transfer can tell how long one takes */
};

/* An easy handle with what it borrows while it runs. */
struct lcpp_easy {
  CURL *handle;                     /* owned */
  struct lcpp_easy *next;           /* in the list of idle ones */
  struct lcpp_pool *pool;           /* borrowed */
  struct lcpp_transfer *transfer;   /* borrowed; NULL: idle */
  const struct lcpp_origin *origin; /* that it is set up for */
  bool plain;                       /* set up for plain http: no proxy */
  bool own_proxy;                   /* the profile names one, else the environment may */
  bool tls_proxy;                   /* the profile's is spoken to over TLS */
  bool single_use;                  /* not to be used for another transfer */
  char detail[CURL_ERROR_SIZE];     /* libcurl's error text */
  struct lcpp_buffer lines;         /* owned; header lines of the request, the token's among them */
  struct curl_slist headers[LCPP_HEADER_LINES]; /* over `lines` and static lines */
};

enum lcpp_state { LCPP_NEW, LCPP_RUNNING, LCPP_DONE };

struct lcpp_engine;
struct lcpp_list;

struct lcpp_transfer {
  enum lcpp_state state;
  bool post;
  struct lcpp_engine *engine;  /* borrowed while running or finished; else NULL */
  struct lcpp_easy *easy;      /* while running */
  struct lcpp_list *list;      /* of the engine, that it is in; NULL: in none */
  struct lcpp_transfer *next;  /* in it */
  struct lcpp_transfer **link; /* what points to this one */
  long long started;           /* in lcpp_monotonic_us */
  long long deadline;          /* likewise */
  long long took_us;           /* from its start to its end */

  char *url;                       /* owned (free); path and query of it are sent */
  struct lcpp_buffer request_body; /* owned; may hold a secret or addresses */

  bool sent;          /* libcurl was allowed to send the request */
  bool stale;         /* the connection had ended, or had unsolicited bytes: nothing was sent */
  bool late;          /* its deadline had passed: nothing was sent */
  bool resend;        /* libcurl was about to send it a second time */
  int fd;             /* the socket it was sent over; -1: not known */
  long connects;      /* connections that libcurl made before it was sent; 0: over a kept one */
  unsigned looks;     /* progress callbacks: in this step, and once it was sent, since then */
  unsigned long step; /* the step that `looks` is about */
  unsigned long long received; /* lcpp_socket_received when it was sent */

  struct lcpp_response response;
  struct lcpp_outcome outcome; /* once done */
};

/* transfer_callbacks.c */

/* Sets the callbacks for the transfers of an easy handle, which has its `handle` and `pool`. */
void lcpp_callbacks_attach(struct lcpp_easy *easy);

/* Closes the connection when the transfer is removed, and retires its easy handle. */
void lcpp_transfer_distrust(struct lcpp_transfer *transfer);

/* transfer.c again */

/* Frees the idle easy handles and the list of sockets, once no transfer runs. */
void lcpp_pool_free(struct lcpp_pool *pool);

/* Prepares an easy handle for the transfer, whose url and request_body are set. After a failure the
 * transfer has no easy handle. */
CURLcode lcpp_transfer_load(struct lcpp_transfer *transfer, struct lcpp_pool *pool,
                            const struct lcpp_request_head *request);

/* Appends the header lines of a request with its own profile and a body of that length, each with a
 * newline, except Host and Content-Length, which libcurl adds; false if memory ran out. */
bool lcpp_transfer_describe(const struct lcpp_request_head *request, size_t body_length,
                            struct lcpp_buffer *lines);

/* Whether one of the lines, as in a request, has the name that `line` begins with. */
bool lcpp_has_header(const char *lines, const char *line);

/* Prepares a transfer to run again on a new connection: nothing of the request was sent. */
void lcpp_transfer_renew(struct lcpp_transfer *transfer);

/* Sets the outcome of a transfer that libcurl has ended with `code`, that its deadline ends
 * (CURLE_OPERATION_TIMEDOUT), or that the caller aborts (CURLE_ABORTED_BY_CALLBACK). */
void lcpp_transfer_end(struct lcpp_transfer *transfer, CURLcode code);

/* Takes the transfer off its easy handle, which becomes idle, and wipes the request from both. */
void lcpp_transfer_unload(struct lcpp_transfer *transfer);

/* Frees what a transfer that is done holds of its response; its URL stays. */
void lcpp_transfer_drop_response(struct lcpp_transfer *transfer);

/* Frees a transfer that is not running. */
void lcpp_transfer_free(struct lcpp_transfer *transfer);

#endif
