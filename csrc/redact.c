/* Text from outside, made fit to be shown: see redact.h. */
#include "redact.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "printable.h"
#include "unescape.h"

enum {
  LONGEST_NAME = 320, /* bytes before an `@`: 64 characters (RFC 5321), escaped */
  LONGEST_START = 7,  /* bytes of a secret that may end an escape which begins before it */
  SHORTEST_END = 8,   /* bytes that a secret is found by without them */
  SLOW = 2            /* what a byte of an escape costs more than another one */
};

/* A run of characters that may be hidden: an address, a token. */
struct run {
  bool on;
  uint32_t start;
};

struct search {
  const unsigned char *text;
  uint32_t length;
  bool plain; /* no escapes, nothing to be cleaned: a byte is a character */
  bool found;
  uint32_t
      *covered; /* of each byte: the end of the longest hidden part that begins there; 0: none */
  uint32_t *starts;           /* of each byte behind the escapes: where it begins in the text */
  uint32_t count;             /* of these */
  bool blank;                 /* whether the last one was a blank */
  struct lcpp_needles raw;    /* the secrets, in the text as it is */
  struct lcpp_needles behind; /* and behind its escapes */
  struct run name;            /* characters that may stand before the `@` of an address */
  struct run domain;          /* after it; starts with the name */
  bool domain_begun;
  unsigned bearer_seen; /* letters of "bearer"; 7: and blanks */
  uint32_t bearer_start;
  struct run token;
  unsigned jwt_seen; /* letters of "eyJ" */
  uint32_t jwt_start;
};

/* What a byte may belong to. */
enum { NAME = 1, DOMAIN = 2, TOKEN = 4, JWT = 8 };

/* The classes of a byte, as a constant: letters and digits are of all, bytes beyond ASCII (of other
 * scripts) of addresses. A name has the characters of RFC 5322 but for those that part the words of
 * a URL, a token those of RFC 6750 and `%`. */
#define CLASSES(c)                                                                            \
  (((c) >= '0' && (c) <= '9') || ((c) >= 'A' && (c) <= 'Z') || ((c) >= 'a' && (c) <= 'z')     \
       ? NAME | DOMAIN | TOKEN | JWT                                                          \
   : (c) >= 0x80                            ? NAME | DOMAIN                                   \
   : (c) == '-' || (c) == '.' || (c) == '_' ? NAME | DOMAIN | TOKEN | JWT                     \
   : (c) == '~' || (c) == '+' || (c) == '%' ? NAME | TOKEN                                    \
   : (c) == '/' || (c) == '='               ? TOKEN                                           \
   : (c) == '!' || (c) == '$' || (c) == '*' || (c) == '\'' || (c) == '^' || (c) == '`' ? NAME \
   : (c) >= '{' && (c) <= '}'                                                          ? NAME \
                                                                                       : 0)
#define CLASSES_4(c) CLASSES(c), CLASSES((c) + 1), CLASSES((c) + 2), CLASSES((c) + 3)
#define CLASSES_16(c) CLASSES_4(c), CLASSES_4((c) + 4), CLASSES_4((c) + 8), CLASSES_4((c) + 12)
#define CLASSES_64(c) \
  CLASSES_16(c), CLASSES_16((c) + 16), CLASSES_16((c) + 32), CLASSES_16((c) + 48)
static const unsigned char classes[256] = {CLASSES_64(0), CLASSES_64(64), CLASSES_64(128),
                                           CLASSES_64(192)};

static void cover(struct search *search, uint32_t start, uint32_t end) {
  search->found = true;
  if (search->covered[start] < end) {
    search->covered[start] = end;
  }
}

/* An address: a name, `@`, a domain. */
static void look_for_address(struct search *search, struct lcpp_unit unit) {
  unsigned char c = unit.byte;
  if (search->domain.on) {
    search->domain.on = (classes[c] & DOMAIN) != 0 || (c == '[' && !search->domain_begun);
    search->domain_begun = true;
    if (search->domain.on) {
      cover(search, search->domain.start, unit.end);
    }
  }
  if (c == '@') {
    search->domain = search->name;
    search->domain_begun = false;
    search->name.on = false;
  } else if ((classes[c] & NAME) == 0) {
    search->name.on = false;
  } else if (!search->name.on) {
    search->name = (struct run){true, unit.start};
  }
}

/* "Bearer", blanks, and a token (RFC 6750), whatever it is. */
static void look_for_bearer(struct search *search, struct lcpp_unit unit) {
  static const char bearer[] = "bearer";
  unsigned char c = unit.byte;
  bool blank = lcpp_fold(c) == ' ';
  bool of_token = (classes[c] & TOKEN) != 0;
  if (search->bearer_seen == 7 && of_token && !blank) {
    search->token = (struct run){true, search->bearer_start};
  }
  search->token.on = search->token.on && of_token;
  if (search->token.on) {
    cover(search, search->token.start, unit.end);
  }
  if (search->bearer_seen >= 6 && blank) {
    search->bearer_seen = 7;
  } else if (search->bearer_seen < 6 && (c | 0x20) == bearer[search->bearer_seen]) {
    search->bearer_start = search->bearer_seen == 0 ? unit.start : search->bearer_start;
    search->bearer_seen++;
  } else {
    search->bearer_seen = (c | 0x20) == 'b';
    search->bearer_start = unit.start;
  }
}

/* A JSON Web Token (RFC 7519): base64url of an object, whose `{"` is "eyJ". */
static void look_for_jwt(struct search *search, struct lcpp_unit unit) {
  static const char beginning[] = "eyJ";
  unsigned char c = unit.byte;
  if (search->jwt_seen == 3 && (classes[c] & JWT) != 0) {
    cover(search, search->jwt_start, unit.end);
  } else if (search->jwt_seen < 3 && c == (unsigned char)beginning[search->jwt_seen]) {
    search->jwt_start = search->jwt_seen == 0 ? unit.start : search->jwt_start;
    search->jwt_seen++;
  } else {
    search->jwt_seen = c == 'e';
    search->jwt_start = unit.start;
  }
}

/* Reads a byte behind the escapes: struct lcpp_unescaper's `take`. */
static void read_behind(void *context, struct lcpp_unit unit) {
  struct search *search = context;
  unsigned char c = lcpp_fold(unit.byte);
  bool blank = c == ' ' && unit.byte != '+';
  LCPP_STEP();
  if (!search->plain && !(blank && search->blank)) { /* one blank is shown for several */
    search->starts[search->count++] = unit.start;
    uint32_t matched = lcpp_needles_read(&search->behind, c);
    if (matched > 0) {
      cover(search, search->starts[matched < search->count ? search->count - matched : 0],
            unit.end);
    }
    search->blank = blank;
  }
  look_for_address(search, unit);
  if (search->bearer_seen > 0 || search->token.on || (unit.byte | 0x20) == 'b') {
    look_for_bearer(search, unit);
  }
  if (search->jwt_seen > 0 || unit.byte == 'e') {
    look_for_jwt(search, unit);
  }
}

/* Numbers that the borders of a secret take: of it in one reading, or in both, and of its end. */
static size_t borders_of(const struct search *search, size_t length) {
  return (search->plain ? 1 : 3) * (length + 1);
}

/* Adds a secret to the readings. `borders` has room for what it takes. */
static void add_secret(struct search *search, const struct lcpp_secret *secret, uint32_t *borders) {
  size_t room = secret->raw.length + 1;
  lcpp_needles_add(&search->raw, (const unsigned char *)secret->raw.data, secret->raw.length, 0,
                   borders);
  if (search->plain) {
    return;
  }
  const unsigned char *bytes = (const unsigned char *)secret->behind.data;
  size_t length = secret->behind.length;
  if (length >= LCPP_SECRETS_SHORTEST) {
    lcpp_needles_add(&search->behind, bytes, length, 0, borders + room);
  }
  /* What stands before a secret may make an escape of its first bytes: `%` of the digits of "41..",
   * say. So it is found by its end, too. */
  if (length > SHORTEST_END) {
    size_t before = length - SHORTEST_END;
    before = before < LONGEST_START ? before : LONGEST_START;
    lcpp_needles_add(&search->behind, bytes + before, length - before, before, borders + 2 * room);
  }
}

/* Adds all of them. */
static void add_secrets(struct search *search, const struct lcpp_secrets *secrets,
                        uint32_t *borders) {
  for (size_t i = 0; i < secrets->count; i++) {
    add_secret(search, &secrets->list[i], borders);
    borders += borders_of(search, secrets->list[i].raw.length);
  }
}

/* Hides what may be the beginning of a secret, cut off with the rest of the text. */
static void hide_beginnings(struct search *search, uint32_t held) {
  uint32_t raw = search->length - lcpp_needles_begun(&search->raw);
  uint32_t from = raw < held ? raw : held;
  uint32_t begun = lcpp_needles_begun(&search->behind);
  if (begun > 0 && search->starts[search->count - begun] < from) {
    from = search->starts[search->count - begun];
  }
  if (search->name.on && search->name.start < from &&
      search->length - search->name.start <= LONGEST_NAME) {
    from = search->name.start;
  }
  if (search->domain.on && search->domain.start < from) {
    from = search->domain.start;
  }
  if (from < search->length) {
    cover(search, from, search->length);
  }
}

/* Returns how many bytes were in escapes, or not of ASCII. */
static uint32_t read_all(struct search *search, bool cut) {
  struct lcpp_unescaper unescaper = {.take = read_behind, .context = search};
  for (uint32_t i = 0; i < search->length; i++) {
    struct lcpp_unit unit = {search->text[i], i, i + 1};
    uint32_t matched = lcpp_needles_read(&search->raw, lcpp_fold(unit.byte));
    if (matched > 0) {
      cover(search, i + 1 - matched, i + 1);
    }
    if (search->plain) {
      read_behind(search, unit);
    } else {
      lcpp_unescape(&unescaper, unit);
    }
  }
  if (cut) {
    hide_beginnings(search, lcpp_unescape_held(&unescaper, search->length));
  } else {
    lcpp_unescape_end(&unescaper);
  }
  return unescaper.slow;
}

/* What is shown. */
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

/* The length of the character at `at`, and how it looks. One that is hidden in part is invisible.
 */
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

/* The bytes that a text has. */
struct alphabet {
  uint64_t bits[4];
};

static bool has(const struct alphabet *alphabet, unsigned char byte) {
  return (alphabet->bits[byte / 64] >> byte % 64 & 1) != 0;
}

static struct alphabet alphabet_of(struct lcpp_text text) {
  struct alphabet alphabet = {{0}};
  for (size_t i = 0; i < text.length; i++) {
    unsigned char byte = (unsigned char)text.data[i];
    LCPP_STEP();
    alphabet.bits[byte / 64] |= UINT64_C(1) << byte % 64;
  }
  return alphabet;
}

/* Whether a text has all bytes of a secret. */
static bool may_hold(const struct alphabet *alphabet, struct lcpp_text secret) {
  for (size_t i = 0; i < secret.length; i++) {
    LCPP_STEP();
    if (!has(alphabet, (unsigned char)secret.data[i])) {
      return false;
    }
  }
  return true;
}

bool lcpp_is_harmless(struct lcpp_text text, const struct lcpp_secrets *secrets) {
  if (!lcpp_is_plain(text)) {
    return false;
  }
  struct alphabet alphabet = alphabet_of(text);
  bool harmful = has(&alphabet, ' ') || has(&alphabet, '+') || has(&alphabet, '@') ||
                 may_hold(&alphabet, (struct lcpp_text){"eyJ", 3});
  for (size_t i = 0; i < secrets->count && !harmful; i++) {
    struct lcpp_text secret = secrets->list[i].raw;
    harmful = secret.length <= text.length && may_hold(&alphabet, secret);
  }
  return !harmful;
}

size_t lcpp_redact(struct lcpp_text text, const struct lcpp_secrets *secrets, char *shown,
                   size_t limit, size_t *cost) {
  static const struct lcpp_secrets none = {.count = 0};
  const struct lcpp_secrets *wanted = secrets != NULL ? secrets : &none;
  size_t most = limit + LCPP_REDACT_AHEAD;
  size_t length = text.length < most ? text.length : most;
  struct search search = {.text = (const unsigned char *)text.data, .length = (uint32_t)length};
  search.plain = lcpp_is_plain((struct lcpp_text){text.data, length});
  size_t readings = search.plain ? 1 : 2;
  size_t numbers = readings * length + borders_of(&search, wanted->bytes + wanted->count);
  uint32_t *space = malloc((numbers + 1) * sizeof *space);
  if (space == NULL) {
    return SIZE_MAX;
  }
  search.covered = memset(space, 0, length * sizeof *space);
  search.starts = space + (readings - 1) * length;
  add_secrets(&search, wanted, space + readings * length);
  *cost = length;
  if (secrets != NULL) {
    *cost += SLOW * (size_t)read_all(&search, length < text.length);
  }
  size_t written = write_page(&search, (struct page){shown, 0, limit});
  free(space);
  return written;
}
