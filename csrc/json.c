/* Strict JSON: see json.h. */
#include "json.h"

#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "characters.h"

/* A number of fewer digits, without an exponent, is finite. */
enum { FINITE_DIGITS = 308 };

/* A text that is read. */
struct reader {
  const char *at;
  const char *end;
  uint64_t objects; /* a bit for each open array or object: the innermost is bit 0; 1: an object */
  unsigned depth;
  size_t values;
  size_t marks;
  char *marked; /* where the text is copied to; NULL: nowhere */
  const char *copied;
};

_Static_assert(LCPP_JSON_DEPTH <= 64, "`objects` has a bit for each");

static bool has(const struct reader *reader, char c) {
  return reader->at < reader->end && *reader->at == c;
}

/* Reads the byte if it comes next. */
static bool take(struct reader *reader, char c) {
  bool found = has(reader, c);
  reader->at += found;
  return found;
}

/* Reads the next byte, or a NUL at the end. */
static char read_byte(struct reader *reader) {
  if (reader->at == reader->end) {
    return '\0';
  }
  return *reader->at++;
}

static void skip_blanks(struct reader *reader) {
  while (has(reader, ' ') || has(reader, '\t') || has(reader, '\n') || has(reader, '\r')) {
    reader->at++;
  }
}

static bool is_digit(const struct reader *reader) {
  return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

/* Reads digits, and returns their number. */
static size_t read_digits(struct reader *reader) {
  const char *first = reader->at;
  while (is_digit(reader)) {
    reader->at++;
  }
  return (size_t)(reader->at - first);
}

static void copy_to(struct reader *reader, const char *end) {
  size_t length = (size_t)(end - reader->copied);
  memcpy(reader->marked, reader->copied, length);
  reader->marked += length;
  reader->copied = end;
}

static void mark(struct reader *reader, const char *number) {
  reader->marks++;
  if (reader->marked != NULL) {
    copy_to(reader, number);
    *reader->marked++ = '"';
    *reader->marked++ = LCPP_JSON_MARK;
    copy_to(reader, reader->at);
    *reader->marked++ = '"';
  }
}

double lcpp_json_float(const char *text) {
  locale_t own = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  locale_t before = uselocale(own);
  double value = strtod(text, NULL);
  uselocale(before);
  if (own != (locale_t)0) {
    freelocale(own);
  }
  return value;
}

/* number = [ minus ] int [ frac ] [ exp ] */
static bool read_number(struct reader *reader) {
  const char *number = reader->at;
  take(reader, '-');
  bool zero = has(reader, '0');
  size_t digits = read_digits(reader);
  if (digits == 0 || (zero && digits > 1)) {
    return false;
  }
  bool large = digits > FINITE_DIGITS;
  if (take(reader, '.') && read_digits(reader) == 0) {
    return false;
  }
  if (take(reader, 'e') || take(reader, 'E')) {
    large = true;
    if (!take(reader, '-')) {
      take(reader, '+');
    }
    if (read_digits(reader) == 0) {
      return false;
    }
  }
  /* Checked here, for every number: lua-cjson drops a value that a later one replaces. */
  if (large && !isfinite(lcpp_json_float(number))) {
    return false;
  }
  mark(reader, number);
  return true;
}

/* Reads four hexadecimal digits; returns their value, or -1. */
static long read_unit(struct reader *reader) {
  long value = 0;
  for (int i = 0; i < 4; i++) {
    int digit = lcpp_hex_value(read_byte(reader));
    if (digit < 0) {
      return -1;
    }
    value = value * 16 + digit;
  }
  return value;
}

/* Reads what follows a backslash. Halves of a pair of UTF-16 come in pairs. */
static bool read_escape(struct reader *reader) {
  if (!take(reader, 'u')) {
    char c = read_byte(reader);
    return c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
  }
  long unit = read_unit(reader);
  if (unit >= 0xd800 && unit < 0xdc00) {
    unit = take(reader, '\\') && take(reader, 'u') ? read_unit(reader) : -1;
    return unit >= 0xdc00 && unit < 0xe000;
  }
  return unit >= 0 && !(unit >= 0xdc00 && unit < 0xe000);
}

static bool read_string(struct reader *reader) {
  if (!take(reader, '"')) {
    return false;
  }
  while (reader->at < reader->end && *reader->at != '"') {
    uint32_t code = 0;
    size_t length = lcpp_utf8_read(reader->at, (size_t)(reader->end - reader->at), &code);
    reader->at += length;
    if (length == 0 || code < 0x20 || (code == '\\' && !read_escape(reader))) {
      return false;
    }
  }
  return take(reader, '"');
}

static bool read_word(struct reader *reader, const char *word) {
  size_t length = strlen(word);
  if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0) {
    return false;
  }
  reader->at += length;
  return true;
}

static bool read_scalar(struct reader *reader) {
  if (has(reader, '"')) {
    return read_string(reader);
  }
  if (has(reader, '-') || is_digit(reader)) {
    return read_number(reader);
  }
  return read_word(reader, "true") || read_word(reader, "false") || read_word(reader, "null");
}

/* name-separator, after the name */
static bool read_name(struct reader *reader) {
  skip_blanks(reader);
  if (!read_string(reader)) {
    return false;
  }
  skip_blanks(reader);
  return take(reader, ':');
}

/* Closes arrays and objects behind a value, up to a comma or the end of the text. */
static bool close_behind(struct reader *reader) {
  skip_blanks(reader);
  while (reader->depth > 0 && take(reader, (reader->objects & 1) != 0 ? '}' : ']')) {
    reader->objects >>= 1;
    reader->depth--;
    skip_blanks(reader);
  }
  return reader->depth == 0
             ? reader->at == reader->end
             : take(reader, ',') && ((reader->objects & 1) == 0 || read_name(reader));
}

/* Opens an array or object, and reads the name of its first member. *empty: it has none. */
static enum lcpp_json_status open_at(struct reader *reader, bool object, bool *empty) {
  if (reader->depth == LCPP_JSON_DEPTH) {
    return LCPP_JSON_DEEP;
  }
  reader->at++;
  reader->depth++;
  reader->objects = reader->objects << 1 | (object ? 1 : 0);
  skip_blanks(reader);
  *empty = has(reader, object ? '}' : ']');
  return *empty || !object || read_name(reader) ? LCPP_JSON_OK : LCPP_JSON_INVALID;
}

static enum lcpp_json_status read_text(struct reader *reader) {
  while (true) {
    skip_blanks(reader);
    if (++reader->values > LCPP_JSON_VALUES) {
      return LCPP_JSON_MANY;
    }
    bool object = has(reader, '{');
    if (object || has(reader, '[')) {
      bool empty = false;
      enum lcpp_json_status status = open_at(reader, object, &empty);
      if (status != LCPP_JSON_OK) {
        return status;
      }
      if (!empty) {
        continue;
      }
    } else if (!read_scalar(reader)) {
      return LCPP_JSON_INVALID;
    }
    if (!close_behind(reader)) {
      return LCPP_JSON_INVALID;
    }
    if (reader->depth == 0) {
      return LCPP_JSON_OK;
    }
  }
}

enum lcpp_json_status lcpp_json_check(const char *text, size_t length, size_t *marks) {
  struct reader reader = {.at = text, .end = text + length};
  enum lcpp_json_status status = read_text(&reader);
  *marks = reader.marks;
  return status;
}

void lcpp_json_mark(const char *text, size_t length, char *marked) {
  struct reader reader = {.at = text, .end = text + length, .marked = marked, .copied = text};
  read_text(&reader);
  copy_to(&reader, reader.end);
}
