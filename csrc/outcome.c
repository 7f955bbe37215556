/*
 * The outcome of a transfer: see outcome.h.
 *
 * libcurl's word is not enough. It reports success for an answer that ended within its headers and
 * a failure for an HTTP/2 answer that was complete; a header line that is too long is "out of
 * memory" to it. And it cannot say whether a request may have been processed, which is what
 * decides whether a POST may be sent again.
 */
#include "outcome.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "slot.h"
#include "url.h"

const char *lcpp_kind_name(enum lcpp_kind kind) {
  static const char *const names[] = {
      [LCPP_ANSWERED] = "answered", [LCPP_NETWORK] = "network",   [LCPP_TLS] = "tls",
      [LCPP_TIMEOUT] = "timeout",   [LCPP_PROTOCOL] = "protocol", [LCPP_UNTRUSTED] = "untrusted",
      [LCPP_STOPPED] = "stopped",   [LCPP_CLOSED] = "closed",
  };
  return names[kind];
}

/* libcurl's text may quote what a server sent or, of a proxy, the URL with its password. */
static bool is_presentable(const char *text) {
  return strchr(text, '@') == NULL && strstr(text, "://") == NULL;
}

void lcpp_outcome_set(struct lcpp_transfer *transfer, enum lcpp_kind kind, const char *message) {
  transfer->kind = kind;
  free(transfer->message_text);
  transfer->message_text = strdup(message);
  transfer->message = transfer->message_text != NULL ? transfer->message_text : "out of memory";
  for (char *at = transfer->message_text; at != NULL && *at != '\0'; at++) {
    if ((unsigned char)*at < 0x20 || *at == 0x7f) {
      *at = ' ';
    }
  }
}

/* The kind of a failure by libcurl's code. https://curl.se/libcurl/c/libcurl-errors.html */
static enum lcpp_kind kind_of(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return LCPP_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return LCPP_TLS;
    case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer without a status line: HTTP/0.9 */
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_FILESIZE_EXCEEDED:
    case CURLE_WRITE_ERROR:
      return LCPP_PROTOCOL;
    default:
      return LCPP_NETWORK;
  }
}

/* Whether trying again may help: not for a certificate, nor for what was our own verdict. */
static bool is_transient(CURLcode code) {
  switch (code) {
    case CURLE_FILESIZE_EXCEEDED:
    case CURLE_OUT_OF_MEMORY:
      return false;
    default:
      return kind_of(code) != LCPP_TLS || code == CURLE_SSL_CONNECT_ERROR;
  }
}

/* An answer that began and then came to nothing is one that makes no sense, whatever ended it: bad
 * chunks and a reset within the body are the same code to libcurl. One that did not begin is the
 * network's matter, also where HTTP/2 counts on a stream that was cut. */
static enum lcpp_kind kind_by_progress(const struct lcpp_transfer *transfer, CURLcode code) {
  if ((code == CURLE_RECV_ERROR || code == CURLE_HTTP2_STREAM) && transfer->status != 0) {
    return LCPP_PROTOCOL;
  }
  if (code == CURLE_PARTIAL_FILE && transfer->status == 0) {
    return LCPP_NETWORK;
  }
  return kind_of(code);
}

static void fail_with_code(struct lcpp_transfer *transfer, CURLcode code) {
  const char *detail = transfer->slot->detail;
  if (detail[0] == '\0' || !is_presentable(detail)) {
    detail = curl_easy_strerror(code);
  }
  lcpp_outcome_set(transfer, kind_by_progress(transfer, code), detail);
  transfer->transient = is_transient(code);
}

/* A failure that on_header, on_body or on_send caused. */
static void fail_with_cut(struct lcpp_transfer *transfer) {
  switch (transfer->cut) {
    case LCPP_CUT_BODY_SIZE:
      lcpp_outcome_set(transfer, LCPP_PROTOCOL, "the answer is larger than max_response_bytes");
      break;
    case LCPP_CUT_HEADER_SIZE:
      lcpp_outcome_set(transfer, LCPP_PROTOCOL, "the answer's headers are too large");
      break;
    case LCPP_CUT_STATUS_LINE:
      lcpp_outcome_set(transfer, LCPP_PROTOCOL, "the answer's status line holds no status");
      transfer->transient = true;
      break;
    case LCPP_CUT_LENGTH:
      lcpp_outcome_set(transfer, LCPP_PROTOCOL,
                       "the answer's length makes no sense (two different ones, or one too large)");
      break;
    case LCPP_CUT_RESEND:
      lcpp_outcome_set(transfer, LCPP_NETWORK,
                       transfer->sent ? "the connection ended before an answer came"
                                      : "the server did not take the request");
      transfer->transient = true;
      break;
    default:
      lcpp_outcome_set(transfer, LCPP_NETWORK, "out of memory");
      break;
  }
}

/* Whether a byte of the request may have left. libcurl counts them when a write has returned, so
 * none is certain; but over HTTP/2, which TLS may have agreed on, it counts nothing when a write
 * failed after some frames had left. When it was about to send again on its own, its reason was
 * either a kept connection that died (then nobody knows what the server did), or a refused HTTP/2
 * stream, which a server promises not to have processed (RFC 9113, section 8.7). On a new
 * connection only the second is possible, as long as no other request joined it: libcurl takes it
 * for a kept one then.
 */
static bool may_have_left(struct lcpp_transfer *transfer) {
  long bytes = 0;
  curl_easy_getinfo(transfer->slot->easy, CURLINFO_REQUEST_SIZE, &bytes);
  bool refused = transfer->cut == LCPP_CUT_RESEND && !transfer->reused;
  bool counted = transfer->slot->plain;
  return transfer->connected && (bytes > transfer->bytes_before || !counted) && !refused;
}

/* The value of a header of the final answer, or NULL; libcurl's until the next transfer.
 * https://curl.se/libcurl/c/curl_easy_header.html */
static const char *header(const struct lcpp_transfer *transfer, enum lcpp_header name) {
  struct curl_header *found = NULL;
  if ((transfer->seen & 1U << name) == 0) {
    return NULL; /* most are absent, and libcurl would compare its name with all that came */
  }
  CURLHcode code =
      curl_easy_header(transfer->slot->easy, lcpp_header_name(name), 0, CURLH_HEADER, -1, &found);
  return code == CURLHE_OK && found->value[0] != '\0' ? found->value : NULL;
}

static bool copy(char **copied, const char *text) {
  *copied = text != NULL ? strdup(text) : NULL;
  return text == NULL || *copied != NULL;
}

/* The place to poll stands in Operation-Location or in Location; both are documented, and one
 * that is no URL does not hide the other. False when memory ran out. */
static bool read_location(struct lcpp_transfer *transfer) {
  static const enum lcpp_header names[] = {LCPP_OPERATION_LOCATION, LCPP_LOCATION};
  bool done = true;
  for (size_t i = 0; i < 2 && transfer->location == NULL && done; i++) {
    const char *value = header(transfer, names[i]);
    done = value == NULL || lcpp_transfer_locate(transfer, value);
  }
  return done;
}

/* The seconds that the service asks to wait, or -1: RFC 9110, section 10.2.3. libcurl reads both
 * forms, but gives a negative number for a date that has passed and 0 for what is neither. */
static long read_retry_after(struct lcpp_transfer *transfer) {
  curl_off_t seconds = 0;
  const char *value = header(transfer, LCPP_RETRY_AFTER);
  if (value == NULL || ((*value < '0' || *value > '9') && curl_getdate(value, NULL) < 0) ||
      curl_easy_getinfo(transfer->slot->easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK) {
    return -1;
  }
  return seconds < 0 ? 0 : seconds > 1000000 ? 1000000 : (long)seconds;
}

static bool read_headers(struct lcpp_transfer *transfer) {
  if (transfer->header_bytes == 0) {
    return true; /* and what the slot holds is of the transfer before */
  }
  transfer->retry_after = read_retry_after(transfer);
  if (transfer->status < 300 && !read_location(transfer)) {
    return false; /* an accepted cancel whose operation nobody could follow is no result */
  }
  const char *request_id = header(transfer, LCPP_CORRELATION_REQUEST_ID);
  if (request_id == NULL) {
    request_id = header(transfer, LCPP_REQUEST_ID_HEADER);
  }
  const char *content_type =
      transfer->body.length != 0 ? header(transfer, LCPP_CONTENT_TYPE) : NULL;
  return copy(&transfer->request_id, request_id) && copy(&transfer->content_type, content_type);
}

/* The status of an answer whose headers came whole, or 0. */
static long final_status(const struct lcpp_transfer *transfer) {
  long status = 0;
  if (transfer->headers == LCPP_HEADERS_COMPLETE) {
    curl_easy_getinfo(transfer->slot->easy, CURLINFO_RESPONSE_CODE, &status);
  }
  return status;
}

/* Whether the answer says enough. An error's status does, even if its body is cut short. And an
 * HTTP/2 server may send its whole answer and then reset the stream because it did not want the
 * request's body; libcurl, driven by events, then reports an error for the answer it has, or goes
 * on waiting (lcpp_transfer_whole). Whether the body is whole, who reads it sees; but not of one
 * that was announced and never came. */
static bool is_answered(const struct lcpp_transfer *transfer, CURLcode code) {
  bool has_body = transfer->length <= 0 || transfer->body.length != 0;
  return transfer->status != 0 && (transfer->status >= 400 || code == CURLE_OK ||
                                   (code == CURLE_HTTP2_STREAM && has_body) || transfer->empty);
}

/* libcurl reports a header line above its own limit (100 KB) as "out of memory"; whether it was
 * that, or really memory, cannot be told, but it happened while an answer came in. */
static bool is_long_line(const struct lcpp_transfer *transfer, CURLcode code) {
  return code == CURLE_OUT_OF_MEMORY && transfer->connected &&
         transfer->headers != LCPP_HEADERS_COMPLETE;
}

void lcpp_outcome_read(struct lcpp_transfer *transfer, CURLcode code) {
  transfer->sent = may_have_left(transfer);
  transfer->status = final_status(transfer);
  if (transfer->cut != LCPP_CUT_NONE && transfer->status < 400) {
    fail_with_cut(transfer);
  } else if (is_answered(transfer, code)) {
    transfer->kind = LCPP_ANSWERED;
  } else if (is_long_line(transfer, code)) {
    lcpp_outcome_set(transfer, LCPP_PROTOCOL,
                     "a header line of the answer is too long (or memory ran out)");
  } else if (code == CURLE_OK) {
    lcpp_outcome_set(transfer, LCPP_PROTOCOL, "the answer ended within its headers");
    transfer->transient = true;
  } else {
    fail_with_code(transfer, code);
  }
  if (!read_headers(transfer)) {
    lcpp_outcome_set(transfer, LCPP_NETWORK, "out of memory");
    transfer->transient = false;
  }
}
