/*
 * The poller: how a client waits for its sockets and timers.
 *
 * Two implementations, chosen when the module is built:
 * - poller_epoll.c drives curl_multi_socket_action and keeps all sockets in one epoll descriptor,
 *   so a host's event loop watches one descriptor and the cost grows with activity, not with the
 *   number of transfers. https://curl.se/libcurl/c/curl_multi_socket_action.html
 * - poller_poll.c uses curl_multi_poll, where there is no epoll; it has no descriptor to watch.
 *   https://curl.se/libcurl/c/curl_multi_poll.html
 */
#ifndef LCPP_POLLER_H
#define LCPP_POLLER_H

#include <curl/curl.h>
#include <stdbool.h>

struct lcpp_poller;

/* A poller for `multi`, or NULL when memory or descriptors ran out. */
struct lcpp_poller *lcpp_poller_new(CURLM *multi);

/* Takes the poller's callbacks out of `multi`: to be called before curl_multi_cleanup, which
 * would otherwise call back into it. */
void lcpp_poller_detach(struct lcpp_poller *poller);

/* Goes over from its multi handle, which is about to be cleaned up, to another one; the descriptor
 * stays. */
void lcpp_poller_move(struct lcpp_poller *poller, CURLM *multi);

/* Frees the poller; NULL is fine. To be called after curl_multi_cleanup: closing the connections
 * still uses it. */
void lcpp_poller_free(struct lcpp_poller *poller);

/* Sets the socket functions of an easy handle. */
void lcpp_poller_prepare(struct lcpp_poller *poller, CURL *easy);

/* What a step may take that does not wait, so that a host that serves others keeps its pace: what
 * is left then, the next step does. At least one thing is done in any step. Whoever lets a step
 * wait has nothing else to do, and serving all that is ready at once costs less. */
enum { LCPP_STEP_MICROSECONDS = 500, LCPP_WAITING_STEP_MICROSECONDS = 5000 };

/* Sees to it that libcurl takes no kept connection for alive that its server has ended. To be
 * called before transfers are added. */
void lcpp_poller_sweep(struct lcpp_poller *poller);

/* Runs timers that have expired, such as that of a transfer that was just added. */
CURLMcode lcpp_poller_run_timer(struct lcpp_poller *poller);

/* 11 days: what waits for longer comes back in between. An int holds it. */
enum { LCPP_LONGEST_WAIT_MS = 1000000000 };

/* Runs what is due: expired timers, then sockets that are ready. Waits for them at most
 * `wait_ms` milliseconds (0, not at all, to LCPP_LONGEST_WAIT_MS), not at all once `finished` says
 * so or a signal came. `until_us` is when it has had its time, in lcpp_monotonic_us; what is
 * waited comes on top. Anything but CURLM_OK means that transfers may hang. */
CURLMcode lcpp_poller_step(struct lcpp_poller *poller, long wait_ms, long long until_us,
                           bool (*finished)(void *), void *argument);

/* The descriptor for a host loop to watch for reading, or -1. */
int lcpp_poller_descriptor(const struct lcpp_poller *poller);

/* Milliseconds until the next timer of libcurl, 0 when it is due, -1 when there is none. */
long lcpp_poller_timeout(const struct lcpp_poller *poller);

#endif
