/* Finds secrets, addresses and tokens in a text or a word: see redact.h. */
#include <string.h>

#include "characters.h"
#include "redact.h"

#ifdef LCPP_COUNT_STEPS
unsigned long long lcpp_steps;
#endif

enum { LONGEST_NAME = 320 }; /* bytes before an `@`: 64 characters (RFC 5321), escaped */

/* The form in which bytes are compared: a blank is `+` in a form, and may replace a control
 * character. */
static unsigned char fold(unsigned char c) {
  return c <= ' ' || c == '+' || c == 0x7f ? ' ' : c;
}

void lcpp_secrets_add(struct lcpp_secrets *secrets, struct lcpp_text secret) {
  if (secrets->count == LCPP_SECRETS || secret.length < LCPP_SECRETS_SHORTEST) {
    return;
  }
  for (size_t i = 0; i < secrets->count; i++) {
    struct lcpp_text known = secrets->list[i];
    if (known.length == secret.length &&
        (known.data == secret.data || memcmp(known.data, secret.data, secret.length) == 0)) {
      return;
    }
  }
  secrets->list[secrets->count++] = secret;
}

static bool is(const struct lcpp_reading *reading, uint32_t at, unsigned class) {
  LCPP_STEP();
  return at < reading->count && lcpp_is_of(reading->bytes[at], class);
}

void lcpp_search_hide(struct lcpp_search *search, const struct lcpp_reading *reading,
                      uint32_t first, uint32_t end) {
  uint32_t start = reading->is_word ? reading->start : first;
  uint32_t last = reading->is_word ? reading->end : end;
  search->plain = false;
  if (search->covered[start] < last) {
    search->covered[start] = last;
  }
}

/* Records that a secret may begin at a byte of a reading, and end after it. */
static void note_begun(struct lcpp_search *search, const struct lcpp_reading *reading,
                       uint32_t at) {
  uint32_t start = reading->is_word ? reading->start : at;
  if (at < reading->count && (!reading->is_word || reading->end == search->length) &&
      start < search->begun) {
    search->begun = start;
  }
}

/* A secret, and how far the text matches it. */
struct needle {
  const unsigned char *bytes;
  uint32_t length;
  uint32_t matched;  /* length of the prefix of the secret at the end of the text so far */
  uint32_t known;    /* computed entries of `borders`: as far as a text ever matched */
  uint32_t *borders; /* of each prefix of the secret: its longest proper suffix that is a prefix */
};

/* The border of the matched prefix, computed when a match first gets that far. */
static uint32_t border(struct needle *needle) {
  while (needle->known < needle->matched) {
    unsigned char next = fold(needle->bytes[needle->known]);
    uint32_t shorter = needle->borders[needle->known];
    while (shorter > 0 && fold(needle->bytes[shorter]) != next) {
      LCPP_STEP();
      shorter = needle->borders[shorter];
    }
    LCPP_STEP();
    needle->borders[++needle->known] = fold(needle->bytes[shorter]) == next ? shorter + 1 : 0;
  }
  return needle->borders[needle->matched];
}

/* Compares a needle with the next byte; returns whether all of it is matched. */
static bool advance(struct needle *needle, unsigned char folded) {
  if (needle->matched == needle->length) {
    needle->matched = border(needle);
  }
  while (needle->matched > 0 && fold(needle->bytes[needle->matched]) != folded) {
    LCPP_STEP();
    needle->matched = border(needle);
  }
  LCPP_STEP();
  needle->matched += fold(needle->bytes[needle->matched]) == folded;
  return needle->matched == needle->length;
}

static void find_secret(struct lcpp_search *search, const struct lcpp_reading *reading,
                        struct lcpp_text secret) {
  struct needle needle = {.bytes = (const unsigned char *)secret.data,
                          .length = (uint32_t)secret.length,
                          .known = 1,
                          .borders = search->borders};
  needle.borders[0] = needle.borders[1] = 0;
  unsigned char initial = fold(needle.bytes[0]);
  for (uint32_t i = 0; i < reading->count; i++) {
    if (needle.matched == 0 && initial != ' ') {
      const unsigned char *next = memchr(reading->bytes + i, initial, reading->count - i);
      if (next == NULL) {
        break;
      }
      i = (uint32_t)(next - reading->bytes);
    }
    if (advance(&needle, fold(reading->bytes[i]))) {
      lcpp_search_hide(search, reading, i + 1 - needle.length, i + 1);
    }
  }
  note_begun(search, reading, reading->count - needle.matched);
}

/* The beginning of the name of an address that ends at `end`; it may be between quotation marks. */
static uint32_t name_before(const struct lcpp_reading *reading, uint32_t end) {
  uint32_t name = end;
  while (name > 0 && is(reading, name - 1, LCPP_MAILBOX)) {
    name--;
  }
  if (name == end && end > 1 && reading->bytes[end - 1] == '"') {
    for (name--; name > 0 && end - name < LONGEST_NAME && reading->bytes[--name] != '"';) {
      LCPP_STEP();
    }
  }
  return name;
}

/* The end of the domain of an address that begins at a place; it may be a literal in brackets. */
static uint32_t end_of_domain(const struct lcpp_reading *reading, uint32_t at) {
  bool literal = at < reading->count && reading->bytes[at] == '[';
  while (is(reading, at, LCPP_DOMAIN) ||
         (literal && at < reading->count && reading->bytes[at] > ' ' &&
          !lcpp_is_among(reading->bytes[at], "]@"))) {
    at++;
  }
  return at;
}

/* Addresses: a name, `@`, a domain. */
static void find_addresses(struct lcpp_search *search, const struct lcpp_reading *reading) {
  for (uint32_t at = 0; at < reading->count; at++) {
    const unsigned char *found = memchr(reading->bytes + at, '@', reading->count - at);
    if (found == NULL) {
      break;
    }
    at = (uint32_t)(found - reading->bytes);
    uint32_t name = name_before(reading, at);
    uint32_t end = end_of_domain(reading, at + 1);
    if (name < at && end > at + 1) {
      lcpp_search_hide(search, reading, name, end);
    }
    if (name < at && end == reading->count) {
      note_begun(search, reading, name);
    }
  }
  uint32_t name = name_before(reading, reading->count);
  if (name < reading->count && reading->count - name <= LONGEST_NAME) {
    note_begun(search, reading, name);
  }
}

/* Whether a word in lower case comes next, in any case. */
static bool begins(const struct lcpp_reading *reading, uint32_t at, const char *word) {
  size_t i = 0;
  while (word[i] != '\0' && at + i < reading->count && (reading->bytes[at + i] | 0x20) == word[i]) {
    i++;
  }
  return word[i] == '\0';
}

/* "Bearer", blanks or other characters that no token has, and a token (RFC 6750), whatever it is.
 */
static void find_bearers(struct lcpp_search *search, const struct lcpp_reading *reading) {
  enum { LENGTH = 6 };
  uint32_t end = 0; /* of the token found last; another one may begin within it */
  for (uint32_t at = 0; at < reading->count; at++) {
    uint32_t token = at + LENGTH;
    if ((reading->bytes[at] | 0x20) != 'b' || !begins(reading, at, "bearer")) {
      continue;
    }
    while (token < reading->count &&
           (fold(reading->bytes[token]) == ' ' || reading->bytes[token] >= 0x80)) {
      token++;
    }
    for (end = end > token ? end : token; is(reading, end, LCPP_BEARER);) {
      end++;
    }
    if (token > at + LENGTH && end > token) {
      lcpp_search_hide(search, reading, at, end);
    }
  }
}

/* JSON Web Tokens (RFC 7519): base64url of an object, whose `{"` is "eyJ". */
static void find_jwts(struct lcpp_search *search, const struct lcpp_reading *reading) {
  for (uint32_t at = 0; at + 3 < reading->count; at++) {
    if (reading->bytes[at] == 'e' && memcmp(reading->bytes + at, "eyJ", 3) == 0 &&
        is(reading, at + 3, LCPP_JWT)) {
      uint32_t first = at;
      for (at += 3; is(reading, at + 1, LCPP_JWT);) {
        at++;
      }
      lcpp_search_hide(search, reading, first, at + 1);
    }
  }
}

/* Finds in a reading what to hide. The first bytes of a secret may have become part of an escape in
 * a word, as those of "41.." do after a `%`, so there it is also found without them. */
void lcpp_search_find(struct lcpp_search *search, const struct lcpp_reading *reading,
                      const struct lcpp_secrets *secrets) {
  enum { OF_ESCAPE = 2 };
  for (size_t i = 0; i < secrets->count; i++) {
    struct lcpp_text secret = secrets->list[i];
    find_secret(search, reading, secret);
    if (reading->is_word && secret.length >= OF_ESCAPE + LCPP_SECRETS_SHORTEST) {
      find_secret(search, reading,
                  (struct lcpp_text){secret.data + OF_ESCAPE, secret.length - OF_ESCAPE});
    }
  }
  find_addresses(search, reading);
  find_bearers(search, reading);
  find_jwts(search, reading);
}
