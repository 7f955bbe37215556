/* Raw libcurl, many calls at once: curl_multi_perform and curl_multi_poll. */
#include "common.h"

#include <stdlib.h>

/* Loads call number `index` into an idle handle and starts it. */
static void start(CURLM *multi, struct cancel *cancel, const struct settings *settings, long index) {
  cancel_load(cancel, settings, index);
  require(curl_multi_add_handle(multi, cancel->easy) == CURLM_OK, "cannot add a handle");
}

/* Reads what is done and starts further calls in its place. Returns how many were done. */
static long collect(CURLM *multi, const struct settings *settings, long *next, long count) {
  long done = 0;
  int left = 0;
  for (CURLMsg *message; (message = curl_multi_info_read(multi, &left)) != NULL;) {
    struct cancel *cancel = NULL;
    CURLcode code = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &cancel);
    cancel_read(cancel, code);
    curl_multi_remove_handle(multi, cancel->easy);
    done++;
    if (*next < count) {
      start(multi, cancel, settings, (*next)++);
    }
  }
  return done;
}

/* Returns when the clock started: after the warm-up, while all handles are busy. */
static struct moment run(CURLM *multi, struct cancel *cancels, const struct settings *settings) {
  long next = 0;
  long count = settings->warm_up + settings->count;
  bool warm = false;
  struct moment begin = now();
  while (next < settings->concurrency && next < count) {
    start(multi, &cancels[next], settings, next);
    next++;
  }
  for (long done = 0; done < count;) {
    int running = 0;
    if (!warm && done >= settings->warm_up) {
      warm = true;
      begin = now();
    }
    require(curl_multi_perform(multi, &running) == CURLM_OK, "curl_multi_perform failed");
    done += collect(multi, settings, &next, count);
    if (done < count) {
      require(curl_multi_poll(multi, NULL, 0, 1000, NULL) == CURLM_OK, "curl_multi_poll failed");
    }
  }
  return begin;
}

int main(int argc, char **argv) {
  struct settings settings = read_settings(argc, argv);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM *multi = curl_multi_init();
  struct cancel *cancels = calloc((size_t)settings.concurrency, sizeof *cancels);
  require(multi != NULL && cancels != NULL, "no memory");
  for (long i = 0; i < settings.concurrency; i++) {
    cancel_open(&cancels[i], &settings);
  }
  report(run(multi, cancels, &settings), settings.count);
  for (long i = 0; i < settings.concurrency; i++) {
    cancel_close(&cancels[i]);
  }
  curl_multi_cleanup(multi);
  free(cancels);
  return 0;
}
