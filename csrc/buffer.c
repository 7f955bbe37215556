/* A growable byte buffer that wipes what it frees: see buffer.h. */
#include "buffer.h"

#include <stdlib.h>
#include <string.h>

enum { INITIAL_CAPACITY = 256 }; /* bytes: most URLs and header blocks of the service fit */

static void wipe(void *data, size_t length) {
  if (data != NULL) {
    memset(data, 0, length);
    /* The memory is freed next, so the compiler could drop the memset without this barrier. */
    __asm__ __volatile__("" : : "r"(data) : "memory");
  }
}

/* realloc would leave an unwiped copy behind when it moves the block. */
static enum lcpp_buffer_status grow(struct lcpp_buffer *buffer, size_t needed, size_t limit) {
  size_t capacity = buffer->capacity != 0 ? buffer->capacity : INITIAL_CAPACITY;
  while (capacity < needed) {
    capacity = capacity > limit / 2 ? limit : capacity * 2;
  }
  char *grown = malloc(capacity);
  if (grown == NULL) {
    return LCPP_BUFFER_MEMORY;
  }
  if (buffer->length != 0) { /* memcpy from NULL is undefined even for no bytes */
    memcpy(grown, buffer->data, buffer->length);
  }
  wipe(buffer->data, buffer->length);
  free(buffer->data);
  buffer->data = grown;
  buffer->capacity = capacity;
  return LCPP_BUFFER_OK;
}

enum lcpp_buffer_status lcpp_buffer_append(struct lcpp_buffer *buffer, const void *data,
                                           size_t length, size_t limit) {
  if (buffer->status != LCPP_BUFFER_OK) {
    return buffer->status;
  }
  if (length > limit || buffer->length > limit - length) {
    return buffer->status = LCPP_BUFFER_LIMIT;
  }
  size_t needed = buffer->length + length;
  if (needed > buffer->capacity) {
    buffer->status = grow(buffer, needed, limit);
  }
  if (buffer->status == LCPP_BUFFER_OK && length != 0) {
    memcpy(buffer->data + buffer->length, data, length);
    buffer->length = needed;
  }
  return buffer->status;
}

void lcpp_buffer_clear(struct lcpp_buffer *buffer) {
  wipe(buffer->data, buffer->length);
  buffer->length = 0;
  buffer->status = LCPP_BUFFER_OK;
}

void lcpp_buffer_free(struct lcpp_buffer *buffer) {
  wipe(buffer->data, buffer->length);
  free(buffer->data);
  *buffer = (struct lcpp_buffer){0};
}
