/* A growable byte buffer that never grows past its limit: see buf.h. */
#include "buf.h"

#include <stdlib.h>
#include <string.h>

enum { INITIAL_CAPACITY = 512 };

enum lcpp_buf_status lcpp_buf_append(struct lcpp_buf *buf, const void *data, size_t length,
                                     size_t limit) {
  if (length > limit || buf->length > limit - length) {
    return LCPP_BUF_LIMIT;
  }
  size_t needed = buf->length + length;
  if (needed > buf->capacity) {
    size_t capacity = buf->capacity != 0 ? buf->capacity : INITIAL_CAPACITY;
    while (capacity < needed) {
      /* Doubling past the limit would only reserve what can never be used. */
      capacity = capacity > limit / 2 ? limit : capacity * 2;
    }
    char *grown = realloc(buf->data, capacity);
    if (grown == NULL) {
      return LCPP_BUF_MEMORY;
    }
    buf->data = grown;
    buf->capacity = capacity;
  }
  if (length != 0) { /* memcpy from a NULL pointer is undefined even for no bytes */
    memcpy(buf->data + buf->length, data, length);
    buf->length = needed;
  }
  return LCPP_BUF_OK;
}

void lcpp_buf_free(struct lcpp_buf *buf) {
  free(buf->data);
  *buf = (struct lcpp_buf){0};
}

void lcpp_wipe(void *data, size_t length) {
  /* A volatile store is not optimised away, unlike a memset before free. */
  volatile unsigned char *byte = data;
  while (length-- > 0) {
    *byte++ = 0;
  }
}
