/* Makes text of the service safe to show: see redact.h. */
#include "redact.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "characters.h"
#include "unescape.h"

enum {
  LONGEST_NAME = 320, /* bytes before an `@`: 64 characters (RFC 5321), escaped */
  LONGEST_START = 7,  /* bytes of a secret that may end an escape which begins before it */
  SHORTEST_END = 8    /* bytes that a secret is found by without them */
};

/* The text, unchanged or decoded. */
struct reading {
  const unsigned char *bytes;
  const struct lcpp_span *spans; /* where bytes[i] comes from; NULL: text[i] */
  uint32_t count;
};

struct search {
  const unsigned char *text;
  uint32_t length;
  bool plain; /* no escapes, nothing to be cleaned: a byte is a character */
  bool found;
  uint32_t *covered; /* of each byte: the end of the longest hidden part that begins there; or 0 */
  uint32_t *borders; /* room for those of one secret: see struct needle */
  uint32_t begun;    /* where a secret may begin that the end of the text cuts off */
};

bool lcpp_is_plain(struct lcpp_text text) {
  for (size_t i = 0; i < text.length; i++) {
    unsigned char c = (unsigned char)text.data[i];
    LCPP_STEP();
    if (c < ' ' || c >= 0x7f || lcpp_begins_escape(c) ||
        (c == ' ' && i > 0 && text.data[i - 1] == ' ')) {
      return false;
    }
  }
  return true;
}

void lcpp_secrets_add(struct lcpp_secrets *secrets, struct lcpp_text secret) {
  if (secrets->count == LCPP_SECRETS || secret.length < LCPP_SECRETS_SHORTEST) {
    return;
  }
  for (size_t i = 0; i < secrets->count; i++) {
    struct lcpp_text known = secrets->list[i].raw;
    if (known.length == secret.length &&
        (known.data == secret.data || memcmp(known.data, secret.data, secret.length) == 0)) {
      return;
    }
  }
  secrets->list[secrets->count++].raw = secret;
  secrets->bytes += secret.length;
}

/* Decodes a secret. A backslash at its end is dropped: in the text it escapes the next
 * character. */
static struct lcpp_text strip_secret(struct lcpp_text secret, char *copy) {
  struct lcpp_unescaped decoded = {.bytes = (unsigned char *)copy};
  lcpp_unescape((const unsigned char *)secret.data, (uint32_t)secret.length, false, &decoded);
  while (decoded.count > 0 && copy[decoded.count - 1] == '\\') {
    decoded.count--;
  }
  return (struct lcpp_text){copy, decoded.count};
}

void lcpp_secrets_prepare(struct lcpp_secrets *secrets, char *copies) {
  secrets->copies = copies;
  for (size_t i = 0; i < secrets->count; i++) {
    struct lcpp_secret *secret = &secrets->list[i];
    secret->decoded = lcpp_is_plain(secret->raw) ? secret->raw : strip_secret(secret->raw, copies);
    copies += secret->raw.length;
  }
}

void lcpp_secrets_clear(struct lcpp_secrets *secrets) {
  if (secrets->copies != NULL) {
    lcpp_buffer_clear(&(struct lcpp_buffer){.data = secrets->copies, .length = secrets->bytes});
  }
}

static bool is(const struct reading *reading, uint32_t at, unsigned class) {
  LCPP_STEP();
  return at < reading->count && lcpp_is_of(reading->bytes[at], class);
}

static uint32_t start_of(const struct reading *reading, uint32_t at) {
  return reading->spans != NULL ? reading->spans[at].start : at;
}

/* Hides the part of the text that the bytes of a reading from `first` up to `end` come from. */
static void cover(struct search *search, const struct reading *reading, uint32_t first,
                  uint32_t end) {
  uint32_t start = start_of(reading, first);
  uint32_t last = reading->spans != NULL ? reading->spans[end - 1].end : end;
  search->found = true;
  if (search->covered[start] < last) {
    search->covered[start] = last;
  }
}

/* Records that a secret may begin at a byte of a reading, and end after the text. */
static void note_begun(struct search *search, const struct reading *reading, uint32_t at) {
  if (at < reading->count && start_of(reading, at) < search->begun) {
    search->begun = start_of(reading, at);
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
    unsigned char next = lcpp_fold(needle->bytes[needle->known]);
    uint32_t shorter = needle->borders[needle->known];
    while (shorter > 0 && lcpp_fold(needle->bytes[shorter]) != next) {
      LCPP_STEP();
      shorter = needle->borders[shorter];
    }
    LCPP_STEP();
    needle->borders[++needle->known] = lcpp_fold(needle->bytes[shorter]) == next ? shorter + 1 : 0;
  }
  return needle->borders[needle->matched];
}

/* Compares a needle with the next byte; returns whether all of it is matched. */
static bool advance(struct needle *needle, unsigned char folded) {
  if (needle->matched == needle->length) {
    needle->matched = border(needle);
  }
  while (needle->matched > 0 && lcpp_fold(needle->bytes[needle->matched]) != folded) {
    LCPP_STEP();
    needle->matched = border(needle);
  }
  LCPP_STEP();
  needle->matched += lcpp_fold(needle->bytes[needle->matched]) == folded;
  return needle->matched == needle->length;
}

/* Hides a secret, of which the first `before` bytes are not compared. */
static void find_secret(struct search *search, const struct reading *reading,
                        struct lcpp_text secret, uint32_t before) {
  struct needle needle = {.bytes = (const unsigned char *)secret.data + before,
                          .length = (uint32_t)secret.length - before,
                          .known = 1,
                          .borders = search->borders};
  needle.borders[0] = needle.borders[1] = 0;
  unsigned char initial = lcpp_fold(needle.bytes[0]);
  for (uint32_t i = 0; i < reading->count; i++) {
    unsigned char folded = lcpp_fold(reading->bytes[i]);
    if ((needle.matched > 0 || folded == initial) && advance(&needle, folded)) {
      uint32_t first = i + 1 - needle.length;
      cover(search, reading, first > before ? first - before : 0, i + 1);
    }
  }
  note_begun(search, reading, reading->count - needle.matched);
}

/* The text before a secret may turn its first bytes into an escape, as a `%` before "41.." does. So
 * a secret is also found by its end. */
static void find_decoded(struct search *search, const struct reading *reading,
                         struct lcpp_text secret) {
  if (secret.length >= LCPP_SECRETS_SHORTEST) {
    find_secret(search, reading, secret, 0);
  }
  if (secret.length > SHORTEST_END) {
    size_t before = secret.length - SHORTEST_END;
    find_secret(search, reading, secret, before < LONGEST_START ? (uint32_t)before : LONGEST_START);
  }
}

/* The beginning of the name of an address that ends at `end`. */
static uint32_t name_before(const struct reading *reading, uint32_t end) {
  while (end > 0 && is(reading, end - 1, LCPP_MAILBOX)) {
    end--;
  }
  return end;
}

/* Addresses: a name, `@`, a domain. */
static void find_addresses(struct search *search, const struct reading *reading) {
  for (uint32_t at = 0; at < reading->count; at++) {
    if (reading->bytes[at] != '@') {
      continue;
    }
    uint32_t name = name_before(reading, at);
    uint32_t end = at + 1;
    end += end < reading->count && reading->bytes[end] == '[';
    while (is(reading, end, LCPP_DOMAIN)) {
      end++;
    }
    if (name < at && end > at + 1) {
      cover(search, reading, name, end);
    }
    if (name < at && end == reading->count) {
      note_begun(search, reading, name);
    }
  }
  uint32_t name = name_before(reading, reading->count);
  if (name < reading->count && search->length - start_of(reading, name) <= LONGEST_NAME) {
    note_begun(search, reading, name);
  }
}

/* Whether a word in lower case comes next, in any case. */
static bool begins(const struct reading *reading, uint32_t at, const char *word) {
  size_t i = 0;
  while (word[i] != '\0' && at + i < reading->count && (reading->bytes[at + i] | 0x20) == word[i]) {
    i++;
  }
  return word[i] == '\0';
}

/* "Bearer", blanks, and a token (RFC 6750), whatever it is. */
static void find_bearers(struct search *search, const struct reading *reading) {
  enum { LENGTH = 6 };
  uint32_t end = 0; /* of the token found last; another one may begin within it */
  for (uint32_t at = 0; at < reading->count; at++) {
    uint32_t token = at + LENGTH;
    if (!begins(reading, at, "bearer")) {
      continue;
    }
    while (token < reading->count && lcpp_fold(reading->bytes[token]) == ' ') {
      token++;
    }
    for (end = end > token ? end : token; is(reading, end, LCPP_BEARER);) {
      end++;
    }
    if (token > at + LENGTH && end > token) {
      cover(search, reading, at, end);
    }
  }
}

/* JSON Web Tokens (RFC 7519): base64url of an object, whose `{"` is "eyJ". */
static void find_jwts(struct search *search, const struct reading *reading) {
  for (uint32_t at = 0; at + 3 < reading->count; at++) {
    if (memcmp(reading->bytes + at, "eyJ", 3) == 0 && is(reading, at + 3, LCPP_JWT)) {
      uint32_t first = at;
      for (at += 3; is(reading, at + 1, LCPP_JWT);) {
        at++;
      }
      cover(search, reading, first, at + 1);
    }
  }
}

/* Finds what to hide. `room` is for the decoded text. Returns the number of bytes of the text that
 * were in escapes, or not ASCII. */
static uint32_t find_all(struct search *search, const struct lcpp_secrets *secrets, bool cut,
                         struct lcpp_unescaped room) {
  struct reading raw = {.bytes = search->text, .count = search->length};
  struct reading decoded = raw;
  search->begun = search->length;
  for (size_t i = 0; i < secrets->count; i++) {
    find_secret(search, &raw, secrets->list[i].raw, 0);
  }
  if (!search->plain) {
    lcpp_unescape(search->text, search->length, cut, &room);
    search->begun = room.held < search->begun ? room.held : search->begun;
    decoded = (struct reading){room.bytes, room.spans, room.count};
    for (size_t i = 0; i < secrets->count; i++) {
      find_decoded(search, &decoded, secrets->list[i].decoded);
    }
  }
  find_addresses(search, &decoded);
  find_bearers(search, &decoded);
  find_jwts(search, &decoded);
  if (cut && search->begun < search->length) {
    cover(search, &raw, search->begun, search->length);
  }
  return room.slow;
}

/* The text that is shown. */
struct page {
  char *data;
  size_t length;
  size_t limit;
};

static bool append(struct page *page, const void *data, size_t length) {
  if (length > page->limit - page->length) {
    return false;
  }
  memcpy(page->data + page->length, data, length);
  page->length += length;
  return true;
}

static bool append_blank(struct page *page) {
  bool after_blank = page->length > 0 && page->data[page->length - 1] == ' ';
  return after_blank || append(page, " ", 1);
}

/* The length of the character at `at`, and how it is shown: a character that is partly hidden is
 * invisible. */
static size_t look_at(const struct search *search, uint32_t at, enum lcpp_look *look) {
  uint32_t code = 0;
  size_t length = lcpp_utf8_read((const char *)search->text + at, search->length - at, &code);
  for (size_t i = 1; i < length; i++) {
    if (search->covered[at + i] != 0) {
      length = 0;
    }
  }
  *look = length > 0 ? lcpp_look_of(code) : LCPP_INVISIBLE;
  return length > 0 ? length : 1;
}

static size_t write_page(const struct search *search, struct page page) {
  static const char hidden[] = "[redacted]", invisible[] = "\xef\xbf\xbd";
  if (search->plain && !search->found) {
    append(&page, search->text, search->length < page.limit ? search->length : page.limit);
    return page.length;
  }
  uint32_t hidden_to = 0;
  bool was_hidden = false;
  bool room = true;
  for (uint32_t i = 0; i < search->length && room;) {
    LCPP_STEP();
    hidden_to = search->covered[i] > hidden_to ? search->covered[i] : hidden_to;
    if (i < hidden_to) {
      room = was_hidden || append(&page, hidden, sizeof hidden - 1);
      was_hidden = true;
      i++;
      continue;
    }
    was_hidden = false;
    enum lcpp_look look = LCPP_VISIBLE;
    size_t length = look_at(search, i, &look);
    if (look == LCPP_BLANK) {
      room = append_blank(&page);
    } else if (look == LCPP_INVISIBLE) {
      room = append(&page, invisible, sizeof invisible - 1);
    } else {
      room = append(&page, search->text + i, length);
    }
    i += (uint32_t)length;
  }
  return page.length;
}

size_t lcpp_redact(struct lcpp_text text, const struct lcpp_secrets *secrets, char *shown,
                   size_t limit, size_t *cost) {
  size_t most = limit + LCPP_REDACT_AHEAD;
  size_t length = text.length < most ? text.length : most;
  struct search search = {.text = (const unsigned char *)text.data, .length = (uint32_t)length};
  search.plain = secrets->copies == NULL || lcpp_is_plain((struct lcpp_text){text.data, length});
  size_t decoded = search.plain ? 0 : length;
  size_t numbers = length + secrets->bytes + 2;
  struct lcpp_span *space =
      malloc(decoded * sizeof *space + numbers * sizeof *search.covered + decoded);
  if (space == NULL) {
    return SIZE_MAX;
  }
  search.covered = memset(space + decoded, 0, length * sizeof *search.covered);
  search.borders = search.covered + length;
  struct lcpp_unescaped room = {.bytes = (unsigned char *)(search.covered + numbers),
                                .spans = space};
  *cost = length + find_all(&search, secrets, length < text.length, room);
  size_t written = write_page(&search, (struct page){shown, 0, limit});
  /* The decoded text may hold a secret. */
  lcpp_buffer_clear(&(struct lcpp_buffer){.data = (char *)room.bytes, .length = decoded});
  free(space);
  return written;
}
