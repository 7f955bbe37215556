/*
 * Strict JSON (RFC 8259): what a text must be before lua-cjson reads it, which takes more.
 *
 * Also bounded: a text costs memory by the number of its values rather than by its length. Numbers
 * are finite.
 */
#ifndef LCPP_JSON_H
#define LCPP_JSON_H

#include <stddef.h>

enum {
  LCPP_JSON_DEPTH = 64,     /* of arrays and objects; responses of the service are about six deep */
  LCPP_JSON_VALUES = 100000 /* in a text; names are none */
};

enum lcpp_json_status {
  LCPP_JSON_OK,
  LCPP_JSON_INVALID, /* not JSON, not UTF-8, or a number that is not finite */
  LCPP_JSON_DEEP,
  LCPP_JSON_MANY
};

/* Checks a text, which a NUL ends. *marks becomes how many numbers it has. */
enum lcpp_json_status lcpp_json_check(const char *text, size_t length, size_t *marks);

/* Begins a string that stands for a number: a byte that no UTF-8 has. */
#define LCPP_JSON_MARK '\xff'

/* Writes a text that was checked with each number as a string: a mark and the number. Writes
 * length + 3 * marks bytes. */
void lcpp_json_mark(const char *text, size_t length, char *marked);

/* A number that was checked, up to where it ends, in the C locale: Lua's own conversion tries that
 * and the host's, but not for more than 200 characters. */
double lcpp_json_float(const char *text);

#endif
