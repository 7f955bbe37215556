/* A growable byte buffer that never grows past its limit: see buf.h. */
#include "buf.h"

#include <stdlib.h>
#include <string.h>

enum { INITIAL_CAPACITY = 128 }; /* bytes: a URL of the service takes about 100 */

enum lcpp_buf_status lcpp_buf_append(struct lcpp_buf *buf, const void *data, size_t length,
                                     size_t limit) {
  if (buf->status != LCPP_BUF_OK) {
    return buf->status;
  }
  if (length > limit || buf->length > limit - length) {
    return buf->status = LCPP_BUF_LIMIT;
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
      return buf->status = LCPP_BUF_MEMORY;
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
  if (data != NULL) {
    memset(data, 0, length);
    /* What is freed next is never read again, so without this the compiler may drop the memset. */
    __asm__ __volatile__("" : : "r"(data) : "memory");
  }
}
