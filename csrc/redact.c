/* Makes text of the service safe to show: see redact.h. */
#include "redact.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "characters.h"

#ifdef LCPP_COUNT_STEPS
unsigned long long lcpp_steps;
#endif

enum {
  LONGEST_NAME = 320,    /* bytes before an `@`: 64 characters (RFC 5321), escaped */
  LONGEST_REFERENCE = 32 /* bytes of a name of HTML */
};

/* The text; or one of its words, decoded. */
struct reading {
  const unsigned char *bytes;
  uint32_t count;
  bool is_word; /* with its place in the text: */
  uint32_t start, end;
};

struct search {
  const unsigned char *text;
  uint32_t length;
  bool plain;        /* nothing is hidden, and a byte is a character */
  uint32_t *covered; /* of each byte: the end of the longest hidden part that begins there; or 0 */
  uint32_t *borders; /* room for those of one secret: see struct needle */
  unsigned char *word; /* room for a decoded one */
  uint32_t begun;      /* where a secret may begin that the end of the text cuts off */
};

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

static bool is_among(unsigned char c, const char *characters) {
  return c != '\0' && strchr(characters, c) != NULL;
}

static bool is(const struct reading *reading, uint32_t at, unsigned class) {
  LCPP_STEP();
  return at < reading->count && lcpp_is_of(reading->bytes[at], class);
}

/* Hides the bytes of a reading from `first` up to `end`; of a word, all of it. */
static void cover(struct search *search, const struct reading *reading, uint32_t first,
                  uint32_t end) {
  uint32_t start = reading->is_word ? reading->start : first;
  uint32_t last = reading->is_word ? reading->end : end;
  search->plain = false;
  if (search->covered[start] < last) {
    search->covered[start] = last;
  }
}

/* Records that a secret may begin at a byte of a reading, and end after it. */
static void note_begun(struct search *search, const struct reading *reading, uint32_t at) {
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

static void find_secret(struct search *search, const struct reading *reading,
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
      cover(search, reading, i + 1 - needle.length, i + 1);
    }
  }
  note_begun(search, reading, reading->count - needle.matched);
}

/* The beginning of the name of an address that ends at `end`; it may be between quotation marks. */
static uint32_t name_before(const struct reading *reading, uint32_t end) {
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
static uint32_t end_of_domain(const struct reading *reading, uint32_t at) {
  bool literal = at < reading->count && reading->bytes[at] == '[';
  while (is(reading, at, LCPP_DOMAIN) ||
         (literal && at < reading->count && reading->bytes[at] > ' ' &&
          !is_among(reading->bytes[at], "]@"))) {
    at++;
  }
  return at;
}

/* Addresses: a name, `@`, a domain. */
static void find_addresses(struct search *search, const struct reading *reading) {
  for (uint32_t at = 0; at < reading->count; at++) {
    const unsigned char *found = memchr(reading->bytes + at, '@', reading->count - at);
    if (found == NULL) {
      break;
    }
    at = (uint32_t)(found - reading->bytes);
    uint32_t name = name_before(reading, at);
    uint32_t end = end_of_domain(reading, at + 1);
    if (name < at && end > at + 1) {
      cover(search, reading, name, end);
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
static bool begins(const struct reading *reading, uint32_t at, const char *word) {
  size_t i = 0;
  while (word[i] != '\0' && at + i < reading->count && (reading->bytes[at + i] | 0x20) == word[i]) {
    i++;
  }
  return word[i] == '\0';
}

/* "Bearer", blanks or other characters that no token has, and a token (RFC 6750), whatever it is.
 */
static void find_bearers(struct search *search, const struct reading *reading) {
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
      cover(search, reading, at, end);
    }
  }
}

/* JSON Web Tokens (RFC 7519): base64url of an object, whose `{"` is "eyJ". */
static void find_jwts(struct search *search, const struct reading *reading) {
  for (uint32_t at = 0; at + 3 < reading->count; at++) {
    if (reading->bytes[at] == 'e' && memcmp(reading->bytes + at, "eyJ", 3) == 0 &&
        is(reading, at + 3, LCPP_JWT)) {
      uint32_t first = at;
      for (at += 3; is(reading, at + 1, LCPP_JWT);) {
        at++;
      }
      cover(search, reading, first, at + 1);
    }
  }
}

/* Finds in a reading what to hide. The first bytes of a secret may have become part of an escape in
 * a word, as those of "41.." do after a `%`, so there it is also found without them. */
static void find_all(struct search *search, const struct reading *reading,
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

/* The value of the percent-encoded byte at a place, or -1. */
static int percent_value(const unsigned char *at, uint32_t length) {
  if (length < 3 || *at != '%') {
    return -1;
  }
  int high = lcpp_hex_value((char)at[1]);
  int low = lcpp_hex_value((char)at[2]);
  return high >= 0 && low >= 0 ? high * 16 + low : -1;
}

/* Whether an escape other than percent-encoding is at a place: a backslash before another
 * character, `%u`, or a character reference of HTML. */
static bool is_escape(const unsigned char *at, uint32_t length) {
  uint32_t end = 1;
  if (length < 3) {
    return *at == '\\' && length == 2;
  }
  switch (*at) {
    case '\\':
      return true;
    case '%':
      return (at[1] | 0x20) == 'u' && lcpp_hex_value((char)at[2]) >= 0;
    case '&':
      while (end < length && end < LONGEST_REFERENCE && lcpp_is_of(at[end], LCPP_JWT)) {
        end++;
      }
      return at[1] == '#' || (end > 1 && end < length && at[end] == ';');
    default:
      return false;
  }
}

/* What a word has that may hide a secret. */
struct marks {
  bool percent, escape, invisible;
};

static struct marks read_marks(const struct reading *word) {
  struct marks marks = {0};
  for (uint32_t at = 0; at < word->count;) {
    uint32_t code = 0, left = word->count - at;
    size_t size = lcpp_utf8_read((const char *)word->bytes + at, left, &code);
    LCPP_STEP();
    marks.percent = marks.percent || percent_value(word->bytes + at, left) >= 0;
    marks.escape = marks.escape || is_escape(word->bytes + at, left);
    marks.invisible = marks.invisible || size == 0 || lcpp_look_of(code) == LCPP_INVISIBLE;
    at += size > 0 ? (uint32_t)size : 1;
  }
  return marks;
}

static void decode_percent(struct reading *word, unsigned char *decoded) {
  uint32_t count = 0;
  for (uint32_t at = 0; at < word->count; count++) {
    int value = percent_value(word->bytes + at, word->count - at);
    decoded[count] = value >= 0 ? (unsigned char)value : word->bytes[at];
    at += value >= 0 ? 3 : 1;
  }
  word->bytes = decoded;
  word->count = count;
}

/* Drops invisible characters, and bytes that are not a character. */
static void drop_invisible(struct reading *word, unsigned char *visible) {
  uint32_t count = 0;
  for (uint32_t at = 0; at < word->count;) {
    uint32_t code = 0;
    size_t size = lcpp_utf8_read((const char *)word->bytes + at, word->count - at, &code);
    if (size > 0 && lcpp_look_of(code) != LCPP_INVISIBLE) {
      memcpy(visible + count, word->bytes + at, size);
      count += (uint32_t)size;
    }
    at += size > 0 ? (uint32_t)size : 1;
  }
  word->bytes = visible;
  word->count = count;
}

/* Finds in a word what the search of the text could not: decodes its percent-encoding, or drops its
 * invisible characters. Hides it if it has other escapes, or still has one. */
static void find_in_word(struct search *search, struct reading word,
                         const struct lcpp_secrets *secrets) {
  struct marks marks = read_marks(&word), left = {0};
  if (marks.percent) {
    decode_percent(&word, search->word);
  } else if (marks.invisible) {
    drop_invisible(&word, search->word);
  }
  if (marks.percent || marks.invisible) {
    left = read_marks(&word);
    find_all(search, &word, secrets);
  }
  if (marks.escape || left.escape || left.percent || left.invisible) {
    cover(search, &word, 0, 0);
  }
}

/* Whether a quotation mark begins or ends a string of JSON. */
static bool is_string_end(const struct search *search, uint32_t at) {
  const unsigned char *text = search->text;
  return text[at] == '"' && ((at > 0 && is_among(text[at - 1], "{[,:")) ||
                             (at + 1 < search->length && is_among(text[at + 1], "}],:")));
}

/* The end of the word that begins at a place: at a blank, or where a string of JSON ends. */
static uint32_t end_of_word(const struct search *search, uint32_t at) {
  while (at < search->length && search->text[at] > ' ' && !is_string_end(search, at)) {
    bool escaped = search->text[at] == '\\' && at + 1 < search->length;
    at += escaped && search->text[at + 1] > ' ' ? 2 : 1;
  }
  return at < search->length ? at : search->length;
}

/* Whether a text has escapes, or characters beyond ASCII. */
static bool has_encoded(const struct search *search) {
  for (uint32_t i = 0; i < search->length; i++) {
    unsigned char c = search->text[i];
    if (c >= 0x80 || c == '%' || c == '\\' || c == '&') {
      return true;
    }
  }
  return false;
}

/* Whether a secret has a byte at which a word may end: then a text is one word. */
static bool is_one_word(struct lcpp_secrets *secrets) {
  for (; secrets->checked < secrets->count; secrets->checked++) {
    struct lcpp_text secret = secrets->list[secrets->checked];
    for (size_t i = 0; i < secret.length && !secrets->has_word_end; i++) {
      secrets->has_word_end = (unsigned char)secret.data[i] <= ' ' || secret.data[i] == '"';
    }
  }
  return secrets->has_word_end;
}

static void find_in_words(struct search *search, struct lcpp_secrets *secrets) {
  bool one_word = is_one_word(secrets);
  uint32_t end = 0;
  for (uint32_t at = 0; at < search->length; at = end + 1) {
    end = one_word ? search->length : end_of_word(search, at);
    if (end > at) {
      find_in_word(search, (struct reading){search->text + at, end - at, true, at, end}, secrets);
    }
  }
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
  if (search->plain) {
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

/* Whether a text has nothing to clean: a byte is a character, and is shown unchanged. */
static bool is_plain(const unsigned char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (text[i] < ' ' || text[i] >= 0x7f || (text[i] == ' ' && i > 0 && text[i - 1] == ' ')) {
      return false;
    }
  }
  return true;
}

/* The length of a text that was cut at `length`, without an escape that the cut may have split. */
static size_t trim(const char *text, size_t length) {
  for (size_t i = 1; i <= LONGEST_REFERENCE && i <= length; i++) {
    if (is_among((unsigned char)text[length - i], "%\\&")) {
      return length - i;
    }
  }
  return length;
}

size_t lcpp_redact(struct lcpp_text text, struct lcpp_secrets *secrets, char *shown, size_t limit) {
  size_t most = limit + LCPP_REDACT_AHEAD;
  size_t length = text.length <= most ? text.length : trim(text.data, most);
  uint32_t *space = calloc(length * 9 + 8, 1);
  if (space == NULL) {
    return SIZE_MAX;
  }
  struct search search = {.text = (const unsigned char *)text.data,
                          .length = (uint32_t)length,
                          .covered = space,
                          .borders = space + length,
                          .word = (unsigned char *)(space + 2 * length + 2),
                          .begun = (uint32_t)length};
  search.plain = is_plain(search.text, length);
  struct reading whole = {.bytes = search.text, .count = search.length};
  find_all(&search, &whole, secrets);
  if (has_encoded(&search)) {
    find_in_words(&search, secrets);
  }
  if (length < text.length && search.begun < search.length) {
    cover(&search, &whole, search.begun, search.length);
  }
  size_t written = write_page(&search, (struct page){shown, 0, limit});
  /* A decoded word may hold a secret. */
  lcpp_buffer_clear(&(struct lcpp_buffer){.data = (char *)search.word, .length = length});
  free(space);
  return written;
}
