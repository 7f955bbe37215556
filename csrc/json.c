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

/* The text that is read. A NUL ends it, which no value contains. */
struct reader {
  const char *at;
  const char *end;
  size_t values;
  size_t marks;
  char *marked; /* where the text is copied to; NULL: nowhere */
  const char *copied;
};

/* Reads the byte if it comes next. */
static bool take(struct reader *reader, char c) {
  bool found = *reader->at == c;
  reader->at += found;
  return found;
}

static void skip_blanks(struct reader *reader) {
  while (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r') {
    reader->at++;
  }
}

/* Reads the byte if it comes next, after blanks. */
static bool take_mark(struct reader *reader, char c) {
  skip_blanks(reader);
  return take(reader, c);
}

static bool take_word(struct reader *reader, const char *word) {
  size_t length = strlen(word);
  bool found = strncmp(reader->at, word, length) == 0;
  reader->at += found ? length : 0;
  return found;
}

/* Reads digits, and returns their number. */
static size_t read_digits(struct reader *reader) {
  const char *first = reader->at;
  while (lcpp_is_digit(*reader->at)) {
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
  bool zero = *reader->at == '0';
  size_t digits = read_digits(reader);
  bool valid = digits > 0 && !(zero && digits > 1);
  bool large = digits > FINITE_DIGITS;
  if (take(reader, '.')) {
    valid = read_digits(reader) > 0 && valid;
  }
  if (take(reader, 'e') || take(reader, 'E')) {
    large = true;
    reader->at += *reader->at == '+' || *reader->at == '-';
    valid = read_digits(reader) > 0 && valid;
  }
  /* Checked here, for every number: lua-cjson drops a value that a later one replaces. */
  if (!valid || (large && !isfinite(lcpp_json_float(number)))) {
    return false;
  }
  mark(reader, number);
  return true;
}

/* Reads four hexadecimal digits; returns their value, or -1. */
static long read_unit(struct reader *reader) {
  long value = 0;
  for (int i = 0; i < 4; i++, reader->at++) {
    int digit = lcpp_hex_value(*reader->at);
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
    bool known = *reader->at != '\0' && strchr("\"\\/bfnrt", *reader->at) != NULL;
    reader->at += known;
    return known;
  }
  long unit = read_unit(reader);
  if (unit >= 0xd800 && unit < 0xdc00) {
    unit = take_word(reader, "\\u") ? read_unit(reader) : -1;
    return unit >= 0xdc00 && unit < 0xe000;
  }
  return unit >= 0 && !(unit >= 0xdc00 && unit < 0xe000);
}

static bool read_string(struct reader *reader) {
  if (!take(reader, '"')) {
    return false;
  }
  while (*reader->at != '"') {
    uint32_t code = 0;
    size_t length = lcpp_utf8_read(reader->at, (size_t)(reader->end - reader->at), &code);
    if (length == 0 || code < 0x20) { /* or the end of the text */
      return false;
    }
    reader->at += length;
    if (code == '\\' && !read_escape(reader)) {
      return false;
    }
  }
  return take(reader, '"');
}

static bool read_scalar(struct reader *reader) {
  if (*reader->at == '"') {
    return read_string(reader);
  }
  return take_word(reader, "true") || take_word(reader, "false") || take_word(reader, "null") ||
         read_number(reader);
}

static enum lcpp_json_status read_value(struct reader *reader, int depth) {
  skip_blanks(reader);
  bool object = *reader->at == '{';
  if (++reader->values > LCPP_JSON_VALUES) {
    return LCPP_JSON_MANY;
  }
  if (!object && *reader->at != '[') {
    return read_scalar(reader) ? LCPP_JSON_OK : LCPP_JSON_INVALID;
  }
  if (depth == LCPP_JSON_DEPTH) {
    return LCPP_JSON_DEEP;
  }
  reader->at++;
  if (take_mark(reader, object ? '}' : ']')) {
    return LCPP_JSON_OK;
  }
  do {
    skip_blanks(reader);
    if (object && !(read_string(reader) && take_mark(reader, ':'))) {
      return LCPP_JSON_INVALID;
    }
    enum lcpp_json_status status = read_value(reader, depth + 1);
    if (status != LCPP_JSON_OK) {
      return status;
    }
  } while (take_mark(reader, ','));
  return take(reader, object ? '}' : ']') ? LCPP_JSON_OK : LCPP_JSON_INVALID;
}

enum lcpp_json_status lcpp_json_check(const char *text, size_t length, size_t *marks) {
  struct reader reader = {.at = text, .end = text + length};
  enum lcpp_json_status status = read_value(&reader, 0);
  skip_blanks(&reader);
  *marks = reader.marks;
  return status == LCPP_JSON_OK && reader.at != reader.end ? LCPP_JSON_INVALID : status;
}

void lcpp_json_mark(const char *text, size_t length, char *marked) {
  struct reader reader = {.at = text, .end = text + length, .marked = marked, .copied = text};
  read_value(&reader, 0);
  copy_to(&reader, reader.end);
}
