/*
 * HTTP without Lua: one CURLM with all that belongs to it, and the transfers that run on it.
 *
 * Nothing here knows Lua, and no callback of libcurl reaches it: what an answer brings is copied to
 * memory of the transfer, and the Lua side reads it after libcurl has returned.
 *
 * A transfer is memory of the caller's (a Lua userdata). It is filled by lcpp_transfer_start, runs
 * while the http handle is stepped, and ends exactly once: answered, failed, aborted, or closed.
 */
#ifndef LCPP_HTTP_H
#define LCPP_HTTP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "buf.h"
#include "endpoints.h"
#include "poller.h"

#if LIBCURL_VERSION_NUM < 0x075500
#error "cpp needs libcurl 7.85.0 or newer"
#endif

struct lcpp_http;
struct lcpp_slot; /* an easy handle with its error text, kept for the next transfer */

/* How a transfer ended. The names of the kinds are those of the public `err.kind`. */
enum lcpp_kind {
  LCPP_ANSWERED,
  LCPP_NETWORK,
  LCPP_TLS,
  LCPP_TIMEOUT,
  LCPP_PROTOCOL,
  LCPP_UNTRUSTED,
  LCPP_STOPPED,
  LCPP_CLOSED
};

enum lcpp_state { LCPP_NEW, LCPP_RUNNING, LCPP_DONE };

/* Why a callback cut a transfer short: libcurl's own code only says that one did. */
enum lcpp_cut {
  LCPP_CUT_NONE,
  LCPP_CUT_MEMORY,
  LCPP_CUT_BODY_SIZE,
  LCPP_CUT_HEADER_SIZE,
  LCPP_CUT_LENGTH, /* where the answer ends is a matter of opinion */
  LCPP_CUT_STATUS_LINE,
  LCPP_CUT_RESEND /* libcurl was about to send the request a second time */
};

enum { LCPP_NO_LENGTH = -2 };            /* two different ones, or one beyond any */
enum { LCPP_HEADER_LIMIT = 256 * 1024 }; /* bytes of all header lines of an answer together */

/* The headers of an answer that are read. */
enum lcpp_header {
  LCPP_OPERATION_LOCATION,
  LCPP_LOCATION,
  LCPP_RETRY_AFTER,
  LCPP_CORRELATION_REQUEST_ID,
  LCPP_REQUEST_ID_HEADER,
  LCPP_CONTENT_TYPE,
  LCPP_HEADER_COUNT
};

/* How far the headers of an answer have come. */
enum lcpp_headers {
  LCPP_HEADERS_AWAITED, /* a status line comes next: of the answer, or behind an interim one */
  LCPP_HEADERS_BEGUN,
  LCPP_HEADERS_COMPLETE /* of the final answer: what comes now are trailers */
};

/* A header's name. Static: never freed. */
const char *lcpp_header_name(enum lcpp_header header);

struct lcpp_transfer {
  enum lcpp_state state;
  struct lcpp_http *http;      /* borrowed while running or finished, else NULL */
  struct lcpp_slot *slot;      /* while running */
  struct lcpp_transfer *next;  /* in the list of running or finished transfers */
  struct lcpp_transfer **link; /* what points to this one; NULL: in no list */
  const struct lcpp_endpoint *endpoint;

  char *url;                    /* owned (free) */
  struct lcpp_buf request_body; /* owned; may hold a secret: wiped before it is freed */
  size_t max_response_bytes;
  long long deadline; /* in lcpp_monotonic_ms */

  bool connected;    /* whether the request could be sent */
  long bytes_before; /* that libcurl had sent until then: a CONNECT to a proxy */
  bool reused;       /* whether that was on a kept connection, or another may have joined since */
  unsigned long reuses; /* the http handle's, when this one was sent */
  enum lcpp_cut cut;
  size_t header_bytes;
  unsigned seen; /* a bit for each lcpp_header that a line of the answers had */
  enum lcpp_headers headers;
  bool interim;     /* the answer whose headers came last is a 1xx */
  bool empty;       /* it says that it has no body */
  long long length; /* that it says its body has; -1: it does not say, LCPP_NO_LENGTH: in vain */
  struct lcpp_buf body; /* owned; of the answer, decoded */

  enum lcpp_kind kind;
  bool sent;           /* whether a byte of the request may have left, unless the
                          service said that it did not process it */
  bool transient;      /* a failure of the transport, which may pass */
  long status;         /* 0: no answer */
  long retry_after;    /* seconds; -1: none */
  char *location;      /* owned (free); absolute */
  char *request_id;    /* owned (free) */
  char *content_type;  /* owned (free) */
  char *operation_id;  /* owned (curl_free) */
  const char *message; /* one line, where kind is not LCPP_ANSWERED: static, or message_text */
  char *message_text;  /* owned (free) */
};

/* What every transfer of a client shares, unless a call overrides it. Strings are borrowed and
 * have to outlive the http handle (a call's: lcpp_transfer_start). */
struct lcpp_profile {
  const char *user_agent;
  const char *ca_file; /* NULL: the system's trust alone */
  const char *proxy;   /* NULL: the environment's, as with curl; "": none */
  long connect_timeout_ms;
};

/* What to send. All pointers are borrowed for the call of lcpp_transfer_start. */
struct lcpp_plan {
  const struct lcpp_endpoint *endpoint;
  const struct lcpp_profile *profile; /* of a call that overrides its client's; else NULL */
  char *url;                          /* its ownership passes to the transfer */
  bool plain;                         /* http: then no proxy is used */
  const char *token;                  /* NULL: no Authorization header */
  const char *client_request_id;
  long timeout_ms;
  size_t max_response_bytes;
};

/* A handle with no transfers, or NULL when memory or descriptors ran out. `max_connections` of 0
 * means no limit. libcurl is initialised at the first call in a process, from any thread. */
struct lcpp_http *lcpp_http_new(const struct lcpp_profile *profile, long max_connections);

/* Ends every transfer that still runs with LCPP_CLOSED and frees all; NULL is fine. In a child of
 * the process that made the handle it touches neither connections nor transfers. */
void lcpp_http_free(struct lcpp_http *http);

/* Limits the connections of the handle from now on; 0: no limit. */
void lcpp_http_limit(struct lcpp_http *http, long max_connections);

/* Whether this process may use the handle: false in a forked child. */
bool lcpp_http_is_ours(const struct lcpp_http *http);

/* Whether a step is under way, so that nothing may be closed. */
bool lcpp_http_is_stepping(const struct lcpp_http *http);

/* Makes the next step end its wait, and a host's timeout run out, in `delay_ms` milliseconds at the
 * latest, once: for a scheduler above that has timers of its own. */
void lcpp_http_alarm(struct lcpp_http *http, long delay_ms);

/* Milliseconds until a step is due: libcurl's timer or the alarm; -1: neither. */
long lcpp_http_timeout(const struct lcpp_http *http);

/* Runs what is due, waits at most `wait_ms` milliseconds for more (-1, while something runs: until
 * something happens; LCPP_LONGEST_WAIT_MS at most). */
void lcpp_http_step(struct lcpp_http *http, long wait_ms);

/* How many transfers run. */
size_t lcpp_http_running(const struct lcpp_http *http);

/* How many transfers have finished and were not claimed. */
size_t lcpp_http_finished(const struct lcpp_http *http);

/* The handle's poller; it lives as long as the handle. */
struct lcpp_poller *lcpp_http_poller(const struct lcpp_http *http);

/* Takes the transfer that finished first out of the list of finished ones; NULL: none. */
struct lcpp_transfer *lcpp_http_next_finished(struct lcpp_http *http);

/* Writes a random UUID (version 4; RFC 9562) and a NUL. */
enum { LCPP_UUID_SIZE = 37 };
void lcpp_http_uuid(struct lcpp_http *http, char uuid[LCPP_UUID_SIZE]);

/* Starts a transfer, which must be all zeros but for its request_body. Whatever goes wrong, the
 * transfer is LCPP_RUNNING or LCPP_DONE afterwards, so nothing is lost. */
void lcpp_transfer_start(struct lcpp_http *http, struct lcpp_transfer *transfer,
                         const struct lcpp_plan *plan);

/* A transfer that ends before anything was sent. */
void lcpp_transfer_refuse(struct lcpp_http *http, struct lcpp_transfer *transfer,
                          const struct lcpp_plan *plan, enum lcpp_kind kind, const char *message);

/* Ends a running transfer with `kind`; one that is not running stays as it is. */
void lcpp_transfer_abort(struct lcpp_transfer *transfer, enum lcpp_kind kind, const char *message);

/* Sets the location of an answer, and the operation's id in it, from a reference that the answer
 * holds. Both are NULL when it is no URL. False when memory ran out. */
bool lcpp_transfer_locate(struct lcpp_transfer *transfer, const char *reference);

/* To be called when an answer without a body has come whole. libcurl 7.88 may then wait for ever,
 * over HTTP/2, to send the rest of a request whose stream the server has closed; such a transfer
 * is ended in a moment. */
void lcpp_transfer_whole(struct lcpp_transfer *transfer);

/* Takes a finished transfer out of the list that lcpp_http_next_finished serves. */
void lcpp_transfer_claim(struct lcpp_transfer *transfer);

/* Frees what a transfer that is done holds of its answer: all but its URL. A later locate still
 * finds what it needs. */
void lcpp_transfer_drop_answer(struct lcpp_transfer *transfer);

/* Ends the transfer if it runs and frees what it owns; it is all zeros, but LCPP_DONE, after. */
void lcpp_transfer_free(struct lcpp_transfer *transfer);

#endif
