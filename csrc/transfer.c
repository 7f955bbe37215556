/* A transfer: one request and its response on an easy handle: see transfer.h. */
#include "transfer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "characters.h"

enum {
  /* Bytes of a body from which some version of libcurl asks for a 100. */
  EXPECT_ABOVE = 1024,
  /* Bytes of a body that leaves with the header lines, whatever the server reads. */
  SENT_AT_ONCE = 8192,
  /* Bytes: 7.88 reads up to 100 times as many in one go. */
  READ_SIZE = 2048,
  /* Idle easy handles that are kept; each takes about 6 KiB. */
  IDLE_HANDLES = 64,
  /* Bytes of header lines: a token and an id, see lua_binding.h; and further lines. */
  LINES_CAPACITY = 65536 + 1024 + 2 * LCPP_HEADERS_LIMIT * (LCPP_HEADER_VALUE_LIMIT + 512)
};

/* Not const only because curl_slist holds char *. Nothing writes to them. */
static char accept_line[] = "Accept: application/json";
static char encoding_line[] = "Accept-Encoding: identity";
static char json_line[] = "Content-Type: application/json";
static char form_line[] = "Content-Type: application/x-www-form-urlencoded";
static char metadata_line[] = "Metadata: true"; /* keeps forwarded requests from it */
static char no_expect_line[] = "Expect:";       /* a large body would wait 1 s for a 100 */

/* For options that copy a string, and for what libcurl may have been built without. Setting a
 * number or a pointer cannot fail. */
#define SET(handle, option, value)                               \
  do {                                                           \
    CURLcode set_code = curl_easy_setopt(handle, option, value); \
    if (set_code != CURLE_OK) {                                  \
      return set_code;                                           \
    }                                                            \
  } while (0)

/* The options of every request. doc/security.md has the rules behind them. */
static const struct {
  CURLoption option;
  long value;
} rules[] = {
    {CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1}, /* ALPN offers nothing else */
    {CURLOPT_FOLLOWLOCATION, 0},
    {CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2}, /* or newer */
    {CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2},
    {CURLOPT_SSL_VERIFYPEER, 1},
    {CURLOPT_SSL_VERIFYHOST, 2},
    {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
    {CURLOPT_NETRC, (long)CURL_NETRC_IGNORED},
    {CURLOPT_HTTPAUTH, (long)CURLAUTH_NONE},
    {CURLOPT_SOCKS5_AUTH, (long)CURLAUTH_BASIC}, /* GSSAPI blocks, whatever the deadline */
    {CURLOPT_HEADEROPT, CURLHEADER_SEPARATE},    /* a proxy never sees the token */
    {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
    {CURLOPT_HTTP09_ALLOWED, 0},
    {CURLOPT_NOSIGNAL, 1},               /* signals are the host's */
    {CURLOPT_TCP_KEEPALIVE, 1},          /* a GET may take minutes */
    {CURLOPT_NOPROGRESS, 0},             /* on_progress */
    {CURLOPT_HTTP_TRANSFER_DECODING, 0}, /* on_body checks and counts all that comes */
    {CURLOPT_BUFFERSIZE, READ_SIZE},
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Without it, removing a transfer waits for a resolver thread, which may take long: a timeout
     * of 500 ms took 10 s. The thread may outlive the Lua state, so the module is linked with
     * -z nodelete. */
    {CURLOPT_QUICK_EXIT, 1},
#endif
};

static CURLcode set_rules(CURL *handle) {
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    /* Fails only if libcurl was built without the option. */
    SET(handle, rules[i].option, rules[i].value); /* GCOV_EXCL_BR_LINE */
  }
  SET(handle, CURLOPT_PROTOCOLS_STR, "https,http"); /* which hosts may have http: url.c */

  return CURLE_OK;
}

/* A given file is used together with the system's directory. Without one, the system's file is
 * used, without its directory: with it, libcurl 7.88 and 8.14 read the whole file for each
 * connection, which takes 10 to 40 ms. A proxy has only the system's trust.
 * https://curl.se/libcurl/c/CURLOPT_CA_CACHE_TIMEOUT.html */
static CURLcode set_authorities(CURL *handle, const char *ca_file) {
  const curl_version_info_data *built = curl_version_info(CURLVERSION_NOW);
  const char *directory = built->cainfo == NULL ? built->capath : NULL;
  if (ca_file != NULL) {
    SET(handle, CURLOPT_CAINFO, ca_file);
  }
  SET(handle, CURLOPT_CAPATH, ca_file != NULL ? built->capath : directory);
  SET(handle, CURLOPT_PROXY_CAPATH, directory);
  return CURLE_OK;
}

static CURLcode set_profile(struct lcpp_easy *easy, const struct lcpp_profile *profile) {
  easy->own_proxy = profile->proxy != NULL;
  easy->tls_proxy = profile->proxy != NULL && lcpp_is_same_to(profile->proxy, "https:", 6);
  curl_easy_setopt(easy->handle, CURLOPT_CONNECTTIMEOUT_MS, profile->connect_timeout_ms);
  return set_authorities(easy->handle, profile->ca_file);
}

static void free_easy(struct lcpp_easy *easy) {
  curl_easy_cleanup(easy->handle);
  lcpp_buffer_free(&easy->lines);
  free(easy);
}

/* An easy handle, set up; NULL if memory ran out. */
static struct lcpp_easy *new_easy(struct lcpp_pool *pool) {
  struct lcpp_easy *easy = calloc(1, sizeof *easy);
  if (easy == NULL) {
    return NULL;
  }
  easy->pool = pool;
  easy->handle = curl_easy_init();
  if (easy->handle == NULL || set_rules(easy->handle) != CURLE_OK ||
      set_profile(easy, pool->profile) != CURLE_OK ||
      curl_easy_setopt(easy->handle, CURLOPT_PROXY, pool->profile->proxy) != CURLE_OK) {
    free_easy(easy);
    return NULL;
  }
  curl_easy_setopt(easy->handle, CURLOPT_HTTPHEADER, easy->headers); /* chained for each request */
  lcpp_callbacks_attach(easy);
  return easy;
}

static struct lcpp_easy *take_easy(struct lcpp_pool *pool) {
  struct lcpp_easy *easy = pool->idle;
  if (easy == NULL) {
    easy = new_easy(pool);
  } else {
    pool->idle = easy->next;
    pool->idle_count--;
  }
  pool->busy_count += easy != NULL;
  return easy;
}

/* Keeps as many easy handles as are in use: if a thousand transfers run, hundreds may finish in one
 * step, and hundreds start after it. */
static void give_easy_back(struct lcpp_easy *easy) {
  struct lcpp_pool *pool = easy->pool;
  pool->busy_count--;
  if (easy->single_use ||
      (pool->idle_count >= IDLE_HANDLES && pool->idle_count >= pool->busy_count)) {
    free_easy(easy);
    return;
  }
  easy->next = pool->idle;
  pool->idle = easy;
  pool->idle_count++;
}

void lcpp_pool_free(struct lcpp_pool *pool) {
  while (pool->idle != NULL) {
    struct lcpp_easy *easy = pool->idle;
    pool->idle = easy->next;
    free_easy(easy);
  }
  lcpp_sockets_free(&pool->sockets);
}

/* Appends "name: value", terminated; returns the offset of its start. */
static size_t add_line(struct lcpp_buffer *lines, const char *name, const char *value) {
  size_t start = lines->length;
  lcpp_buffer_append(lines, name, strlen(name), LINES_CAPACITY);
  lcpp_buffer_append(lines, value, strlen(value) + 1, LINES_CAPACITY);
  return start;
}

bool lcpp_has_header(const char *lines, const char *line) {
  size_t length = strcspn(line, ":") + 1;
  for (; lines != NULL && *lines != '\0'; lines += strlen(lines) + 1) {
    if (lcpp_is_same_to(lines, line, length)) {
      return true;
    }
  }
  return false;
}

/* Appends further lines without those whose names `others` have. */
static void add_lines(struct lcpp_buffer *lines, const char *further, const char *others) {
  for (; further != NULL && *further != '\0'; further += strlen(further) + 1) {
    if (!lcpp_has_header(others, further)) {
      add_line(lines, "", further);
    }
  }
}

/* Chains the header lines. libcurl only reads the nodes, which are the easy handle's own. */
static bool chain_headers(struct lcpp_easy *easy, const struct lcpp_request_head *request,
                          const char *user_agent, size_t body_length) {
  char *lines[LCPP_HEADER_LINES];
  size_t count = 0;
  size_t agent = add_line(&easy->lines, "User-Agent: ", user_agent);
  size_t id = add_line(&easy->lines, "x-ms-client-request-id: ", request->client_request_id);
  size_t token = easy->lines.length;
  if (request->token != NULL) {
    add_line(&easy->lines, "Authorization: Bearer ", request->token);
  }
  size_t further = easy->lines.length;
  add_lines(&easy->lines, request->headers, NULL);
  add_lines(&easy->lines, request->client_headers, request->headers);
  if (request->identity_header != NULL) {
    add_line(&easy->lines, "X-IDENTITY-HEADER: ", request->identity_header);
  }
  if (easy->lines.status != LCPP_BUFFER_OK) {
    return false;
  }
  lines[count++] = accept_line;
  lines[count++] = encoding_line;
  lines[count++] = easy->lines.data + agent;
  lines[count++] = easy->lines.data + id;
  if (request->token != NULL) {
    lines[count++] = easy->lines.data + token;
  }
  if (request->post) {
    lines[count++] = request->form ? form_line : json_line;
    if (body_length > EXPECT_ABOVE) {
      lines[count++] = no_expect_line;
    }
  }
  if (request->metadata) {
    lines[count++] = metadata_line;
  }
  for (size_t at = further; at < easy->lines.length; at += strlen(easy->lines.data + at) + 1) {
    lines[count++] = easy->lines.data + at;
  }
  for (size_t i = 0; i < count; i++) {
    easy->headers[i].data = lines[i];
    easy->headers[i].next = i + 1 < count ? &easy->headers[i + 1] : NULL;
  }
  return true;
}

bool lcpp_transfer_describe(const struct lcpp_request_head *request, size_t body_length,
                            struct lcpp_buffer *lines) {
  struct lcpp_easy easy = {0};
  bool done = chain_headers(&easy, request, request->profile->user_agent, body_length);
  const struct curl_slist *line = done ? easy.headers : NULL;
  for (; line != NULL; line = line->next) {
    lcpp_buffer_append(lines, line->data, strlen(line->data), SIZE_MAX);
    lcpp_buffer_append(lines, "\n", 1, SIZE_MAX);
  }
  lcpp_buffer_free(&easy.lines);
  return done && lines->status == LCPP_BUFFER_OK;
}

/* CURLOPT_POSTFIELDS makes it a POST, and sends headers and body in one write. libcurl 8.14 learns
 * only later that all was sent: without KEEP_SENDING_ON_ERROR it closes the connection if the
 * status of an error comes first. For resends by libcurl see on_send in transfer_callbacks.c.
 * https://curl.se/libcurl/c/CURLOPT_POSTFIELDS.html
 * https://curl.se/libcurl/c/CURLOPT_KEEP_SENDING_ON_ERROR.html */
static void set_body(CURL *handle, const struct lcpp_buffer *body, bool post) {
  if (!post) {
    curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
    return;
  }
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->length);
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body->length != 0 ? body->data : "");
  curl_easy_setopt(handle, CURLOPT_KEEP_SENDING_ON_ERROR, body->length <= SENT_AT_ONCE ? 1L : 0L);
}

/* The state at the beginning of each attempt to send. */
static void reset(struct lcpp_transfer *transfer, bool fresh_connection, size_t max_bytes) {
  transfer->sent = false;
  transfer->stale = false;
  transfer->late = false;
  transfer->resend = false;
  transfer->fd = -1;
  transfer->connects = 0;
  transfer->looks = 0;

  transfer->easy->detail[0] = '\0';
  lcpp_response_begin(&transfer->response, max_bytes);
  curl_easy_setopt(transfer->easy->handle, CURLOPT_FRESH_CONNECT, fresh_connection ? 1L : 0L);
}

/* Sets what differs between requests. */
static CURLcode set_request(struct lcpp_easy *easy, const struct lcpp_request_head *request) {
  CURL *handle = easy->handle;
  struct lcpp_transfer *transfer = easy->transfer;
  const struct lcpp_profile *profile = easy->pool->profile;
  if (request->profile != NULL) {
    profile = request->profile;
    easy->single_use = true;
    CURLcode code = set_profile(easy, profile);
    if (code != CURLE_OK) {
      return code;
    }
  }
  if (easy->plain != request->origin->plain || request->profile != NULL) {
    /* Over plain http a proxy would see the token; plain http goes to loopback only. */
    SET(handle, CURLOPT_PROXY, request->origin->plain ? "" : profile->proxy);
    SET(handle, CURLOPT_NOPROXY, request->origin->plain ? "*" : NULL); /* NULL: the environment's */
    easy->plain = request->origin->plain;
  }
  if (easy->origin != request->origin) {
    /* The connection goes to the origin, whatever the location; its URL is parsed already. Before
     * 8.12, libcurl keeps the text of the first URL of a handle unless CURLOPT_URL is set as well.
     * https://github.com/curl/curl/issues/15984 */
    SET(handle, CURLOPT_CURLU, request->origin->url);
    SET(handle, CURLOPT_URL, request->origin->root);
    easy->origin = request->origin;
    easy->single_use = easy->single_use || request->own_origin;
  }
  SET(handle, CURLOPT_REQUEST_TARGET, lcpp_url_target(transfer->url));
  set_body(handle, &transfer->request_body, request->post);
  if (!chain_headers(easy, request, profile->user_agent, transfer->request_body.length)) {
    return CURLE_OUT_OF_MEMORY;
  }
  return CURLE_OK;
}

CURLcode lcpp_transfer_load(struct lcpp_transfer *transfer, struct lcpp_pool *pool,
                            const struct lcpp_request_head *request) {
  struct lcpp_easy *easy = take_easy(pool);
  if (easy == NULL) {
    return CURLE_OUT_OF_MEMORY;
  }
  easy->transfer = transfer;
  transfer->easy = easy;
  transfer->post = request->post;
  reset(transfer, false, request->max_response_bytes);
  CURLcode code = set_request(easy, request);
  if (code != CURLE_OK) {
    easy->single_use = true;
    lcpp_transfer_unload(transfer);
  }
  return code;
}

void lcpp_transfer_renew(struct lcpp_transfer *transfer) {
  reset(transfer, true, transfer->response.max_bytes);
}

void lcpp_transfer_end(struct lcpp_transfer *transfer, CURLcode code) {
  struct lcpp_outcome *outcome = &transfer->outcome;
  lcpp_outcome_read(outcome, &transfer->response, code, transfer->easy->detail, transfer->sent,
                    transfer->url);
  if (code == CURLE_ABORTED_BY_CALLBACK && (transfer->stale || transfer->resend)) {
    lcpp_outcome_set(outcome, LCPP_NETWORK,
                     transfer->resend ? "the connection ended before a response came"
                                      : "the server ended the connection before the request",
                     true);
  }
  if (code == CURLE_ABORTED_BY_CALLBACK && transfer->late) {
    lcpp_outcome_set(outcome, LCPP_TIMEOUT, curl_easy_strerror(CURLE_OPERATION_TIMEDOUT), true);
  }
}

void lcpp_transfer_unload(struct lcpp_transfer *transfer) {
  struct lcpp_easy *easy = transfer->easy;
  lcpp_buffer_clear(&easy->lines);
  lcpp_buffer_free(&transfer->request_body);
  easy->transfer = NULL;
  transfer->easy = NULL;
  give_easy_back(easy);
}

void lcpp_transfer_drop_response(struct lcpp_transfer *transfer) {
  lcpp_response_free(&transfer->response);
  lcpp_outcome_free(&transfer->outcome);
}

void lcpp_transfer_free(struct lcpp_transfer *transfer) {
  lcpp_buffer_free(&transfer->request_body);
  lcpp_transfer_drop_response(transfer);
  free(transfer->url);
  *transfer = (struct lcpp_transfer){.state = LCPP_DONE, .outcome.kind = LCPP_CLOSED};
}
