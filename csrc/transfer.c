/* The life of a transfer: queued, running, finished, claimed, freed: see http.h. */
#include <limits.h>
#include <stdlib.h>

#include "clock.h"
#include "http_private.h"
#include "outcome.h"
#include "url.h"

/* What libcurl gets to end a transfer itself when its answer is whole. */
enum { GRACE_MS = 10 };

enum { IDLE_SLOTS = 64 }; /* easy handles kept for later; each takes about 6 KiB */

static void unlink_transfer(struct lcpp_transfer *transfer) {
  struct lcpp_http *http = transfer->http;
  *transfer->link = transfer->next;
  if (transfer->next != NULL) {
    transfer->next->link = transfer->link;
  } else if (http->finished_end == &transfer->next) {
    http->finished_end = transfer->link;
  } else if (http->queued_end == &transfer->next) {
    http->queued_end = transfer->link;
  }
  transfer->next = NULL;
  transfer->link = NULL;
}

static void link_running(struct lcpp_http *http, struct lcpp_transfer *transfer) {
  transfer->next = http->running;
  transfer->link = &http->running;
  if (http->running != NULL) {
    http->running->link = &transfer->next;
  }
  http->running = transfer;
}

static void link_queued(struct lcpp_http *http, struct lcpp_transfer *transfer) {
  transfer->next = NULL;
  transfer->link = http->queued_end;
  *http->queued_end = transfer;
  http->queued_end = &transfer->next;
}

static void link_finished(struct lcpp_http *http, struct lcpp_transfer *transfer) {
  transfer->next = NULL;
  transfer->link = http->finished_end;
  *http->finished_end = transfer;
  http->finished_end = &transfer->next;
  http->finished_count++;
}

void lcpp_transfer_run(struct lcpp_transfer *transfer) {
  unlink_transfer(transfer);
  link_running(transfer->http, transfer);
}

static struct lcpp_slot *take_slot(struct lcpp_http *http) {
  struct lcpp_slot *slot = http->idle;
  if (slot == NULL) {
    return lcpp_slot_new(http->poller, http->profile);
  }
  http->idle = slot->next;
  http->idle_count--;
  slot->next = NULL;
  return slot;
}

static void free_idle_slot(struct lcpp_http *http) {
  struct lcpp_slot *slot = http->idle;
  http->idle = slot->next;
  http->idle_count--;
  lcpp_slot_free(slot);
}

/* Keeps as many as are in use, too: where a thousand run, hundreds may finish in one step, and as
 * many be started after it. */
static void give_slot_back(struct lcpp_http *http, struct lcpp_slot *slot) {
  lcpp_slot_unload(slot);
  if (slot->single_use) {
    lcpp_slot_free(slot);
  } else {
    slot->next = http->idle;
    http->idle = slot;
    http->idle_count++;
  }
  while (http->idle_count > IDLE_SLOTS && http->idle_count > http->running_count) {
    free_idle_slot(http);
  }
}

/* The request's body is not needed any more, and may hold a secret. */
static void forget_request(struct lcpp_transfer *transfer) {
  lcpp_wipe(transfer->request_body.data, transfer->request_body.length);
  lcpp_buf_free(&transfer->request_body);
}

void lcpp_transfer_finish(struct lcpp_transfer *transfer) {
  struct lcpp_http *http = transfer->http;
  unlink_transfer(transfer);
  http->running_count--;
  /* Of a transfer that was still queued it says that there is nothing to remove. */
  curl_multi_remove_handle(http->multi, transfer->slot->easy);
  give_slot_back(http, transfer->slot);
  transfer->slot = NULL;
  forget_request(transfer);
  transfer->state = LCPP_DONE;
  link_finished(http, transfer);
}

static void set_deadline(struct lcpp_transfer *transfer, long long deadline) {
  transfer->deadline = deadline;
  if (deadline < transfer->http->deadline) {
    transfer->http->deadline = deadline;
  }
}

void lcpp_transfer_whole(struct lcpp_transfer *transfer) {
  set_deadline(transfer, lcpp_monotonic_ms() + GRACE_MS);
}

/* What every transfer begins with, whether it is sent or refused. */
static void begin(struct lcpp_http *http, struct lcpp_transfer *transfer,
                  const struct lcpp_plan *plan) {
  transfer->http = http;
  transfer->endpoint = plan->endpoint;
  transfer->url = plan->url;
  transfer->max_response_bytes = plan->max_response_bytes;
  transfer->retry_after = -1;
}

void lcpp_transfer_refuse(struct lcpp_http *http, struct lcpp_transfer *transfer,
                          const struct lcpp_plan *plan, enum lcpp_kind kind, const char *message) {
  begin(http, transfer, plan);
  lcpp_outcome_set(transfer, kind, message);
  transfer->state = LCPP_DONE;
  link_finished(http, transfer);
}

void lcpp_transfer_start(struct lcpp_http *http, struct lcpp_transfer *transfer,
                         const struct lcpp_plan *plan) {
  struct lcpp_slot *slot = take_slot(http);
  if (slot == NULL) {
    lcpp_transfer_refuse(http, transfer, plan, LCPP_NETWORK, "out of memory");
    return;
  }
  begin(http, transfer, plan);
  CURLcode code = lcpp_slot_load(slot, transfer, plan, http->profile);
  if (code != CURLE_OK) {
    slot->single_use = true; /* it is half loaded */
    give_slot_back(http, slot);
    forget_request(transfer);
    lcpp_outcome_set(transfer, LCPP_NETWORK, curl_easy_strerror(code));
    transfer->state = LCPP_DONE;
    link_finished(http, transfer);
    return;
  }
  transfer->slot = slot;
  transfer->state = LCPP_RUNNING;
  if (http->running_count == 0) {
    http->deadline = LLONG_MAX;
  }
  set_deadline(transfer, lcpp_monotonic_ms() + plan->timeout_ms);
  http->running_count++;
  link_queued(http, transfer);
}

void lcpp_transfer_abort(struct lcpp_transfer *transfer, enum lcpp_kind kind, const char *message) {
  if (transfer->state == LCPP_RUNNING) {
    /* What had left before counts: an aborted POST may have been processed. */
    lcpp_outcome_read(transfer, CURLE_ABORTED_BY_CALLBACK);
    lcpp_outcome_set(transfer, kind, message);
    transfer->transient = false;
    lcpp_transfer_finish(transfer);
  }
}

bool lcpp_transfer_locate(struct lcpp_transfer *transfer, const char *reference) {
  free(transfer->location);
  curl_free(transfer->operation_id);
  transfer->location = NULL;
  transfer->operation_id = NULL;
  enum lcpp_url_status status =
      transfer->url != NULL ? lcpp_url_resolve(transfer->url, reference, &transfer->location)
                            : LCPP_URL_INVALID;
  return status == LCPP_URL_OK ? lcpp_url_operation_id(transfer->location, &transfer->operation_id)
                               : status != LCPP_URL_MEMORY;
}

void lcpp_transfer_claim(struct lcpp_transfer *transfer) {
  if (transfer->state == LCPP_DONE && transfer->link != NULL) {
    unlink_transfer(transfer);
    transfer->http->finished_count--;
    transfer->http = NULL;
  }
}

void lcpp_transfer_drop_answer(struct lcpp_transfer *transfer) {
  lcpp_buf_free(&transfer->body);
  free(transfer->location);
  curl_free(transfer->operation_id);
  free(transfer->message_text);
  free(transfer->request_id);
  free(transfer->content_type);
  transfer->location = NULL;
  transfer->operation_id = NULL;
  transfer->message = NULL;
  transfer->message_text = NULL;
  transfer->request_id = NULL;
  transfer->content_type = NULL;
}

void lcpp_transfer_free(struct lcpp_transfer *transfer) {
  if (transfer->http != NULL && lcpp_http_is_ours(transfer->http)) {
    lcpp_transfer_abort(transfer, LCPP_STOPPED, "the request was dropped");
    lcpp_transfer_claim(transfer);
  } else if (transfer->http != NULL) {
    return; /* a forked child: what it points to is the parent's */
  }
  forget_request(transfer);
  lcpp_transfer_drop_answer(transfer);
  free(transfer->url);
  *transfer = (struct lcpp_transfer){.state = LCPP_DONE, .kind = LCPP_CLOSED};
}
