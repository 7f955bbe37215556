/* Raw libcurl, one call after another: curl_easy_perform on one handle, its connection kept. */
#include "common.h"

static void run(struct cancel *cancel, const struct settings *settings, long count) {
  for (long i = 0; i < count; i++) {
    cancel_load(cancel, settings, i);
    cancel_read(cancel, curl_easy_perform(cancel->easy));
  }
}

int main(int argc, char **argv) {
  struct settings settings = read_settings(argc, argv);
  struct cancel cancel;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  cancel_open(&cancel, &settings);
  run(&cancel, &settings, settings.warm_up);
  struct moment start = now();
  run(&cancel, &settings, settings.count);
  report(start, settings.count);
  cancel_close(&cancel);
  curl_global_cleanup();
  return 0;
}
