/*
 * A growable byte buffer that never grows past its limit.
 *
 * It holds what comes from the network until libcurl has returned, so it uses malloc, never a
 * Lua allocator: a callback of libcurl must not be able to raise a Lua error.
 */
#ifndef LCPP_BUF_H
#define LCPP_BUF_H

#include <stddef.h>

enum lcpp_buf_status {
  LCPP_BUF_OK,
  LCPP_BUF_LIMIT, /* the limit would be passed */
  LCPP_BUF_MEMORY /* malloc failed */
};

struct lcpp_buf {
  char *data; /* owned; not terminated by a NUL */
  size_t length;
  size_t capacity;
  enum lcpp_buf_status status; /* of the appends so far: of several, only the last is asked */
};

/* Appends `length` bytes as long as the buffer stays within `limit` bytes; nothing once an append
 * has failed. Returns the buffer's status. */
enum lcpp_buf_status lcpp_buf_append(struct lcpp_buf *buf, const void *data, size_t length,
                                     size_t limit);

/* Frees the storage. A buffer of all zeros, or one freed before, is fine. */
void lcpp_buf_free(struct lcpp_buf *buf);

/* Overwrites a secret before its memory goes back to the allocator; NULL is fine. */
void lcpp_wipe(void *data, size_t length);

#endif
