/* Decodes the escapes of a text: see unescape.h. */
#include "unescape.h"

#include <string.h>

#include "characters.h"

#ifdef LCPP_COUNT_STEPS
unsigned long long lcpp_steps;
#endif

/* Layers of escapes: two of the service, and one that a secret itself may seem to have. */
enum { LAYERS = 3, LONGEST_NAME = 14 };

/* Stand for any letter beyond ASCII (an address may contain it), and for any invisible
 * character. */
enum { UNKNOWN = 0xfffd, SHY = 0xad };

/* The escape at a place of a text. */
struct escape {
  uint32_t length; /* 0: no escape */
  uint32_t code;   /* its value: */
  bool byte;       /* a byte, else a code point */
  bool incomplete; /* the text ends within it */
};

static const struct escape none, incomplete = {.incomplete = true};

static bool is_letter(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The hexadecimal digits text[first] to text[end - 1], which end the escape. */
static struct escape read_digits(const unsigned char *text, uint32_t length, uint32_t first,
                                 uint32_t end, bool byte) {
  uint32_t code = 0;
  for (uint32_t i = first; i < end; i++) {
    int value = i < length ? lcpp_hex_value((char)text[i]) : -1;
    if (value < 0) {
      return i < length ? none : incomplete;
    }
    code = code * 16 + (uint32_t)value;
  }
  return (struct escape){.length = end, .code = code, .byte = byte};
}

static struct escape read_backslash(const unsigned char *text, uint32_t length) {
  unsigned char c = text[1];
  if (c == 'u' || c == 'x') {
    return read_digits(text, length, 2, c == 'u' ? 6 : 4, c == 'x');
  }
  bool control = c != '\0' && strchr("nrtbf", c) != NULL;
  bool mark = c > ' ' && c < 0x7f && !is_letter(c) && !lcpp_is_digit((char)c);
  /* No format escapes these two with a backslash: they begin the next escape, which may be a
   * letter. */
  bool valid = control || (mark && c != '%' && c != '&');
  return (struct escape){.length = valid ? 2 : 0, .code = control ? ' ' : c, .byte = true};
}

/* HTML's numbers, also without the semicolon. */
static struct escape read_number(const unsigned char *text, uint32_t length, bool last_layer) {
  bool hexadecimal = length > 2 && (text[2] | 0x20) == 'x';
  uint32_t first = hexadecimal ? 3 : 2, end = first, code = 0;
  for (; end < length; end++) {
    bool digit = hexadecimal || lcpp_is_digit((char)text[end]);
    int value = digit ? lcpp_hex_value((char)text[end]) : -1;
    if (value < 0) {
      break;
    }
    LCPP_STEP();
    code = code * (hexadecimal ? 16 : 10) + (uint32_t)value;
    if (code > 0x10ffff) {
      return none;
    }
  }
  if (end == first) {
    return end < length ? none : incomplete;
  }
  if (end == length) {
    return (struct escape){.length = end, .code = code, .incomplete = true};
  }
  /* The rest of the number may be escaped: the next layer reads it. */
  if ((text[end] == '%' || text[end] == '\\') && !last_layer) {
    return none;
  }
  return (struct escape){.length = end + (text[end] == ';'), .code = code};
}

/* The character with a name of HTML, in any case: ASCII, or SHY for invisible ones. The table has a
 * name, its character, and a blank. */
static uint32_t named(const char *name, size_t length) {
  static const char names[] =
      "amp& lt< gt> quot\" apos' commat@ nbsp  plus+ sol/ equals= period. lowbar_ percnt% bsol\\ "
      "colon: semi; comma, excl! num# dollar$ lpar( rpar) ast* midast* quest? lsqb[ lbrack[ rsqb] "
      "rbrack] hat^ underbar_ grave` lcub{ lbrace{ verbar| vert| rcub} rbrace} tab  newline  "
      "shy\xad zwj\xad zwnj\xad lrm\xad rlm\xad nobreak\xad zerowidthspace\xad ";
  size_t size = 0;
  for (const char *at = names; *at != '\0'; at += size + 2) {
    LCPP_STEP();
    for (size = 0; is_letter((unsigned char)at[size]);) {
      size++;
    }
    if (size == length && lcpp_is_same_to(name, at, length)) {
      return (unsigned char)at[size];
    }
  }
  return UNKNOWN;
}

static struct escape read_name(const unsigned char *text, uint32_t length) {
  uint32_t end = 1;
  while (end < length && end <= LONGEST_NAME &&
         (is_letter(text[end]) || (end > 1 && lcpp_is_digit((char)text[end])))) {
    end++;
  }
  if (end == length) {
    return incomplete;
  }
  if (end == 1 || text[end] != ';') {
    return none;
  }
  return (struct escape){.length = end + 1, .code = named((const char *)text + 1, end - 1)};
}

static struct escape read_escape(const unsigned char *text, uint32_t length, bool last_layer) {
  if (length == 0 || !lcpp_begins_escape(text[0])) {
    return none;
  }
  if (length == 1) {
    return incomplete;
  }
  switch (text[0]) {
    case '%':
      return text[1] == 'u' ? read_digits(text, length, 2, 6, false)
                            : read_digits(text, length, 1, 3, true);
    case '\\':
      return read_backslash(text, length);
    default:
      return text[1] == '#' ? read_number(text, length, last_layer) : read_name(text, length);
  }
}

/* Reads an escape, or the two of a UTF-16 pair. */
static struct escape read_character(const unsigned char *text, uint32_t length, bool last_layer) {
  struct escape escape = read_escape(text, length, last_layer);
  if (escape.byte || escape.code < 0xd800 || escape.code >= 0xe000) {
    return escape;
  }
  struct escape low = read_escape(text + escape.length, length - escape.length, last_layer);
  bool first = escape.code < 0xdc00;
  if (first && !low.byte && low.code >= 0xdc00 && low.code < 0xe000) {
    escape.code = 0x10000 + ((escape.code - 0xd800) << 10) + (low.code - 0xdc00);
    escape.length += low.length;
  } else {
    escape.code = first ? SHY : UNKNOWN;
  }
  return escape;
}

/* Appends a byte to those that were decoded. */
static void put(struct lcpp_unescaped *decoded, unsigned char byte, struct lcpp_span span) {
  LCPP_STEP();
  if (decoded->spans != NULL) {
    decoded->spans[decoded->count] = span;
  }
  decoded->bytes[decoded->count++] = byte;
}

static struct lcpp_span span_of(const struct lcpp_unescaped *decoded, uint32_t at) {
  return decoded->spans != NULL ? decoded->spans[at] : (struct lcpp_span){0};
}

/* Appends the byte at a place. */
static void copy(struct lcpp_unescaped *decoded, uint32_t at) {
  put(decoded, decoded->bytes[at], span_of(decoded, at));
}

/* Drops invisible characters, and bytes that are not a character. */
static void drop_invisible(struct lcpp_unescaped *decoded) {
  uint32_t count = decoded->count;
  decoded->count = 0;
  for (uint32_t at = 0, next = 0; at < count; at = next) {
    uint32_t code = decoded->bytes[at];
    size_t size =
        code < 0x80 ? 1 : lcpp_utf8_read((const char *)decoded->bytes + at, count - at, &code);
    bool visible = size > 0 && lcpp_look_of(code) != LCPP_INVISIBLE;
    for (next = at + (size > 0 ? (uint32_t)size : 1); at < next && visible; at++) {
      copy(decoded, at);
    }
  }
}

/* Decodes one layer of escapes. Each byte of a code point gets the span of its escape. */
static void undo_layer(struct lcpp_unescaped *decoded, bool cut, bool last_layer) {
  uint32_t count = decoded->count;
  decoded->count = 0;
  for (uint32_t at = 0; at < count;) {
    unsigned char first = decoded->bytes[at];
    struct escape escape = read_character(decoded->bytes + at, count - at, last_layer);
    if (cut && escape.incomplete) {
      decoded->held = span_of(decoded, at).start;
      return;
    }
    if (escape.length == 0) {
      decoded->slow += first >= 0x80 || lcpp_begins_escape(first);
      copy(decoded, at++);
      continue;
    }
    decoded->slow += escape.length;
    struct lcpp_span span = span_of(decoded, at);
    at += escape.length;
    span.end = span_of(decoded, at - 1).end;
    unsigned char bytes[4] = {(unsigned char)escape.code};
    size_t length = escape.byte ? 1 : lcpp_utf8_write(bytes, escape.code);
    for (size_t i = 0; i < length; i++) {
      put(decoded, bytes[i], span);
    }
  }
}

/* Replaces each run of blanks by one blank. */
static void join_blanks(struct lcpp_unescaped *decoded) {
  uint32_t count = decoded->count;
  decoded->count = 0;
  for (uint32_t at = 0; at < count; at++) {
    bool blank = decoded->bytes[at] != '+' && lcpp_fold(decoded->bytes[at]) == ' ';
    if (!blank || decoded->count == 0 || decoded->bytes[decoded->count - 1] != ' ') {
      decoded->bytes[at] = blank ? ' ' : decoded->bytes[at];
      copy(decoded, at);
    }
  }
}

void lcpp_unescape(const unsigned char *text, uint32_t length, bool cut,
                   struct lcpp_unescaped *decoded) {
  for (uint32_t i = 0; i < length; i++) {
    put(decoded, text[i], (struct lcpp_span){i, i + 1});
  }
  decoded->held = length;
  uint32_t slow = 0;
  for (int layer = 1; layer <= LAYERS && (layer == 1 || decoded->slow > slow); layer++) {
    slow = decoded->slow;
    drop_invisible(decoded);
    undo_layer(decoded, cut, layer == LAYERS);
  }
  drop_invisible(decoded);
  join_blanks(decoded);
}
