/*
 * The outcome of a transfer: what libcurl's code and the response mean for the caller.
 *
 * libcurl's code is not enough: libcurl reports success for a response that ended within its
 * headers, and "out of memory" for a header line that is too long.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "response.h"
#include "url.h"

enum {
  TOO_LARGE = 100, /* CURLE_TOO_LARGE, which libcurl has since 8.6: a header line is too long */
  LONGEST_RETRY_AFTER = 1000000 /* seconds */
};

const char *lcpp_kind_name(enum lcpp_kind kind) {
  static const char *const names[] = {
      [LCPP_RESPONDED] = "responded", [LCPP_NETWORK] = "network",   [LCPP_TLS] = "tls",
      [LCPP_TIMEOUT] = "timeout",     [LCPP_PROTOCOL] = "protocol", [LCPP_UNTRUSTED] = "untrusted",
      [LCPP_STOPPED] = "stopped",     [LCPP_CLOSED] = "closed",
  };
  return names[kind];
}

void lcpp_outcome_set(struct lcpp_outcome *outcome, enum lcpp_kind kind, const char *message,
                      bool transient) {
  free(outcome->detail);
  outcome->detail = NULL;
  outcome->kind = kind;
  outcome->message = message;
  outcome->transient = transient;
}

static void fail_for_memory(struct lcpp_outcome *outcome) {
  lcpp_outcome_set(outcome, LCPP_NETWORK, "out of memory", false);
  outcome->out_of_memory = true;
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
    case CURLE_UNSUPPORTED_PROTOCOL: /* no status line: HTTP/0.9, or not HTTP at all */
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_FILESIZE_EXCEEDED:
    case CURLE_WRITE_ERROR:
      return LCPP_PROTOCOL;
    default:
      return LCPP_NETWORK;
  }
}

/* A failure after the status line is one of the response, whatever libcurl's code, which is the
 * same for bad chunks and for a reset. A failure before it is one of the network. */
static enum lcpp_kind kind_by_progress(const struct lcpp_response *response, CURLcode code) {
  bool begun = response->stage != LCPP_STATUS_LINE;
  enum lcpp_kind kind = kind_of(code);
  if (begun) {
    return kind == LCPP_NETWORK ? LCPP_PROTOCOL : kind;
  }
  return code == CURLE_PARTIAL_FILE ? LCPP_NETWORK : kind;
}

/* libcurl's text may quote the server, or the URL of a proxy with its password. */
static bool is_presentable(const char *text) {
  return text[0] != '\0' && strchr(text, '@') == NULL && strstr(text, "://") == NULL;
}

/* The TLS alert no_application_protocol: some versions of OpenSSL have a text for it, others the
 * number 1000 + 120. */
static bool is_alpn_alert(const char *detail) {
  return strstr(detail, "application protocol") != NULL || strstr(detail, "reason(1120)") != NULL;
}

static void fail_with_code(struct lcpp_outcome *outcome, const struct lcpp_response *response,
                           CURLcode code, const char *detail) {
  enum lcpp_kind kind = kind_by_progress(response, code);
  if (code == CURLE_OUT_OF_MEMORY) {
    fail_for_memory(outcome);
    return;
  }
  if (kind == LCPP_TLS && is_alpn_alert(detail)) {
    lcpp_outcome_set(outcome, kind, "the server does not speak HTTP/1.1", false);
    return;
  }
  if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY) {
    lcpp_outcome_set(outcome, kind, "the response is not HTTP/1.1", true);
    return;
  }
  lcpp_outcome_set(outcome, kind, curl_easy_strerror(code),
                   kind != LCPP_TLS || code == CURLE_SSL_CONNECT_ERROR);
  outcome->detail = is_presentable(detail) ? strdup(detail) : NULL;
  for (char *at = outcome->detail; at != NULL && *at != '\0'; at++) {
    if ((unsigned char)*at < 0x20 || *at == 0x7f) {
      *at = ' ';
    }
  }
}

/* libcurl before 8.6 reports a header line above its limit of 100 KB as out of memory. */
static bool is_long_line(const struct lcpp_response *response, CURLcode code, bool sent) {
  return (int)code == TOO_LARGE ||
         (code == CURLE_OUT_OF_MEMORY && sent && response->stage != LCPP_BODY);
}

/* Whether the response is complete. libcurl 7.88 does not notice that the last line of a chunked
 * body is missing. */
static bool is_complete(const struct lcpp_response *response, CURLcode code) {
  bool ended = !response->chunked || response->chunk == LCPP_CHUNK_END;
  return response->surplus || (code == CURLE_OK && ended);
}

static void read_kind(struct lcpp_outcome *outcome, const struct lcpp_response *response,
                      CURLcode code, const char *detail) {
  bool accepted = response->refusal == LCPP_ACCEPTED;
  bool long_line = accepted && is_long_line(response, code, outcome->sent);
  bool complete = accepted && outcome->status != 0 && is_complete(response, code);
  if (response->refusal == LCPP_REFUSED_MEMORY) {
    fail_for_memory(outcome);
  } else if (outcome->status >= 400 || complete) {
    outcome->kind = LCPP_RESPONDED; /* the status of an error is enough, even without its body */
  } else if (!accepted) {
    lcpp_outcome_set(outcome, LCPP_PROTOCOL, response->reason,
                     response->refusal == LCPP_REFUSED_FRAMING);
  } else if (long_line) {
    lcpp_outcome_set(outcome, LCPP_PROTOCOL,
                     "a header line of the response is too large (or memory ran out)", false);
  } else if (code == CURLE_OK) {
    lcpp_outcome_set(outcome, LCPP_PROTOCOL,
                     outcome->status == 0 ? "the response ended within its headers"
                                          : "the response ended within its body",
                     true);
  } else {
    fail_with_code(outcome, response, code, detail);
  }
}

static time_t read_date(const struct lcpp_response *response) {
  const char *date = lcpp_response_field(response, LCPP_DATE);
  return date != NULL ? curl_getdate(date, NULL) : -1;
}

/* Retry-After: RFC 9110, section 10.2.3, delay-seconds or a date. A date is compared with the
 * response's own Date if it has one, so that a wrong clock does not matter. */
static long read_retry_after(const struct lcpp_response *response) {
  const char *value = lcpp_response_field(response, LCPP_RETRY_AFTER);
  if (value == NULL) {
    return -1;
  }
  size_t digits = strspn(value, "0123456789");
  double seconds = -1;
  if (digits != 0) {
    seconds = value[digits] == '\0' ? strtod(value, NULL) : -1;
  } else {
    time_t then = curl_getdate(value, NULL);
    time_t now = read_date(response);
    if (then >= 0) {
      seconds = difftime(then, now >= 0 ? now : time(NULL));
      seconds = seconds < 0 ? 0 : seconds;
    }
  }
  return seconds > LONGEST_RETRY_AFTER ? LONGEST_RETRY_AFTER : (long)seconds;
}

static void free_location(struct lcpp_outcome *outcome) {
  free(outcome->location);
  free(outcome->operation_id);
  outcome->location = NULL;
  outcome->operation_id = NULL;
}

bool lcpp_outcome_locate(struct lcpp_outcome *outcome, const char *url, const char *reference) {
  free_location(outcome);
  enum lcpp_url_status status =
      url != NULL ? lcpp_url_resolve(url, reference, &outcome->location) : LCPP_URL_INVALID;
  return status == LCPP_URL_OK ? lcpp_url_operation_id(outcome->location, &outcome->operation_id)
                               : status != LCPP_URL_MEMORY;
}

/* The place to poll is in Operation-Location or in Location (both documented). A value that is not
 * a URL does not hide the other. */
static bool read_location(struct lcpp_outcome *outcome, const struct lcpp_response *response,
                          const char *url) {
  static const enum lcpp_field fields[] = {LCPP_OPERATION_LOCATION, LCPP_LOCATION};
  bool done = true;
  for (size_t i = 0; i < 2 && outcome->location == NULL && done; i++) {
    const char *value = lcpp_response_field(response, fields[i]);
    done = value == NULL || lcpp_outcome_locate(outcome, url, value);
  }
  return done;
}

void lcpp_outcome_read(struct lcpp_outcome *outcome, const struct lcpp_response *response,
                       CURLcode code, const char *detail, bool sent, const char *url) {
  bool complete = response->stage == LCPP_BODY && response->refusal != LCPP_REFUSED_FRAMING;
  outcome->sent = sent;
  outcome->status = complete ? response->status : 0;
  outcome->retry_after = complete ? read_retry_after(response) : -1;
  read_kind(outcome, response, code, detail);
  if (outcome->kind == LCPP_RESPONDED && outcome->status < 300 &&
      !read_location(outcome, response, url)) {
    fail_for_memory(outcome); /* without its location, an accepted cancel could not be followed */
  }
}

void lcpp_outcome_free(struct lcpp_outcome *outcome) {
  free_location(outcome);
  free(outcome->detail);
  outcome->detail = NULL;
}
