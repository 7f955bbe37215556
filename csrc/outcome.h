/*
 * The outcome of a transfer: what libcurl's codes and the answer's headers mean for the caller.
 */
#ifndef LCPP_OUTCOME_H
#define LCPP_OUTCOME_H

#include "http.h"

/* Reads the outcome of a transfer that libcurl has finished with `code`, while its slot still
 * holds the answer: kind, message, status, sent, transient, location, ids. Never fails: where
 * memory runs out, that is the outcome. */
void lcpp_outcome_read(struct lcpp_transfer *transfer, CURLcode code);

/* Sets the transfer's kind and its message, made into one line without secrets. */
void lcpp_outcome_set(struct lcpp_transfer *transfer, enum lcpp_kind kind, const char *message);

/* The public name of a kind. Static: never freed. */
const char *lcpp_kind_name(enum lcpp_kind kind);

#endif
