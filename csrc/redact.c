/* Makes text of the service safe to show: see redact.h. */
#include "redact.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "characters.h"

enum { LONGEST_REFERENCE = 32 }; /* bytes of a name of HTML */

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

static struct marks read_marks(const struct lcpp_reading *word) {
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

static void decode_percent(struct lcpp_reading *word, unsigned char *decoded) {
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
static void drop_invisible(struct lcpp_reading *word, unsigned char *visible) {
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
static void find_in_word(struct lcpp_search *search, struct lcpp_reading word,
                         const struct lcpp_secrets *secrets) {
  struct marks marks = read_marks(&word), left = {0};
  if (marks.percent) {
    decode_percent(&word, search->word);
  } else if (marks.invisible) {
    drop_invisible(&word, search->word);
  }
  if (marks.percent || marks.invisible) {
    left = read_marks(&word);
    lcpp_search_find(search, &word, secrets);
  }
  if (marks.escape || left.escape || left.percent || left.invisible) {
    lcpp_search_hide(search, &word, 0, 0);
  }
}

/* Whether a quotation mark begins or ends a string of JSON. */
static bool is_string_end(const struct lcpp_search *search, uint32_t at) {
  const unsigned char *text = search->text;
  return text[at] == '"' && ((at > 0 && lcpp_is_among(text[at - 1], "{[,:")) ||
                             (at + 1 < search->length && lcpp_is_among(text[at + 1], "}],:")));
}

/* The end of the word that begins at a place: at a blank, or where a string of JSON ends. */
static uint32_t end_of_word(const struct lcpp_search *search, uint32_t at) {
  while (at < search->length && search->text[at] > ' ' && !is_string_end(search, at)) {
    bool escaped = search->text[at] == '\\' && at + 1 < search->length;
    at += escaped && search->text[at + 1] > ' ' ? 2 : 1;
  }
  return at < search->length ? at : search->length;
}

/* Whether a text has escapes, or characters beyond ASCII. */
static bool has_encoded(const struct lcpp_search *search) {
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

static void find_in_words(struct lcpp_search *search, struct lcpp_secrets *secrets) {
  bool one_word = is_one_word(secrets);
  uint32_t end = 0;
  for (uint32_t at = 0; at < search->length; at = end + 1) {
    end = one_word ? search->length : end_of_word(search, at);
    if (end > at) {
      find_in_word(search, (struct lcpp_reading){search->text + at, end - at, true, at, end},
                   secrets);
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
static size_t look_at(const struct lcpp_search *search, uint32_t at, enum lcpp_look *look) {
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

static size_t write_page(const struct lcpp_search *search, struct page page) {
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
    if (lcpp_is_among((unsigned char)text[length - i], "%\\&")) {
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
  struct lcpp_search search = {.text = (const unsigned char *)text.data,
                               .length = (uint32_t)length,
                               .covered = space,
                               .borders = space + length,
                               .word = (unsigned char *)(space + 2 * length + 2),
                               .begun = (uint32_t)length};
  search.plain = is_plain(search.text, length);
  struct lcpp_reading whole = {.bytes = search.text, .count = search.length};
  lcpp_search_find(&search, &whole, secrets);
  if (has_encoded(&search)) {
    find_in_words(&search, secrets);
  }
  if (length < text.length && search.begun < search.length) {
    lcpp_search_hide(&search, &whole, search.begun, search.length);
  }
  size_t written = write_page(&search, (struct page){shown, 0, limit});
  /* A decoded word may hold a secret. */
  lcpp_buffer_clear(&(struct lcpp_buffer){.data = (char *)search.word, .length = length});
  free(space);
  return written;
}
