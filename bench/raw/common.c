/* The cancel request of the raw libcurl programs, and the clock: see common.h. */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 8192 }; /* a real token has one or two thousand bytes */

void require(bool condition, const char *message) {
  if (!condition) {
    fprintf(stderr, "raw libcurl: %s\n", message);
    exit(1);
  }
}

struct settings read_settings(int argc, char **argv) {
  require(argc == 6 || argc == 7, "usage: BASE_URL TOKEN WARM_UP COUNT CONCURRENCY [CA_FILE]");
  static char authorization[LINE];
  int length = snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", argv[2]);
  require(length > 0 && length < LINE, "the token is too long");
  return (struct settings){
      .base_url = argv[1],
      .authorization = authorization,
      .warm_up = strtol(argv[3], NULL, 10),
      .count = strtol(argv[4], NULL, 10),
      .concurrency = strtol(argv[5], NULL, 10),
      .ca_file = argc == 7 ? argv[6] : NULL,
  };
}

/* A random UUID (version 4). The random bytes are bought in bulk, as a careful program would. */
static void write_uuid(char *text, size_t size) {
  static unsigned char pool[256];
  static size_t left;
  if (left == 0) {
    require(getentropy(pool, sizeof pool) == 0, "no random bytes");
    left = sizeof pool;
  }
  left -= 16;
  unsigned char *b = pool + left;
  b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
  b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
  snprintf(text, size, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
           b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
           b[15]);
}

/* There is no body in the responses; what came would be thrown away. */
static size_t discard(char *data, size_t size, size_t count, void *argument) {
  (void)data;
  (void)argument;
  return size * count;
}

void cancel_open(struct cancel *cancel, const struct settings *settings) {
  CURL *easy = curl_easy_init();
  require(easy != NULL, "no memory");
  *cancel = (struct cancel){.easy = easy};
  curl_easy_setopt(easy, CURLOPT_PRIVATE, cancel);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (settings->ca_file != NULL) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
  }
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "bench");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 300000L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 30000L);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
}

void cancel_close(struct cancel *cancel) {
  curl_easy_cleanup(cancel->easy);
  curl_slist_free_all(cancel->headers);
  free(cancel->location);
}

static struct curl_slist *append(struct curl_slist *list, const char *line) {
  struct curl_slist *longer = curl_slist_append(list, line);
  require(longer != NULL, "no memory");
  return longer;
}

void cancel_load(struct cancel *cancel, const struct settings *settings, long index) {
  char text[LINE];
  char uuid[37];
  char offer[32];
  snprintf(offer, sizeof offer, "contoso-vm-%ld", index);
  char *publisher_segment = curl_easy_escape(NULL, "contoso", 0);
  char *offer_segment = curl_easy_escape(NULL, offer, 0);
  require(publisher_segment != NULL && offer_segment != NULL, "no memory");
  snprintf(text, sizeof text, "%s/api/publishers/%s/offers/%s/cancel?api-version=2017-10-31",
           settings->base_url, publisher_segment, offer_segment);
  curl_free(publisher_segment);
  curl_free(offer_segment);
  curl_easy_setopt(cancel->easy, CURLOPT_URL, text);
  curl_slist_free_all(cancel->headers);
  cancel->headers = append(NULL, "Accept: application/json");
  write_uuid(uuid, sizeof uuid);
  snprintf(text, sizeof text, "x-ms-client-request-id: %s", uuid);
  cancel->headers = append(cancel->headers, text);
  cancel->headers = append(cancel->headers, settings->authorization);
  cancel->headers = append(cancel->headers, "Content-Type: application/json");
  curl_easy_setopt(cancel->easy, CURLOPT_HTTPHEADER, cancel->headers);
  snprintf(text, sizeof text, "{\"metadata\":{\"notification-emails\":\"%s\"}}",
           "jondoe@contoso.com");
  curl_easy_setopt(cancel->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(text));
  curl_easy_setopt(cancel->easy, CURLOPT_COPYPOSTFIELDS, text);
}

void cancel_read(struct cancel *cancel, CURLcode code) {
  struct curl_header *header = NULL;
  require(code == CURLE_OK, curl_easy_strerror(code));
  curl_easy_getinfo(cancel->easy, CURLINFO_RESPONSE_CODE, &cancel->status);
  free(cancel->location);
  cancel->location = NULL;
  if (curl_easy_header(cancel->easy, "Operation-Location", 0, CURLH_HEADER, -1, &header) ==
          CURLHE_OK ||
      curl_easy_header(cancel->easy, "Location", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
    cancel->location = strdup(header->value);
  }
  require(cancel->status == 202 && cancel->location != NULL, "the answer is not 202 with a location");
}

double wall_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

struct moment now(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (struct moment){
      .cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
             (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
      .wall = wall_now(),
  };
}

void report(struct moment start, long count) {
  struct moment end = now();
  printf("cpu_us=%.3f wall_us=%.3f\n", (end.cpu - start.cpu) * 1e6 / (double)count,
         (end.wall - start.wall) * 1e6 / (double)count);
}
