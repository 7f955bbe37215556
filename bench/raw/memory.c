/* Raw libcurl: resident memory of a request in flight. COUNT requests are sent to a server that never
 * responds; WARM_UP and CONCURRENCY are not used. */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Bytes of this process that are in memory (Linux). */
static double resident(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  require(file != NULL && fscanf(file, "%*s %ld", &pages) == 1, "no /proc/self/statm");
  fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void start(CURLM *multi, struct cancel *cancel, const struct settings *settings, long index) {
  cancel_open(cancel, settings);
  cancel_load(cancel, settings, index);
  require(curl_multi_add_handle(multi, cancel->easy) == CURLM_OK, "cannot add a handle");
}

static void run(CURLM *multi, double seconds) {
  for (double end = wall_now() + seconds; wall_now() < end;) {
    int running = 0;
    require(curl_multi_perform(multi, &running) == CURLM_OK, "curl_multi_perform failed");
    curl_multi_poll(multi, NULL, 0, 100, NULL);
  }
}

int main(int argc, char **argv) {
  struct settings settings = read_settings(argc, argv);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM *multi = curl_multi_init();
  struct cancel *cancels = calloc((size_t)settings.count + 1, sizeof *cancels);
  require(multi != NULL && cancels != NULL, "no memory");
  start(multi, &cancels[0], &settings, 0); /* what the first one loads belongs to none */
  run(multi, 0.5);
  double before = resident();
  for (long i = 1; i <= settings.count; i++) {
    start(multi, &cancels[i], &settings, i);
  }
  run(multi, 2);
  printf("bytes=%.0f\n", (resident() - before) / (double)settings.count);
  return 0; /* the system takes everything back */
}
