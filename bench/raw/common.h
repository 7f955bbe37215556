/*
 * What the raw libcurl programs share: the cancel request that each of them sends, and the clock.
 *
 * This is the yardstick for the module, so it does what a careful C program would do and no more:
 * the same method, headers, body, verification and limits, a new request id for every call, URL and
 * body made for every call, status and place to poll read from every response. It does not parse JSON:
 * the responses here have no body.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <curl/curl.h>
#include <stdbool.h>

struct settings {
  const char *base_url;
  const char *ca_file; /* NULL: plain http, or the system's trust */
  const char *authorization; /* the header line: the token does not change */
  long warm_up;        /* calls before the clock starts: they open the connections */
  long count;          /* calls that are measured */
  long concurrency;    /* for the multi programs */
};

/* One easy handle, used for one cancel after another. */
struct cancel {
  CURL *easy;
  struct curl_slist *headers;
  char *location; /* of the last response; free */
  long status;    /* of the last response */
};

/* program BASE_URL TOKEN WARM_UP COUNT CONCURRENCY [CA_FILE]; ends the process when it is wrong. */
struct settings read_settings(int argc, char **argv);

/* Ends the process with a message unless `condition` holds: no figure comes from a failed call. */
void require(bool condition, const char *message);

/* Sets up what no call changes. */
void cancel_open(struct cancel *cancel, const struct settings *settings);
void cancel_close(struct cancel *cancel);

/* Sets up call number `index`, and reads its response when libcurl is done with it. */
void cancel_load(struct cancel *cancel, const struct settings *settings, long index);
void cancel_read(struct cancel *cancel, CURLcode code);

/* The clock: CPU of the process (user and system) and time on the wall, in seconds. */
struct moment {
  double cpu;
  double wall;
};
struct moment now(void);
double wall_now(void);

/* Prints what each of `count` calls took since `start`, as the driver reads it. */
void report(struct moment start, long count);

#endif
