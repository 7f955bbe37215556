/*
 * An HTTP/1.1 response: where it ends, what it says, and what that means for the caller.
 *
 * libcurl reads the response; this layer makes the checks that libcurl omits. It decides by RFC
 * 9112, section 6.3, where a response ends, and refuses every response for which two parsers could
 * disagree. libcurl does not decode chunks (CURLOPT_HTTP_TRANSFER_DECODING), so every byte of a
 * body is checked and counted here. This layer knows no socket, no easy handle, no Lua.
 *
 *   struct lcpp_response response;                 filled by libcurl's callbacks:
 *   lcpp_response_begin(&response, max_bytes);     before the request is sent
 *   lcpp_response_header(&response, line, length)  for each header line
 *   lcpp_response_body(&response, data, length)    for each piece of the body, not decoded
 *   lcpp_outcome_read(&outcome, &response, ...)    when libcurl has finished
 */
#ifndef LCPP_RESPONSE_H
#define LCPP_RESPONSE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/* Bytes of all header lines of a response, chunk sizes, extensions and trailers together; and the
 * number of header lines and trailers: libcurl's time for a header line grows with their number. */
enum { LCPP_HEADER_LIMIT = 256 * 1024, LCPP_LINE_LIMIT = 1000 };

/* The header fields whose values are kept. */
enum lcpp_field {
  LCPP_OPERATION_LOCATION,
  LCPP_LOCATION,
  LCPP_RETRY_AFTER,
  LCPP_CORRELATION_REQUEST_ID,
  LCPP_REQUEST_ID,
  LCPP_CONTENT_TYPE,
  LCPP_CONTENT_ENCODING,
  LCPP_DATE,
  LCPP_FIELD_COUNT
};

/* Why a response was refused. */
enum lcpp_refusal {
  LCPP_ACCEPTED,
  LCPP_REFUSED_FRAMING,   /* `reason`: malformed, or its end is ambiguous */
  LCPP_REFUSED_TOO_LARGE, /* `reason`: the limit that it exceeded */
  LCPP_REFUSED_MEMORY
};

/* What the next header line belongs to. */
enum lcpp_stage { LCPP_STATUS_LINE, LCPP_FIRST_FIELD, LCPP_FIELDS, LCPP_BODY };

/* What the next byte of a chunked body belongs to. */
enum lcpp_chunk {
  LCPP_CHUNK_SIZE,
  LCPP_CHUNK_BLANK, /* after the size */
  LCPP_CHUNK_EXTENSION,
  LCPP_CHUNK_SIZE_LF,
  LCPP_CHUNK_DATA,
  LCPP_CHUNK_DATA_CR,
  LCPP_CHUNK_DATA_LF,
  LCPP_CHUNK_TRAILER, /* the first byte of a line */
  LCPP_CHUNK_TRAILER_NAME,
  LCPP_CHUNK_TRAILER_VALUE,
  LCPP_CHUNK_TRAILER_LF,
  LCPP_CHUNK_LAST_LF,
  LCPP_CHUNK_END
};

struct lcpp_response {
  long status;        /* of the status line read last: in LCPP_BODY it is the final one */
  const char *reason; /* of the refusal; static */
  size_t max_bytes;
  long long content_length; /* -1: none */
  size_t header_lines;
  size_t header_bytes;               /* of header lines, chunk sizes and trailers */
  size_t chunk_left;                 /* bytes of data until the end of the chunk */
  struct lcpp_buffer fields;         /* owned; values of kept fields, each terminated by a NUL */
  struct lcpp_buffer body;           /* owned; without the chunks around it */
  size_t field_at[LCPP_FIELD_COUNT]; /* 1 + the offset in `fields`; 0: absent */
  enum lcpp_stage stage;
  enum lcpp_refusal refusal;
  enum lcpp_chunk chunk;
  unsigned chunk_digits; /* of the size that is being read */
  bool http10;
  bool chunked;
  bool closes;          /* the server closes the connection after it */
  bool may_fold;        /* whether the next line may continue the one before */
  bool folds_into_kept; /* whether that one is a kept field, the last of `fields` */
  bool within_line;     /* of lcpp_response_preview */
  bool has_trailer;
  bool surplus; /* bytes came after the last chunk: the response itself is complete */
};

/* Prepares for a response whose body may have `max_bytes`. Frees what the struct held before; all
 * zeros is valid. */
void lcpp_response_begin(struct lcpp_response *response, size_t max_bytes);

/* Frees what the response holds. Calling it twice is valid. */
void lcpp_response_free(struct lcpp_response *response);

/* Reads one header line, with its line end: the status line, a field, or the empty line. Returns
 * false if the response is refused, with `refusal` and `reason` set. */
bool lcpp_response_header(struct lcpp_response *response, const char *line, size_t length);

/* Checks a header line, or a piece of it, before lcpp_response_header reads it. Returns false if it
 * continues a field that is not there: the response is refused. */
bool lcpp_response_preview(struct lcpp_response *response, const char *piece, size_t length);

/* Reads a piece of the body. Returns false if the response is refused, or if bytes follow its end
 * in the piece: nothing more may be read from the connection. */
bool lcpp_response_body(struct lcpp_response *response, const char *data, size_t length);

/* Refuses the response, unless it was refused before. `reason` is static. */
void lcpp_response_refuse(struct lcpp_response *response, enum lcpp_refusal refusal,
                          const char *reason);

/* Whether the header section states where the body ends. Otherwise the end of the connection does,
 * and a truncated body looks the same. */
bool lcpp_response_has_length(const struct lcpp_response *response);

/* The value of a kept field of the final response, or NULL if it is absent or empty. Borrowed. */
const char *lcpp_response_field(const struct lcpp_response *response, enum lcpp_field field);

/* How a transfer ended. The names are those of the public `err.kind`. */
enum lcpp_kind {
  LCPP_RESPONDED,
  LCPP_NETWORK,
  LCPP_TLS,
  LCPP_TIMEOUT,
  LCPP_PROTOCOL,
  LCPP_UNTRUSTED,
  LCPP_STOPPED,
  LCPP_CLOSED
};

/* What the end of a transfer means for the caller. */
struct lcpp_outcome {
  enum lcpp_kind kind;
  const char *message; /* one line if kind is not LCPP_RESPONDED; static */
  char *detail;        /* owned (free); libcurl's text, which replaces `message`; or NULL */
  long status;         /* 0: no response, or one whose framing was refused */
  bool sent;           /* a byte of the request may have left */
  bool transient;      /* a failure of the transport: a retry may succeed */
  bool out_of_memory;
  long retry_after;   /* seconds; -1: absent */
  char *location;     /* owned (free); an absolute URL */
  char *operation_id; /* owned (free) */
};

/* Sets *outcome from what libcurl said (`code`, and `detail`, its error text) and from the
 * response. `sent`: whether the request may have left. `url`: the URL that was requested, or NULL.
 * The outcome must be all zeros. Never fails: if memory runs out, that is the outcome. */
void lcpp_outcome_read(struct lcpp_outcome *outcome, const struct lcpp_response *response,
                       CURLcode code, const char *detail, bool sent, const char *url);

/* Sets kind, message (static) and whether a retry may succeed. */
void lcpp_outcome_set(struct lcpp_outcome *outcome, enum lcpp_kind kind, const char *message,
                      bool transient);

/* Sets the location, and the operation's id in it, from a reference that the response to `url`
 * holds. Both become NULL if it is not a URL. Returns false if memory ran out. */
bool lcpp_outcome_locate(struct lcpp_outcome *outcome, const char *url, const char *reference);

/* Frees what the outcome holds. Calling it twice is valid. */
void lcpp_outcome_free(struct lcpp_outcome *outcome);

/* The public name of a kind. Static. */
const char *lcpp_kind_name(enum lcpp_kind kind);

#endif
