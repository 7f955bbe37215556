/*
 * Strict JSON (RFC 8259): texts are checked before lua-cjson reads them, because it accepts more.
 *
 * The number of values is bounded, because memory grows with it rather than with the length.
 * Numbers are finite.
 */
#ifndef LCPP_JSON_H
#define LCPP_JSON_H

#include <stddef.h>

enum {
  LCPP_JSON_DEPTH = 64,     /* of arrays and objects; responses of the service are about six deep */
  LCPP_JSON_VALUES = 100000 /* in a text; names do not count */
};

enum lcpp_json_status {
  LCPP_JSON_OK,
  LCPP_JSON_INVALID, /* not JSON, not UTF-8, or a number that is not finite */
  LCPP_JSON_DEEP,
  LCPP_JSON_MANY
};

/* Checks a text, which a NUL ends. *marks becomes the number of its numbers. */
enum lcpp_json_status lcpp_json_check(const char *text, size_t length, size_t *marks);

/* Begins a string that stands for a number: a byte that no UTF-8 has. */
#define LCPP_JSON_MARK '\xff'

/* Writes a checked text, with each number as a string of a mark and the number: length + 3 * marks
 * bytes. */
void lcpp_json_mark(const char *text, size_t length, char *marked);

/* Converts a checked number, in the C locale. Lua's own conversion fails for more than 200
 * characters if the locale of the host has a decimal comma. */
double lcpp_json_float(const char *text);

#endif
