/*
 * A growable byte buffer that never grows past its limit and wipes what it frees.
 *
 *   struct lcpp_buffer text = {0};
 *   lcpp_buffer_append(&text, "abc", 3, LIMIT);
 *   if (text.status == LCPP_BUFFER_OK) use(text.data, text.length);
 *   lcpp_buffer_free(&text);
 *
 * Tokens, secrets and addresses pass through these buffers, so no byte of one is left in freed
 * memory. The storage is malloc's: a callback of libcurl must not be able to raise a Lua error.
 */
#ifndef LCPP_BUFFER_H
#define LCPP_BUFFER_H

#include <stddef.h>

enum lcpp_buffer_status {
  LCPP_BUFFER_OK,
  LCPP_BUFFER_LIMIT, /* an append would have passed the limit */
  LCPP_BUFFER_MEMORY /* malloc failed */
};

struct lcpp_buffer {
  char *data; /* owned; not terminated by a NUL */
  size_t length;
  size_t capacity;
  enum lcpp_buffer_status status; /* of all appends so far: checking it after the last is enough */
};

/* Appends `length` bytes if the buffer stays within `limit` bytes. Does nothing once an append has
 * failed. Returns the buffer's status. */
enum lcpp_buffer_status lcpp_buffer_append(struct lcpp_buffer *buffer, const void *data,
                                           size_t length, size_t limit);

/* Empties the buffer and wipes what it held. The storage is kept. */
void lcpp_buffer_clear(struct lcpp_buffer *buffer);

/* Wipes and frees the storage. A buffer of all zeros is valid, also after this call. */
void lcpp_buffer_free(struct lcpp_buffer *buffer);

#endif
