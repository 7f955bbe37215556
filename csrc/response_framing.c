/*
 * Where a response ends: the header lines and the chunks, read strictly (RFC 9112, sections 4 to
 * 7).
 *
 * libcurl accepts much that is not HTTP, and its versions differ. Two parsers that disagree about
 * the end of a response disagree about which request the next one belongs to. So everything
 * ambiguous is refused here, whether or not libcurl accepts it.
 */
#include <limits.h>
#include <string.h>

#include "characters.h"
#include "response.h"

static const struct {
  const char *name; /* in lower case */
  size_t length;
} kept[LCPP_FIELD_COUNT] = {
    [LCPP_OPERATION_LOCATION] = {"operation-location", 18},
    [LCPP_LOCATION] = {"location", 8},
    [LCPP_RETRY_AFTER] = {"retry-after", 11},
    [LCPP_CORRELATION_REQUEST_ID] = {"x-ms-correlation-request-id", 27},
    [LCPP_REQUEST_ID] = {"x-ms-request-id", 15},
    [LCPP_CONTENT_TYPE] = {"content-type", 12},
    [LCPP_CONTENT_ENCODING] = {"content-encoding", 16},
    [LCPP_DATE] = {"date", 4},
};

void lcpp_response_free(struct lcpp_response *response) {
  lcpp_buffer_free(&response->fields);
  lcpp_buffer_free(&response->body);
  memset(response->field_at, 0, sizeof response->field_at);
}

void lcpp_response_begin(struct lcpp_response *response, size_t max_bytes) {
  lcpp_response_free(response);
  *response = (struct lcpp_response){.max_bytes = max_bytes, .content_length = -1};
}

void lcpp_response_refuse(struct lcpp_response *response, enum lcpp_refusal refusal,
                          const char *reason) {
  if (response->refusal == LCPP_ACCEPTED) {
    response->refusal = refusal;
    response->reason = reason;
  }
}

static void refuse(struct lcpp_response *response, const char *reason) {
  lcpp_response_refuse(response, LCPP_REFUSED_FRAMING, reason);
}

/* status-line = HTTP-version SP 3DIGIT [ SP reason ]. The space before an absent reason is often
 * absent, too. */
static void read_status_line(struct lcpp_response *response, const char *line, size_t length) {
  bool version = length >= 12 && memcmp(line, "HTTP/1.", 7) == 0 &&
                 (line[7] == '0' || line[7] == '1') && line[8] == ' ';
  bool status = version && line[9] >= '1' && line[9] <= '5' && lcpp_is_digit(line[10]) &&
                lcpp_is_digit(line[11]) && (length == 12 || line[12] == ' ');
  if (!status) {
    refuse(response, "the response does not begin with a status line of HTTP/1.1");
    return;
  }
  response->http10 = line[7] == '0';
  response->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + line[11] - '0';
  response->chunked = false;
  response->content_length = -1;
  lcpp_buffer_clear(&response->fields); /* those of an interim response */
  memset(response->field_at, 0, sizeof response->field_at);
  response->stage = LCPP_FIRST_FIELD;
  if (response->status == 101) {
    refuse(response, "the response switches protocols, which was not requested");
  }
}

/* Content-Length = 1*DIGIT; the same value may be repeated in a further line. */
static void read_content_length(struct lcpp_response *response, const char *value, size_t length) {
  long long number = length > 0 ? 0 : -1;
  for (size_t i = 0; i < length && number >= 0; i++) {
    int digit = value[i] - '0';
    bool fits = lcpp_is_digit(value[i]) && number <= (LLONG_MAX - digit) / 10;
    number = fits ? number * 10 + digit : -1;
  }
  if (number < 0) {
    refuse(response, "the response's Content-Length is not a number of bytes");
  } else if (response->content_length >= 0 && response->content_length != number) {
    refuse(response, "the response has two different Content-Lengths");
  }
  response->content_length = number;
}

static void read_transfer_encoding(struct lcpp_response *response, const char *value,
                                   size_t length) {
  if (response->chunked || length != 7 || !lcpp_is_same_to(value, "chunked", 7)) {
    refuse(response, "the response has a Transfer-Encoding other than chunked");
  } else if (response->http10) {
    refuse(response, "the response has a Transfer-Encoding in HTTP/1.0");
  }
  response->chunked = true;
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/* Whether Connection names "close" among its options (RFC 9110, section 7.6.1). libcurl 8.14 misses
 * it if there is a blank before a comma. */
static bool names_close(const char *value, size_t length) {
  for (size_t start = 0, end; start < length; start = end + 1) {
    for (end = start; end < length && value[end] != ','; end++) {
    }
    size_t last = end;
    while (start < last && is_blank(value[start])) {
      start++;
    }
    while (last > start && is_blank(value[last - 1])) {
      last--;
    }
    if (last - start == 5 && lcpp_is_same_to(value + start, "close", 5)) {
      return true;
    }
  }
  return false;
}

/* Whether a line has that field name, given in lower case. */
static bool is_field(const char *line, size_t name_length, const char *name, size_t length) {
  bool same = name_length == length;
  for (size_t i = 0; i < length && same; i++) {
    same = lcpp_lower(line[i]) == name[i];
  }
  return same;
}

/* Appends a value to the kept ones; a NUL replaces the byte after it, which is of its line. */
static void keep_value(struct lcpp_response *response, const char *value, size_t length) {
  struct lcpp_buffer *fields = &response->fields;
  if (lcpp_buffer_append(fields, value, length + 1, LCPP_HEADER_LIMIT) != LCPP_BUFFER_OK) {
    lcpp_response_refuse(response, LCPP_REFUSED_MEMORY, "out of memory");
    return;
  }
  fields->data[fields->length - 1] = '\0';
}

static void read_field(struct lcpp_response *response, const char *line, size_t name_length,
                       const char *value, size_t length) {
  response->may_fold = true;
  response->folds_into_kept = false;
  if (is_field(line, name_length, "content-length", 14)) {
    read_content_length(response, value, length);
    response->may_fold = false;
  } else if (is_field(line, name_length, "transfer-encoding", 17)) {
    read_transfer_encoding(response, value, length);
    response->may_fold = false;
  } else if (is_field(line, name_length, "connection", 10)) {
    response->closes = response->closes || names_close(value, length);
  }
  for (int i = 0; i < LCPP_FIELD_COUNT; i++) {
    if (response->field_at[i] == 0 && is_field(line, name_length, kept[i].name, kept[i].length)) {
      response->field_at[i] = response->fields.length + 1;
      response->folds_into_kept = true;
      keep_value(response, value, length);
    }
  }
}

/* The end of a header section. */
static void read_end(struct lcpp_response *response) {
  bool interim = response->status < 200;
  bool bodyless = interim || response->status == 204;
  if (response->chunked && response->content_length >= 0) {
    refuse(response, "the response has both Content-Length and Transfer-Encoding");
  } else if (bodyless && (response->chunked || response->content_length > (interim ? -1 : 0))) {
    refuse(response, "the response has a body that its status does not allow");
  }
  /* No request asks for these, so their server may be wrong about their end, too: it may send a
   * body after a 304. */
  response->closes = response->closes || (response->status > 204 && response->status < 400);
  response->stage = interim ? LCPP_STATUS_LINE : LCPP_BODY;
}

/* NUL, or CR within the line: some parsers end a line there (RFC 9110, section 5.5). */
static bool has_line_end(const char *line, size_t length) {
  return memchr(line, '\0', length) != NULL || memchr(line, '\r', length) != NULL;
}

/* The length of the field name that a line begins with. */
static size_t name_length(const char *line, size_t length) {
  size_t at = 0;
  while (at < length && lcpp_is_of(line[at], LCPP_FIELD_NAME)) {
    at++;
  }
  return at;
}

/* A line of the header section that is not empty: field-name ":" value, or a folded line. */
static void read_line(struct lcpp_response *response, const char *line, size_t length) {
  bool folded = is_blank(line[0]);
  size_t at = folded ? 0 : name_length(line, length);
  if (folded ? response->stage == LCPP_FIRST_FIELD || !response->may_fold
             : at == 0 || at == length || line[at] != ':') {
    refuse(response, "a header of the response is malformed");
    return;
  }
  response->stage = LCPP_FIELDS;
  size_t start = folded ? 0 : at + 1;
  while (start < length && is_blank(line[start])) {
    start++;
  }
  while (length > start && is_blank(line[length - 1])) {
    length--;
  }
  if (!folded) {
    read_field(response, line, at, line + start, length - start);
    return;
  }
  response->closes = true; /* it may belong to Connection, of which libcurl reads the first line */
  if (response->folds_into_kept) {
    response->fields.data[response->fields.length - 1] = ' ';
    keep_value(response, line + start, length - start);
  }
}

bool lcpp_response_preview(struct lcpp_response *response, const char *piece, size_t length) {
  bool begins = !response->within_line;
  response->within_line = piece[length - 1] != '\n';
  if (begins && response->stage == LCPP_FIRST_FIELD && is_blank(piece[0])) {
    refuse(response, "a header of the response is malformed");
  }
  return response->refusal == LCPP_ACCEPTED;
}

bool lcpp_response_header(struct lcpp_response *response, const char *line, size_t length) {
  response->header_bytes += length;
  if (response->header_bytes > LCPP_HEADER_LIMIT || ++response->header_lines > LCPP_LINE_LIMIT) {
    lcpp_response_refuse(response, LCPP_REFUSED_TOO_LARGE, "the response's headers are too large");
  }
  bool whole = length > 0 && line[length - 1] == '\n';
  length -= whole;
  length -= length > 0 && line[length - 1] == '\r';
  if (has_line_end(line, length)) {
    refuse(response, "a header of the response holds NUL or CR");
  }
  if (!whole || response->refusal != LCPP_ACCEPTED || response->stage == LCPP_BODY) {
    /* libcurl 8.23 passes on a line that the connection cut. A line after the header section is a
     * trailer, which the body holds as well. */
  } else if (response->stage == LCPP_STATUS_LINE) {
    read_status_line(response, line, length);
  } else if (length == 0) {
    read_end(response);
  } else {
    read_line(response, line, length);
  }
  return response->refusal == LCPP_ACCEPTED;
}

/* The state after the byte that follows a chunk's size. */
static enum lcpp_chunk after_chunk_size(char c) {
  switch (c) {
    case '\r':
      return LCPP_CHUNK_SIZE_LF;
    case ';':
      return LCPP_CHUNK_EXTENSION;
    default:
      return is_blank(c) ? LCPP_CHUNK_BLANK : LCPP_CHUNK_END;
  }
}

/* The state after a byte of a chunk's size. */
static enum lcpp_chunk read_chunk_size(struct lcpp_response *response, char c) {
  enum { DIGITS = 15 }; /* a longer size is beyond any limit */
  int value = lcpp_hex_value(c);
  if (value < 0) {
    return response->chunk_digits > 0 ? after_chunk_size(c) : LCPP_CHUNK_END;
  }
  response->chunk_left = response->chunk_left * 16 + (size_t)value;
  response->chunk_digits = response->chunk_left == 0 ? 1 : response->chunk_digits + 1;
  return response->chunk_digits <= DIGITS ? LCPP_CHUNK_SIZE : LCPP_CHUNK_END;
}

/* The state after a byte of text that ends with CR LF. */
static enum lcpp_chunk read_chunk_text(enum lcpp_chunk text, enum lcpp_chunk line_end, char c) {
  return c == '\r' ? line_end : c == '\0' || c == '\n' ? LCPP_CHUNK_END : text;
}

/* The state after the first byte of a line of the trailer section, whose fields are checked like
 * those of the header section, and not kept. */
static enum lcpp_chunk read_trailer(struct lcpp_response *response, char c) {
  bool folded = is_blank(c) && response->has_trailer;
  response->has_trailer = true;
  if (c == '\r') {
    return LCPP_CHUNK_LAST_LF;
  }
  if (++response->header_lines > LCPP_LINE_LIMIT) {
    lcpp_response_refuse(response, LCPP_REFUSED_TOO_LARGE, "the response's chunks are too large");
  }
  return lcpp_is_of(c, LCPP_FIELD_NAME) ? LCPP_CHUNK_TRAILER_NAME
         : folded                       ? LCPP_CHUNK_TRAILER_VALUE
                                        : LCPP_CHUNK_END;
}

/* The state after a byte that is not data (RFC 9112, section 7.1); LCPP_CHUNK_END if it is not
 * allowed. Lines end with CR LF; libcurl also accepts a bare LF, which other parsers do not. */
static enum lcpp_chunk next_chunk_state(struct lcpp_response *response, char c) {
  bool lf = c == '\n';
  switch (response->chunk) {
    case LCPP_CHUNK_SIZE:
      return read_chunk_size(response, c);
    case LCPP_CHUNK_BLANK:
      return after_chunk_size(c);
    case LCPP_CHUNK_EXTENSION:
      return read_chunk_text(LCPP_CHUNK_EXTENSION, LCPP_CHUNK_SIZE_LF, c);
    case LCPP_CHUNK_SIZE_LF:
      return !lf                         ? LCPP_CHUNK_END
             : response->chunk_left == 0 ? LCPP_CHUNK_TRAILER
                                         : LCPP_CHUNK_DATA;
    case LCPP_CHUNK_DATA_CR:
      return c == '\r' ? LCPP_CHUNK_DATA_LF : LCPP_CHUNK_END;
    case LCPP_CHUNK_DATA_LF:
      response->chunk_digits = 0;
      return lf ? LCPP_CHUNK_SIZE : LCPP_CHUNK_END;
    case LCPP_CHUNK_TRAILER:
      return read_trailer(response, c);
    case LCPP_CHUNK_TRAILER_NAME:
      return lcpp_is_of(c, LCPP_FIELD_NAME) ? LCPP_CHUNK_TRAILER_NAME
             : c == ':'                     ? LCPP_CHUNK_TRAILER_VALUE
                                            : LCPP_CHUNK_END;
    case LCPP_CHUNK_TRAILER_VALUE:
      return read_chunk_text(LCPP_CHUNK_TRAILER_VALUE, LCPP_CHUNK_TRAILER_LF, c);
    case LCPP_CHUNK_TRAILER_LF:
      return lf ? LCPP_CHUNK_TRAILER : LCPP_CHUNK_END;
    default:
      return LCPP_CHUNK_END;
  }
}

static void read_chunk_byte(struct lcpp_response *response, char c) {
  bool last = response->chunk == LCPP_CHUNK_LAST_LF && c == '\n';
  response->chunk = next_chunk_state(response, c);
  if (response->chunk == LCPP_CHUNK_END && !last) {
    refuse(response, "the response's chunks are malformed");
  } else if (++response->header_bytes > LCPP_HEADER_LIMIT) {
    lcpp_response_refuse(response, LCPP_REFUSED_TOO_LARGE, "the response's chunks are too large");
  }
}

static void keep_data(struct lcpp_response *response, const char *data, size_t length) {
  switch (lcpp_buffer_append(&response->body, data, length, response->max_bytes)) {
    case LCPP_BUFFER_OK:
      break;
    case LCPP_BUFFER_LIMIT:
      lcpp_response_refuse(response, LCPP_REFUSED_TOO_LARGE,
                           "the response is larger than max_response_bytes");
      break;
    case LCPP_BUFFER_MEMORY:
      lcpp_response_refuse(response, LCPP_REFUSED_MEMORY, "out of memory");
      break;
  }
}

static void read_chunks(struct lcpp_response *response, const char *data, size_t length) {
  size_t at = 0;
  while (at < length && response->refusal == LCPP_ACCEPTED && !response->surplus) {
    if (response->chunk == LCPP_CHUNK_END) {
      response->surplus = true;
    } else if (response->chunk != LCPP_CHUNK_DATA) {
      read_chunk_byte(response, data[at++]);
    } else {
      size_t count = length - at < response->chunk_left ? length - at : response->chunk_left;
      keep_data(response, data + at, count);
      at += count;
      response->chunk_left -= count;
      response->chunk = response->chunk_left == 0 ? LCPP_CHUNK_DATA_CR : LCPP_CHUNK_DATA;
    }
  }
}

bool lcpp_response_body(struct lcpp_response *response, const char *data, size_t length) {
  if (response->chunked) {
    read_chunks(response, data, length);
  } else {
    keep_data(response, data, length);
  }
  return response->refusal == LCPP_ACCEPTED && !response->surplus;
}

bool lcpp_response_has_length(const struct lcpp_response *response) {
  return response->chunked || response->content_length >= 0 || response->status == 204;
}

const char *lcpp_response_field(const struct lcpp_response *response, enum lcpp_field field) {
  size_t at = response->field_at[field];
  return at == 0 || response->fields.data[at - 1] == '\0' ? NULL : response->fields.data + at - 1;
}
