/*
 * Fuzz target: text of the service as it may be shown.
 *
 * Input: a byte that chooses how much is kept, one that chooses how the first secret is spelled, the secrets, one on a
 * line, an empty line, and the text. Promises: what is shown fits, is printable UTF-8 in one line, and holds none of the
 * secrets; a secret is replaced however it is spelled; and the number of steps for each byte is bounded by a constant,
 * whatever text and secrets are.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redact.h"
#include "unescape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Steps for each byte of text and secrets: those of the escapes and of what is shown, and of each secret in two
 * readings, and of its end. */
enum { STEPS = 32, STEPS_OF_SECRET = 6, KEPT = 4096 };

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

static size_t show(struct lcpp_text text, const struct lcpp_text *secrets, size_t count, char *shown, size_t limit) {
  size_t bytes = text.length < limit + LCPP_REDACT_AHEAD ? text.length : limit + LCPP_REDACT_AHEAD;
  for (size_t i = 0; i < count; i++) {
    bytes += secrets[i].length;
  }
  struct lcpp_secrets prepared = {.count = 0};
  lcpp_steps = 0;
  for (size_t i = 0; i < count; i++) {
    lcpp_secrets_add(&prepared, secrets[i]);
  }
  char *copies = malloc(prepared.bytes + 1);
  lcpp_secrets_prepare(&prepared, copies);
  size_t cost = 0;
  size_t length = lcpp_redact(text, &prepared, shown, limit, &cost);
  lcpp_secrets_clear(&prepared);
  free(copies);
  size_t steps = STEPS + STEPS_OF_SECRET * (count < LCPP_SECRETS ? count : LCPP_SECRETS);
  require(lcpp_steps <= steps * (bytes + 1), "too many steps", "", 0);
  require(length != SIZE_MAX && length <= limit, "too long", "", 0);
  require(is_printable(shown, length), "not printable", shown, length);
  for (size_t i = 0; i < count && i < LCPP_SECRETS; i++) {
    require(!is_telling(secrets[i]) || memmem(shown, length, secrets[i].data, secrets[i].length) == NULL, "a secret is seen",
            shown, length);
  }
  return length;
}

/* Spells a text in one of the ways, all of it or what is not a letter. Returns the length; `spelled` has room. */
static size_t spell(const char *text, size_t length, unsigned way, char *spelled) {
  static const char *const forms[] = {"%%%02X", "\\u%04x", "&#%d;", "\\x%02x", "&#x%X;", "%%%02x", "%%u%04X"};
  size_t used = 0;
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    bool plain = way % 8 == 7 || ((way & 8) != 0 && ((c | 0x20) >= 'a') && ((c | 0x20) <= 'z'));
    if (plain) {
      spelled[used++] = (char)c;
    } else {
      used += (size_t)sprintf(spelled + used, forms[way % 8], c);
    }
  }
  return used;
}

/* A secret without what could begin an escape, spelled in one way and that in another, is replaced. */
static void check_spelled(struct lcpp_text secret, unsigned way) {
  char once[8 * 64], text[8 * sizeof once], shown[KEPT];
  if (!is_telling(secret) || secret.length > 64 || memchr(secret.data, '@', secret.length) != NULL) {
    return;
  }
  for (size_t i = 0; i < secret.length; i++) {
    if (lcpp_begins_escape((unsigned char)secret.data[i])) {
      return;
    }
  }
  size_t length = spell(secret.data, secret.length, way & 15, once);
  text[0] = '(';
  length = 1 + spell(once, length, way >> 4, text + 1);
  text[length++] = ')';
  struct lcpp_text spelled = {text, length};
  length = show(spelled, &secret, 1, shown, sizeof shown);
  require(memmem(shown, length, "[redacted]", 10) != NULL && length < 30, "a spelling is seen", shown, length);
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
  show((struct lcpp_text){at, (size_t)(end - at)}, secrets, count, shown, (size_t)data[0] * 16 + 1);
  free(shown);
  if (count > 0) {
    check_spelled(secrets[0], data[1]);
  }
  return 0;
}
