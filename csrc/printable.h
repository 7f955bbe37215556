/*
 * Characters: hexadecimal digits, UTF-8, and what may be shown: text of the service goes to
 * terminals, logs and other programs.
 *
 * Shown as they are: characters of UTF-8 that take up a place and stay there. Control characters
 * and line separators count as blanks. What is left is invisible or no character at all: Unicode's
 * default ignorable code points (zero-width characters, bidirectional controls, soft hyphens,
 * variation selectors, tags), interlinear annotations, noncharacters, and bytes that are not UTF-8.
 * https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
 */
#ifndef LCPP_PRINTABLE_H
#define LCPP_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lcpp_look {
  LCPP_VISIBLE,
  LCPP_BLANK,    /* a control character, or a separator of lines or paragraphs */
  LCPP_INVISIBLE /* to be replaced by U+FFFD */
};

/* The value of a hexadecimal digit, or -1. */
static inline int lcpp_hex_value(char c) {
  char letter = (char)(c | 0x20);
  return c >= '0' && c <= '9' ? c - '0' : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* Reads the character at `text`, of which `length` > 0 bytes are left. Returns its length in bytes;
 * 0 if it is not UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
size_t lcpp_utf8_read(const char *text, size_t length, uint32_t *code);

/* Writes a character, at most 4 bytes, and returns its length. `code` is at most 0x10FFFF. */
size_t lcpp_utf8_write(unsigned char *bytes, uint32_t code);

/* How a character looks. */
enum lcpp_look lcpp_look_of(uint32_t code);

#endif
