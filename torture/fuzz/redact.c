/*
 * Fuzz target: text of the service as it may be shown.
 *
 * Input: two bytes that choose how much is kept, the secrets, one on a line, an empty line, and the text. Promises: what is
 * shown fits, is printable UTF-8 in one line, and holds none of the secrets (spec/core/redact_spec.lua has other spellings);
 * and the number of steps for each byte is bounded by a constant, whatever text and secrets are.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Steps for each byte of text and secrets: those of words and of what is shown; and of each secret in the text, in a word
 * and without its first bytes. */
enum { STEPS = 16, STEPS_OF_SECRET = 6, KEPT = 4096 };

#ifndef LCPP_COUNT_STEPS
#error "steps are not counted: compile with -DLCPP_COUNT_STEPS"
#endif

static void require(bool kept, const char *promise, const char *shown, size_t length) {
  if (!kept) {
    fprintf(stderr, "%s\nshown: %.*s\n", promise, (int)length, shown);
    abort();
  }
}

/* The judge of what is printable shares no code with the module: bytes of ASCII, and sequences of the right length for
 * their first byte that are none of those that the issue of terminals is about. */
static bool is_printable(const char *text, size_t length) {
  const unsigned char *at = (const unsigned char *)text;
  const unsigned char *end = at + length;
  while (at < end) {
    size_t size = *at < 0x80 ? 1 : *at >= 0xc2 && *at < 0xe0 ? 2 : *at >= 0xe0 && *at < 0xf0 ? 3 : *at >= 0xf0 && *at < 0xf5 ? 4 : 0;
    if (size == 0 || (size_t)(end - at) < size || *at < 0x20 || *at == 0x7f) {
      return false;
    }
    for (size_t i = 1; i < size; i++) {
      if ((at[i] & 0xc0) != 0x80) {
        return false;
      }
    }
    bool c1 = size == 2 && at[0] == 0xc2 && (at[1] < 0xa0 || at[1] == 0xad);
    bool general = size == 3 && at[0] == 0xe2 && ((at[1] == 0x80 && ((at[2] >= 0x8b && at[2] <= 0x8f) || (at[2] >= 0xa8 && at[2] <= 0xae))) ||
                                                  (at[1] == 0x81 && at[2] >= 0xa0 && at[2] <= 0xaf));
    bool mark = size == 3 && at[0] == 0xef && at[1] == 0xbb && at[2] == 0xbf;
    bool surrogate = size == 3 && ((at[0] == 0xed && at[1] >= 0xa0) || (at[0] == 0xe0 && at[1] < 0xa0));
    bool beyond = size == 4 && ((at[0] == 0xf4 && at[1] >= 0x90) || (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf3 && at[1] == 0xa0));
    if (c1 || general || mark || surrogate || beyond) {
      return false;
    }
    at += size;
  }
  return true;
}

/* Whether a secret could be seen only where it was not replaced: of letters that no replacement has, digits, marks. */
static bool is_telling(struct lcpp_text secret) {
  bool digit = false;
  for (size_t i = 0; i < secret.length; i++) {
    unsigned char c = (unsigned char)secret.data[i];
    if (c <= ' ' || c >= 0x7f || c == '[' || c == ']') {
      return false;
    }
    digit = digit || (c >= '0' && c <= '9');
  }
  return digit && secret.length >= LCPP_SECRETS_SHORTEST;
}

static void show(struct lcpp_text text, const struct lcpp_text *secrets, size_t count, char *shown, size_t limit) {
  size_t bytes = text.length < limit + LCPP_REDACT_AHEAD ? text.length : limit + LCPP_REDACT_AHEAD;
  for (size_t i = 0; i < count; i++) {
    bytes += secrets[i].length;
  }
  struct lcpp_secrets prepared = {.count = 0};
  lcpp_steps = 0;
  for (size_t i = 0; i < count; i++) {
    lcpp_secrets_add(&prepared, secrets[i]);
  }
  size_t length = lcpp_redact(text, &prepared, shown, limit);
  size_t steps = STEPS + STEPS_OF_SECRET * (count < LCPP_SECRETS ? count : LCPP_SECRETS);
  require(lcpp_steps <= steps * (bytes + 1), "too many steps", "", 0);
  require(length != SIZE_MAX && length <= limit, "too long", "", 0);
  require(is_printable(shown, length), "not printable", shown, length);
  for (size_t i = 0; i < count && i < LCPP_SECRETS; i++) {
    require(!is_telling(secrets[i]) || memmem(shown, length, secrets[i].data, secrets[i].length) == NULL, "a secret is seen",
            shown, length);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct lcpp_text secrets[LCPP_SECRETS + 2];
  size_t count = 0;
  if (size < 2) {
    return 0;
  }
  const char *at = (const char *)data + 2;
  const char *end = (const char *)data + size;
  while (at < end && *at != '\n' && count < sizeof secrets / sizeof secrets[0]) {
    const char *line = memchr(at, '\n', (size_t)(end - at));
    line = line != NULL ? line : end;
    secrets[count++] = (struct lcpp_text){at, (size_t)(line - at)};
    at = line < end ? line + 1 : end;
  }
  at += at < end && *at == '\n';
  char *shown = malloc(KEPT);
  show((struct lcpp_text){at, (size_t)(end - at)}, secrets, count, shown, (size_t)data[0] * 16 + data[1] % 16 + 1);
  free(shown);
  return 0;
}
