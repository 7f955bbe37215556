/* Raw libcurl, one failed call after another: as easy.c, but each response is a 403 with a body, which is kept. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

struct body {
  char *data;
  size_t length;
  size_t capacity;
};

static size_t keep(char *data, size_t size, size_t count, void *argument) {
  struct body *body = argument;
  size_t length = size * count;
  if (body->length + length > body->capacity) {
    body->capacity = 2 * (body->length + length);
    body->data = realloc(body->data, body->capacity);
    require(body->data != NULL, "no memory");
  }
  memcpy(body->data + body->length, data, length);
  body->length += length;
  return length;
}

static void run(struct cancel *cancel, struct body *body, const struct settings *settings, long count) {
  for (long i = 0; i < count; i++) {
    body->length = 0;
    cancel_load(cancel, settings, i);
    require(curl_easy_perform(cancel->easy) == CURLE_OK, "the transfer failed");
    curl_easy_getinfo(cancel->easy, CURLINFO_RESPONSE_CODE, &cancel->status);
    require(cancel->status == 403 && body->length > 0, "the response is not 403 with a body");
  }
}

int main(int argc, char **argv) {
  struct settings settings = read_settings(argc, argv);
  struct cancel cancel;
  struct body body = {0};
  curl_global_init(CURL_GLOBAL_DEFAULT);
  cancel_open(&cancel, &settings);
  curl_easy_setopt(cancel.easy, CURLOPT_WRITEFUNCTION, keep);
  curl_easy_setopt(cancel.easy, CURLOPT_WRITEDATA, &body);
  run(&cancel, &body, &settings, settings.warm_up);
  struct moment start = now();
  run(&cancel, &body, &settings, settings.count);
  report(start, settings.count);
  cancel_close(&cancel);
  free(body.data);
  curl_global_cleanup();
  return 0;
}
