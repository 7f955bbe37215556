/*
 * Characters: digits and letters of ASCII, UTF-8, and which characters of the service may be shown
 * in terminals, logs and other programs.
 *
 * Characters that take up columns are shown unchanged. Control characters and line separators
 * become blanks. The others are invisible: Unicode's default ignorable code points (zero-width
 * characters, bidirectional controls, soft hyphens, variation selectors, tags), interlinear
 * annotations, noncharacters, and bytes that are not UTF-8.
 * https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
 */
#ifndef LCPP_CHARACTERS_H
#define LCPP_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum lcpp_look {
  LCPP_VISIBLE,
  LCPP_BLANK,    /* a control character, or a separator of lines or paragraphs */
  LCPP_INVISIBLE /* to be replaced by U+FFFD */
};

/* Classes of bytes: what a byte may belong to. */
enum {
  LCPP_UNRESERVED = 1, /* characters that a URI need not percent-encode (RFC 3986, 2.3) */
  LCPP_URI = 2,        /* a URI, without `%` (RFC 3986, 2) */
  LCPP_PATH = 4,       /* a path or query that no parser reads differently */
  LCPP_FIELD_NAME = 8, /* a header's name: a token of RFC 9110, 5.6.2 */
  LCPP_MAILBOX = 16,   /* an address before `@` (RFC 5322), except what separates words in a URL */
  LCPP_DOMAIN = 32,    /* an address after `@` */
  LCPP_BEARER = 64,    /* a bearer token (RFC 6750), or `%` */
  LCPP_JWT = 128       /* a JSON Web Token between its dots, or a dot */
};
extern const unsigned char lcpp_classes[256];

/* Whether a byte is of one of these classes. */
static inline bool lcpp_is_of(int byte, unsigned classes) {
  return (lcpp_classes[(unsigned char)byte] & classes) != 0;
}

/* Whether a byte is one of these characters. */
static inline bool lcpp_is_among(unsigned char byte, const char *characters) {
  return byte != '\0' && strchr(characters, byte) != NULL;
}

/* A decimal digit. */
static inline bool lcpp_is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* The value of a hexadecimal digit, or -1. */
static inline int lcpp_hex_value(char c) {
  char letter = (char)(c | 0x20);
  return lcpp_is_digit(c) ? c - '0' : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* A letter in lower case, or any other byte. tolower follows the locale of the host: in Turkish,
 * `I` and `i` are different letters. */
static inline int lcpp_lower(char c) {
  return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Whether two texts are equal without regard to case, in their first `length` bytes, or up to the
 * end of both. */
static inline bool lcpp_is_same_to(const char *a, const char *b, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (lcpp_lower(a[i]) != lcpp_lower(b[i])) {
      return false;
    }
    if (a[i] == '\0') {
      return true;
    }
  }
  return true;
}

/* The same for whole texts. */
static inline bool lcpp_is_same(const char *a, const char *b) {
  return lcpp_is_same_to(a, b, SIZE_MAX);
}

/* Reads the character at `text`, of which `length` > 0 bytes are left. Returns its length in bytes;
 * 0 if it is not UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
size_t lcpp_utf8_read(const char *text, size_t length, uint32_t *code);

/* How a character is shown. */
enum lcpp_look lcpp_look_of(uint32_t code);

#endif
