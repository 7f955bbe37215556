/* libcurl's callbacks: the limits of a response, and the check of a connection before a request is
 * sent. */
#include <stdlib.h>

#include "characters.h"
#include "transfer.h"

enum {
  /* Progress callbacks in one step: one for each byte of a proxy's response to CONNECT. */
  LOOKS_BEFORE_SENDING = 50000,
  /* Progress callbacks between two counts of what has arrived. */
  LOOKS_PER_COUNT = 16,
  /* Bytes on the wire that a response may have beyond max_response_bytes. */
  OVERHEAD = LCPP_HEADER_LIMIT
};

/* https://curl.se/libcurl/c/CURLOPT_FORBID_REUSE.html */
void lcpp_transfer_distrust(struct lcpp_transfer *transfer) {
  curl_easy_setopt(transfer->easy->handle, CURLOPT_FORBID_REUSE, 1L);
  transfer->easy->single_use = true;
}

static struct lcpp_transfer *transfer_of(void *easy) {
  return ((struct lcpp_easy *)easy)->transfer;
}

/* A success that comes before the whole request was sent is not a response to it: it is
 * unsolicited, or the server has not read the request. */
static void refuse_early_success(struct lcpp_transfer *transfer) {
  struct lcpp_response *response = &transfer->response;
  curl_off_t sent = 0;
  if (response->stage == LCPP_FIRST_FIELD && response->status / 100 == 2) {
    curl_easy_getinfo(transfer->easy->handle, CURLINFO_SIZE_UPLOAD_T, &sent);
    if ((size_t)sent < transfer->request_body.length) {
      lcpp_response_refuse(response, LCPP_REFUSED_FRAMING,
                           "the response came before the request was sent");
    }
  }
}

/* Called for each header line. https://curl.se/libcurl/c/CURLOPT_HEADERFUNCTION.html */
static size_t on_header(char *line, size_t size, size_t count, void *argument) {
  struct lcpp_transfer *transfer = transfer_of(argument);
  bool accepted = lcpp_response_header(&transfer->response, line, size * count);
  if (accepted) {
    refuse_early_success(transfer);
    accepted = transfer->response.refusal == LCPP_ACCEPTED;
  }
  if (transfer->response.closes && transfer->response.stage == LCPP_BODY) {
    lcpp_transfer_distrust(transfer);
  }
  return size * count + (accepted ? 0 : 1); /* any other number ends the transfer */
}

/* Gets header lines as well, before libcurl reads them, if CURLOPT_HEADER is set.
 * https://curl.se/libcurl/c/CURLOPT_WRITEFUNCTION.html */
static size_t on_body(char *data, size_t size, size_t count, void *argument) {
  struct lcpp_response *response = &transfer_of(argument)->response;
  bool accepted = response->stage == LCPP_BODY
                      ? lcpp_response_body(response, data, size * count)
                      : lcpp_response_preview(response, data, size * count);
  return size * count + (accepted ? 0 : 1); /* any other number ends the transfer */
}

/* Whether the new connection is through a proxy over TLS. The state of its TLS session is not
 * accessible, so the connection is not kept. (libcurl trusts a proxy's certificate only if the
 * system does, so no spec has such a proxy.) */
static bool goes_through_tls_proxy(const struct lcpp_easy *easy) {
  static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
  long status = 0;
  curl_easy_getinfo(easy->handle, CURLINFO_HTTP_CONNECTCODE, &status);
  if (status == 0) {
    return false;
  }
  bool tls = easy->tls_proxy;
  for (size_t i = 0; !easy->own_proxy && i < sizeof names / sizeof names[0]; i++) {
    const char *proxy = getenv(names[i]);
    tls = tls || (proxy != NULL && lcpp_is_same_to(proxy, "https:", 6)); /* GCOV_EXCL_BR_LINE */
  }
  return tls;
}

static long count_connects(const struct lcpp_easy *easy) {
  long connects = 0;
  curl_easy_getinfo(easy->handle, CURLINFO_NUM_CONNECTS, &connects);
  return connects;
}

/* Called when libcurl has a connection and is about to send the request. After the deadline nothing
 * is sent: the process may have been stopped, or busy, while it connected.
 *
 * Pending bytes on a kept connection were not requested: they would be taken for the response. If
 * libcurl calls this a second time, it is about to send the request again, because the connection
 * ended before a response. A POST must not be repeated without the caller's knowledge, so the
 * transfer ends here. https://curl.se/libcurl/c/CURLOPT_PREREQFUNCTION.html */
static int on_send(void *argument, char *remote, char *local, int remote_port, int local_port) {
  struct lcpp_easy *easy = argument;
  struct lcpp_transfer *transfer = easy->transfer;
  (void)remote;
  (void)local;
  (void)remote_port;
  if (transfer->sent) {
    transfer->resend = true;
    return CURL_PREREQFUNC_ABORT;
  }
  transfer->late = lcpp_monotonic_us() >= transfer->deadline;
  if (transfer->late) {
    return CURL_PREREQFUNC_ABORT;
  }
  transfer->connects = count_connects(easy);
  bool kept = transfer->connects == 0;
  transfer->fd = lcpp_sockets_find(&easy->pool->sockets, local_port);
  if (kept || transfer->fd >= 0) {
    enum lcpp_freshness freshness = lcpp_socket_check(transfer->fd, easy->handle);
    if (freshness == LCPP_ENDED || (kept && freshness == LCPP_PENDING)) {
      transfer->stale = true;
      return CURL_PREREQFUNC_ABORT;
    }
  }
  if (!kept && goes_through_tls_proxy(easy)) { /* GCOV_EXCL_BR_LINE */
    lcpp_transfer_distrust(transfer);          /* GCOV_EXCL_LINE */
  }
  transfer->received = lcpp_socket_received(transfer->fd);
  transfer->looks = 0;
  transfer->sent = true;
  return CURL_PREREQFUNC_OK;
}

/* Limits received bytes that reach no other callback: libcurl 8.23 reads blank folded header lines
 * without end. Most responses end before the first count.
 * https://curl.se/libcurl/c/CURLOPT_XFERINFOFUNCTION.html */
static int on_progress(void *argument, curl_off_t total, curl_off_t now, curl_off_t upload_total,
                       curl_off_t upload_now) {
  struct lcpp_easy *easy = argument;
  struct lcpp_transfer *transfer = easy->transfer;
  (void)total;
  (void)now;
  (void)upload_total;
  (void)upload_now;
  if (!transfer->sent && transfer->step != easy->pool->steps) {
    transfer->step = easy->pool->steps;
    transfer->looks = 0;
  }
  if (++transfer->looks % LOOKS_PER_COUNT != 0) {
    return 0;
  }
  if (!transfer->sent) {
    /* libcurl reads a proxy's response to CONNECT in one call, however long it is. */
    if (transfer->looks > LOOKS_BEFORE_SENDING) {
      lcpp_response_refuse(&transfer->response, LCPP_REFUSED_TOO_LARGE,
                           "the proxy's response is too large");
    }
    return transfer->looks > LOOKS_BEFORE_SENDING;
  }
  if (count_connects(easy) != transfer->connects) {
    transfer->resend = true; /* on_send would detect it, once the new connection is there */
    return 1;
  }
  unsigned long long bytes = lcpp_socket_received(transfer->fd);
  if (bytes <= transfer->received + transfer->response.max_bytes + OVERHEAD) {
    return 0;
  }
  /* GCOV_EXCL_START: libcurl before 8.23 */
  lcpp_response_refuse(&transfer->response, LCPP_REFUSED_TOO_LARGE, "the response is too large");
  return 1;
  /* GCOV_EXCL_STOP */
}

static CURLcode on_tls_context(CURL *handle, void *context, void *argument) {
  (void)handle;
  (void)argument;
  lcpp_tls_bound(context);
  return CURLE_OK;
}

/* Before 8.1, libcurl joins a folded line at the start of a header section to the last field of the
 * previous transfer of the easy handle, which it has freed.
 * https://github.com/curl/curl/pull/11103 */
static bool has_stale_fields(void) {
  return curl_version_info(CURLVERSION_NOW)->version_num < 0x080100;
}

void lcpp_callbacks_attach(struct lcpp_easy *easy) {
  CURL *handle = easy->handle;
  curl_easy_setopt(handle, CURLOPT_HEADER, has_stale_fields() ? 1L : 0L);
  curl_easy_setopt(handle, CURLOPT_SSL_CTX_FUNCTION, on_tls_context); /* with OpenSSL alone */
  curl_easy_setopt(handle, CURLOPT_PRIVATE, easy);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, easy->detail);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, easy);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, easy);
  curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, on_send);
  curl_easy_setopt(handle, CURLOPT_PREREQDATA, easy);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, easy);
  lcpp_sockets_attach(&easy->pool->sockets, handle);
}
