/* A slot: an easy handle with all that no request may change: see slot.h. */
#include "slot.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_private.h"

enum {
  EXPECT_ABOVE = 1024
}; /* bytes; libcurl asks for a 100 above 1 MB, earlier ones above this */

/* Static, yet not const: curl_slist holds char *. Nothing writes to them. */
static char accept_line[] = "Accept: application/json";
static char json_line[] = "Content-Type: application/json";
static char no_expect_line[] = "Expect:"; /* a large body would wait 1 s for a 100 */
static char form_line[] = "Content-Type: application/x-www-form-urlencoded";

/* Notes what a Content-Length line says. Two different ones make the answer's end a matter of
 * opinion (RFC 9112, section 6.3), and so does one that does not fit; libcurl takes the last, or
 * none. What is no number it refuses. */
static void read_length(struct lcpp_transfer *transfer, const char *value, const char *end) {
  long long length = 0;
  while (value < end && (*value == ' ' || *value == '\t')) {
    value++;
  }
  for (; value < end && *value >= '0' && *value <= '9'; value++) {
    int digit = *value - '0';
    bool fits = length >= 0 && length <= (LLONG_MAX - digit) / 10;
    length = fits ? length * 10 + digit : LCPP_NO_LENGTH;
  }
  bool agreed = transfer->length == -1 || transfer->length == length;
  transfer->length = agreed ? length : LCPP_NO_LENGTH;
  transfer->empty = !transfer->interim && transfer->length == 0;
}

static const struct {
  const char *name;
  size_t length;
} headers[LCPP_HEADER_COUNT] = {
    [LCPP_OPERATION_LOCATION] = {"Operation-Location", 18},
    [LCPP_LOCATION] = {"Location", 8},
    [LCPP_RETRY_AFTER] = {"Retry-After", 11},
    [LCPP_CORRELATION_REQUEST_ID] = {"X-Ms-Correlation-Request-Id", 27},
    [LCPP_REQUEST_ID_HEADER] = {"x-ms-request-id", 15},
    [LCPP_CONTENT_TYPE] = {"Content-Type", 12},
};

const char *lcpp_header_name(enum lcpp_header header) {
  return headers[header].name;
}

/* Notes which of the headers that are read a line is; libcurl keeps its value. */
static void note_name(struct lcpp_transfer *transfer, const char *line, size_t length) {
  for (size_t i = 0; i < LCPP_HEADER_COUNT; i++) {
    size_t name_length = headers[i].length;
    if (length > name_length && line[name_length] == ':' &&
        strncasecmp(line, headers[i].name, name_length) == 0) {
      transfer->seen |= 1U << i;
    }
  }
}

static bool is_digit(const char *line, size_t length, size_t at) {
  return at < length && line[at] >= '0' && line[at] <= '9';
}

/* The status in a status line (RFC 9112, section 4), or 0. libcurl 7.88 finds one where there is
 * none: "http/1.1 404" and "HTTP/x" are a 200 to it, "HTTP/2222" is a 222. */
static long read_status(const char *line, size_t length) {
  size_t at = 5; /* behind "HTTP/" */
  if (length < at || memcmp(line, "HTTP/", at) != 0 || !is_digit(line, length, at++)) {
    return 0;
  }
  if (at < length && line[at] == '.') {
    at += 2; /* what libcurl makes of another version, it says itself */
  }
  size_t version = at;
  while (at < length && line[at] == ' ') {
    at++;
  }
  bool three = is_digit(line, length, at) && is_digit(line, length, at + 1) &&
               is_digit(line, length, at + 2) && !is_digit(line, length, at + 3);
  if (at == version || !three) {
    return 0;
  }
  return (line[at] - '0') * 100 + (line[at + 1] - '0') * 10 + line[at + 2] - '0';
}

/* Notes a line of the headers: their beginning, their end, and whether a body follows. What looks
 * like a status line within them is a line like any other, as it is to libcurl. */
static void read_line(struct lcpp_transfer *transfer, const char *line, size_t length) {
  static const char content_length[] = "content-length:";
  if (transfer->headers == LCPP_HEADERS_COMPLETE) {
    return; /* trailers */
  }
  if (transfer->headers == LCPP_HEADERS_AWAITED) {
    long status = read_status(line, length);
    if (status == 0) {
      transfer->cut = LCPP_CUT_STATUS_LINE;
    }
    transfer->headers = LCPP_HEADERS_BEGUN;
    transfer->interim = status < 200;
    transfer->empty = false;
    transfer->length = -1;
  } else if (length > sizeof content_length &&
             strncasecmp(line, content_length, sizeof content_length - 1) == 0) {
    read_length(transfer, line + sizeof content_length - 1, line + length);
  } else if (line[0] == '\n' || (length == 2 && line[0] == '\r')) {
    transfer->headers = transfer->interim ? LCPP_HEADERS_AWAITED : LCPP_HEADERS_COMPLETE;
    if (transfer->length == LCPP_NO_LENGTH) {
      /* It closes the connection: what else comes on it is nobody's answer. */
      transfer->cut = LCPP_CUT_LENGTH;
    } else if (transfer->empty) {
      lcpp_transfer_whole(transfer);
    }
  } else {
    note_name(transfer, line, length);
  }
}

/* Sees every line of the headers, and counts their bytes. libcurl reports success when a connection
 * ends within the headers, so their end has to be seen here.
 * https://curl.se/libcurl/c/CURLOPT_HEADERFUNCTION.html */
static size_t on_header(char *line, size_t size, size_t count, void *argument) {
  struct lcpp_transfer *transfer = ((struct lcpp_slot *)argument)->transfer;
  size_t length = size * count;
  transfer->header_bytes += length;
  if (transfer->header_bytes > LCPP_HEADER_LIMIT) {
    transfer->cut = LCPP_CUT_HEADER_SIZE;
    return 0;
  }
  if (length > 0) {
    read_line(transfer, line, length);
  }
  return transfer->cut == LCPP_CUT_NONE ? length : 0;
}

/* https://curl.se/libcurl/c/CURLOPT_WRITEFUNCTION.html */
static size_t on_body(char *data, size_t size, size_t count, void *argument) {
  struct lcpp_transfer *transfer = ((struct lcpp_slot *)argument)->transfer;
  size_t length = size * count;
  switch (lcpp_buf_append(&transfer->body, data, length, transfer->max_response_bytes)) {
    case LCPP_BUF_OK:
      return length;
    case LCPP_BUF_LIMIT:
      transfer->cut = LCPP_CUT_BODY_SIZE;
      break;
    case LCPP_BUF_MEMORY:
      transfer->cut = LCPP_CUT_MEMORY;
      break;
  }
  return length == 0 ? 1 : 0; /* anything but `length` ends the transfer */
}

/* Called when libcurl has a connection and is about to send the request. When a byte of it has left
 * before, libcurl is about to send it again on its own: because a kept connection died before an
 * answer came, or because an HTTP/2 server refused the stream. A POST must not go out twice behind
 * the caller's back, and all retries are counted in one place: end it here. When nothing has left,
 * a kept connection was found dead in time, and going on with another is no repetition.
 * https://curl.se/libcurl/c/CURLOPT_PREREQFUNCTION.html */
static int on_send(void *argument, char *remote, char *local, int remote_port, int local_port) {
  struct lcpp_slot *slot = argument;
  struct lcpp_transfer *transfer = slot->transfer;
  (void)remote;
  (void)local;
  (void)remote_port;
  (void)local_port;
  long bytes = 0;
  long connects = 0;
  curl_easy_getinfo(slot->easy, CURLINFO_REQUEST_SIZE, &bytes);
  struct lcpp_http *http = transfer->http;
  if (transfer->connected && bytes > transfer->bytes_before) {
    transfer->cut = LCPP_CUT_RESEND;
    transfer->reused = transfer->reused || http->reuses != transfer->reuses;
    return CURL_PREREQFUNC_ABORT;
  }
  curl_easy_getinfo(slot->easy, CURLINFO_NUM_CONNECTS, &connects);
  transfer->reused = connects == 0;
  http->reuses += transfer->reused;
  transfer->reuses = http->reuses;
  transfer->connected = true;
  transfer->bytes_before = bytes;
  return CURL_PREREQFUNC_OK;
}

/* For strings, of which libcurl makes copies, and for what it may have been built without. Numbers
 * and pointers are set without it: that cannot fail. */
#define SET(easy, option, value)                               \
  do {                                                         \
    CURLcode set_code = curl_easy_setopt(easy, option, value); \
    if (set_code != CURLE_OK) {                                \
      return set_code;                                         \
    }                                                          \
  } while (0)

/* What holds for every request. Each line is one rule of doc/security.md. */
static const struct {
  CURLoption option;
  long value;
} rules[] = {
    {CURLOPT_FOLLOWLOCATION, 0},
    {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2}, /* or newer */
    {CURLOPT_SSL_VERIFYPEER, 1},
    {CURLOPT_SSL_VERIFYHOST, 2},
    {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
    {CURLOPT_NETRC, CURL_NETRC_IGNORED},
    {CURLOPT_HTTPAUTH, (long)CURLAUTH_NONE},
    {CURLOPT_HEADEROPT, CURLHEADER_SEPARATE}, /* a proxy never sees the token */
    {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
    {CURLOPT_HTTP09_ALLOWED, 0},
    {CURLOPT_NOSIGNAL, 1},      /* signals are the host's */
    {CURLOPT_PIPEWAIT, 1},      /* many at once: share an HTTP/2 connection */
    {CURLOPT_TCP_KEEPALIVE, 1}, /* a GET may take minutes */
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Without it, removing a transfer waits for a resolver thread that may be stuck for long: a
     * timeout of 500 ms took 10 s. The thread may then outlive the state, so the module is linked
     * with -z nodelete. */
    {CURLOPT_QUICK_EXIT, 1},
#endif
};

static CURLcode set_rules(CURL *easy) {
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    /* Only a libcurl that was built without one says no. */
    SET(easy, rules[i].option, rules[i].value); /* GCOV_EXCL_BR_LINE */
  }
  SET(easy, CURLOPT_PROTOCOLS_STR, "https,http"); /* which hosts may have http: url.c */
  SET(easy, CURLOPT_ACCEPT_ENCODING, "gzip");     /* on_body counts decoded bytes */
  return CURLE_OK;
}

static void set_callbacks(struct lcpp_slot *slot) {
  curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
  curl_easy_setopt(slot->easy, CURLOPT_ERRORBUFFER, slot->detail);
  curl_easy_setopt(slot->easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(slot->easy, CURLOPT_HEADERDATA, slot);
  curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(slot->easy, CURLOPT_WRITEDATA, slot);
  curl_easy_setopt(slot->easy, CURLOPT_PREREQFUNCTION, on_send);
  curl_easy_setopt(slot->easy, CURLOPT_PREREQDATA, slot);
}

static CURLcode set_profile(CURL *easy, const struct lcpp_profile *profile) {
  SET(easy, CURLOPT_USERAGENT, profile->user_agent);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, profile->connect_timeout_ms);
  if (profile->ca_file != NULL) {
    SET(easy, CURLOPT_CAINFO, profile->ca_file); /* beside the system's directory (CAPATH) */
  }
  return CURLE_OK;
}

struct lcpp_slot *lcpp_slot_new(struct lcpp_poller *poller, const struct lcpp_profile *profile) {
  struct lcpp_slot *slot = calloc(1, sizeof *slot);
  if (slot == NULL) {
    return NULL;
  }
  slot->easy = curl_easy_init();
  if (slot->easy == NULL || set_rules(slot->easy) != CURLE_OK ||
      set_profile(slot->easy, profile) != CURLE_OK ||
      curl_easy_setopt(slot->easy, CURLOPT_PROXY, profile->proxy) != CURLE_OK) {
    lcpp_slot_free(slot);
    return NULL;
  }
  set_callbacks(slot);
  lcpp_poller_prepare(poller, slot->easy);
  return slot;
}

void lcpp_slot_free(struct lcpp_slot *slot) {
  if (slot != NULL) {
    curl_easy_cleanup(slot->easy);
    lcpp_buf_free(&slot->lines);
    free(slot);
  }
}

void lcpp_slot_unload(struct lcpp_slot *slot) {
  lcpp_wipe(slot->lines.data, slot->lines.length);
  slot->lines.length = 0;
  slot->lines.status = LCPP_BUF_OK;
  slot->transfer = NULL;
}

/* https://curl.se/libcurl/c/CURLOPT_FORBID_REUSE.html */
void lcpp_slot_distrust(struct lcpp_slot *slot) {
  curl_easy_setopt(slot->easy, CURLOPT_FORBID_REUSE, 1L);
  slot->single_use = true;
}

/* Copies "name: value" behind the lines there are; the offset of its start. */
static size_t add_line(struct lcpp_buf *lines, const char *name, const char *value) {
  size_t start = lines->length;
  lcpp_buf_append(lines, name, strlen(name), LCPP_HEADER_LIMIT);
  lcpp_buf_append(lines, value, strlen(value) + 1, LCPP_HEADER_LIMIT);
  return start;
}

/* Chains the header lines. The nodes are the slot's own memory: libcurl only reads them. */
static CURLcode set_headers(struct lcpp_slot *slot, const struct lcpp_plan *plan) {
  char *lines[LCPP_HEADER_LINES];
  size_t count = 0;
  size_t id = add_line(&slot->lines, "x-ms-client-request-id: ", plan->client_request_id);
  size_t token = slot->lines.length;
  if (plan->token != NULL) {
    add_line(&slot->lines, "Authorization: Bearer ", plan->token);
  }
  if (slot->lines.status != LCPP_BUF_OK) {
    return CURLE_OUT_OF_MEMORY;
  }
  lines[count++] = accept_line;
  lines[count++] = slot->lines.data + id;
  if (plan->token != NULL) {
    lines[count++] = slot->lines.data + token;
  }
  if (plan->endpoint->method == LCPP_POST) {
    lines[count++] = plan->endpoint->body == LCPP_BODY_CREDENTIALS ? form_line : json_line;
    if (slot->transfer->request_body.length > EXPECT_ABOVE) {
      lines[count++] = no_expect_line;
    }
  }
  for (size_t i = 0; i < count; i++) {
    slot->headers[i].data = lines[i];
    slot->headers[i].next = i + 1 < count ? &slot->headers[i + 1] : NULL;
  }
  curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers);
  return CURLE_OK;
}

/* CURLOPT_POSTFIELDS puts headers and body into one write. That libcurl could then send them again
 * by itself is what on_send is for. https://curl.se/libcurl/c/CURLOPT_POSTFIELDS.html */
static void set_body(CURL *easy, const struct lcpp_transfer *transfer) {
  if (transfer->endpoint->method == LCPP_GET) {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    return;
  }
  const struct lcpp_buf *body = &transfer->request_body;
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->length);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body->length != 0 ? body->data : "");
}

CURLcode lcpp_slot_load(struct lcpp_slot *slot, struct lcpp_transfer *transfer,
                        const struct lcpp_plan *plan, const struct lcpp_profile *profile) {
  slot->transfer = transfer;
  slot->detail[0] = '\0';
  if (plan->profile != NULL) {
    profile = plan->profile;
    slot->single_use = true;
    CURLcode code = set_profile(slot->easy, profile);
    if (code != CURLE_OK) {
      return code;
    }
  }
  if (slot->plain != plan->plain || plan->profile != NULL) {
    /* Over plain http a proxy would see the token; it goes to loopback only anyway. */
    SET(slot->easy, CURLOPT_PROXY, plan->plain ? "" : profile->proxy);
    /* Many at once share an HTTP/2 connection: they wait for the first to tell whether it is one.
     * With TLS the handshake tells; without, only its answer would, and one that stalls hold all
     * up. */
    curl_easy_setopt(slot->easy, CURLOPT_PIPEWAIT, plan->plain ? 0L : 1L);
    slot->plain = plan->plain;
  }
  SET(slot->easy, CURLOPT_URL, transfer->url);
  set_body(slot->easy, transfer);
  return set_headers(slot, plan);
}
