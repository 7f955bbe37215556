/* Reads text behind its escapes: see unescape.h. */
#include "unescape.h"

#include <string.h>

#include "characters.h"

#ifdef LCPP_COUNT_STEPS
unsigned long long lcpp_steps;
#endif

/* Layers: two of the service, and one that a secret itself may look like. */
enum { LAYERS = 3, ESCAPE_LIMIT = 16 };

enum { UNKNOWN = 0xfffd, LONGEST_NAME = 14 };

/* A byte behind the escapes, and what spells it: text[start] to text[end - 1]. */
struct unit {
  unsigned char byte;
  uint32_t start;
  uint32_t end;
};

/* One layer: an escape that has begun. */
struct layer {
  struct unit held[ESCAPE_LIMIT]; /* what it was spelled by so far */
  unsigned count;
  unsigned digits; /* still to come; of an HTML number: seen */
  uint32_t number;
  bool hexadecimal; /* of an HTML number */
  uint32_t high;    /* the first half of a pair of UTF-16; 0: none */
  uint32_t high_start;
};

/* The bytes of an incomplete character. */
struct partial {
  struct unit held[4];
  unsigned count;
};

/* All zeros, but for the last member, is the beginning of a text. */
struct unescaper {
  struct layer layers[LAYERS];
  struct partial partial[LAYERS + 1]; /* before each layer, and after the last one */
  struct lcpp_unescaped *behind;
};

/* What a byte does to the escape that has begun. */
enum verdict {
  BROKEN, /* it was none, and the byte does not belong to it */
  MORE,
  SKIP,   /* a leading zero: more, and not worth keeping */
  BYTE,   /* ends it: `number` is a byte */
  CODE,   /* ends it: `number` is a code point */
  BEFORE, /* has ended before this byte: `number` is a code point */
};

static bool is_letter(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The next of a fixed number of digits. */
static enum verdict read_digit(struct layer *layer, unsigned char c, enum verdict end) {
  int value = lcpp_hex_value((char)c);
  if (value < 0) {
    return BROKEN;
  }
  layer->number = layer->number * 16 + (uint32_t)value;
  return --layer->digits == 0 ? end : MORE;
}

static enum verdict read_percent(struct layer *layer, unsigned char c) {
  if (layer->count == 1) {
    layer->digits = c == 'u' ? 4 : 2;
    if (c == 'u') {
      return MORE;
    }
  }
  return read_digit(layer, c, layer->held[layer->count > 1].byte == 'u' ? CODE : BYTE);
}

static enum verdict read_backslash(struct layer *layer, unsigned char c) {
  if (layer->count > 1) {
    return read_digit(layer, c, layer->held[1].byte == 'u' ? CODE : BYTE);
  }
  if (c == 'u' || c == 'x') {
    layer->digits = c == 'u' ? 4 : 2;
    return MORE;
  }
  bool control = c != '\0' && strchr("nrtbf", c) != NULL;
  bool mark = c > ' ' && c < 0x7f && !is_letter(c) && !lcpp_is_digit((char)c);
  layer->number = control ? ' ' : c;
  /* No format escapes these two so: they begin the next escape, which may spell a letter. */
  return control || (mark && c != '%' && c != '&') ? BYTE : BROKEN;
}

static enum verdict read_number(struct layer *layer, unsigned char c) {
  int value = layer->hexadecimal || lcpp_is_digit((char)c) ? lcpp_hex_value((char)c) : -1;
  if (value < 0) {
    return layer->digits == 0 ? BROKEN : c == ';' ? CODE : BEFORE;
  }
  bool zero = layer->number == 0 && layer->digits > 0 && value == 0;
  layer->number = layer->number * (layer->hexadecimal ? 16 : 10) + (uint32_t)value;
  layer->digits++;
  return layer->number > 0x10ffff ? BROKEN : zero ? SKIP : MORE;
}

/* HTML's names of ASCII characters, in any case, and of invisible ones, which are all the same: a
 * name, its character, and a blank. */
static uint32_t named(const struct layer *layer) {
  static const char names[] =
      "amp& lt< gt> quot\" apos' commat@ nbsp  plus+ sol/ equals= period. lowbar_ percnt% bsol\\ "
      "colon: semi; comma, excl! num# dollar$ lpar( rpar) ast* midast* quest? lsqb[ lbrack[ rsqb] "
      "rbrack] hat^ underbar_ grave` lcub{ lbrace{ verbar| vert| rcub} rbrace} tab  newline  "
      "shy\xad zwj\xad zwnj\xad lrm\xad rlm\xad nobreak\xad zerowidthspace\xad ";
  char name[ESCAPE_LIMIT] = {0};
  for (unsigned i = 1; i < layer->count; i++) {
    name[i - 1] = (char)layer->held[i].byte;
  }
  size_t length = 0;
  for (const char *at = names; *at != '\0'; at += length + 2) {
    LCPP_STEP();
    for (length = 0; is_letter((unsigned char)at[length]);) {
      length++;
    }
    if (lcpp_is_same_to(name, at, length) && name[length] == '\0') {
      return (unsigned char)at[length];
    }
  }
  return UNKNOWN; /* some letter, which is what an address needs to be told by */
}

static enum verdict read_reference(struct layer *layer, unsigned char c) {
  if (layer->count == 1) {
    return c == '#' || is_letter(c) ? MORE : BROKEN;
  }
  if (layer->held[1].byte == '#') {
    if (layer->count == 2 && (c == 'x' || c == 'X')) {
      layer->hexadecimal = true;
      return MORE;
    }
    return read_number(layer, c);
  }
  if (c == ';') {
    layer->number = named(layer);
    return CODE;
  }
  return (is_letter(c) || lcpp_is_digit((char)c)) && layer->count <= LONGEST_NAME ? MORE : BROKEN;
}

static enum verdict read_next(struct layer *layer, unsigned char c) {
  switch (layer->held[0].byte) {
    case '%':
      return read_percent(layer, c);
    case '\\':
      return read_backslash(layer, c);
    default:
      return read_reference(layer, c);
  }
}

/* Keeps a byte behind all escapes, unless it is a blank behind another one. */
static void keep(struct lcpp_unescaped *behind, struct unit unit) {
  LCPP_STEP();
  if (unit.byte != '+' && lcpp_fold(unit.byte) == ' ') {
    if (behind->count > 0 && behind->bytes[behind->count - 1] == ' ') {
      return;
    }
    unit.byte = ' ';
  }
  if (behind->starts != NULL) {
    behind->starts[behind->count] = unit.start;
    behind->ends[behind->count] = unit.end;
  }
  behind->bytes[behind->count++] = unit.byte;
}

static void read_unit(struct unescaper *unescaper, size_t depth, struct unit unit);

/* Hands a byte to the layer, or beyond the last one. */
static void hand_on(struct unescaper *unescaper, size_t depth, struct unit unit) {
  if (depth < LAYERS) {
    read_unit(unescaper, depth, unit);
  } else {
    keep(unescaper->behind, unit);
  }
}

/* Reads a byte of a character beyond ASCII. Invisible characters are left out, as are bytes that
 * are no character. */
static void read_character(struct unescaper *unescaper, size_t depth, struct unit unit) {
  struct partial *partial = &unescaper->partial[depth];
  bool begins = (unit.byte & 0xc0) != 0x80;
  if (begins || partial->count == sizeof partial->held / sizeof unit) {
    partial->count = 0;
  }
  partial->held[partial->count++] = unit;
  char bytes[4] = {0};
  for (unsigned i = 0; i < partial->count; i++) {
    bytes[i] = (char)partial->held[i].byte;
  }
  uint32_t code = 0;
  unsigned whole = (unsigned)lcpp_utf8_read(bytes, partial->count, &code);
  if (whole == 0) {
    return;
  }
  partial->count = 0;
  for (unsigned i = 0; i < whole && lcpp_look_of(code) != LCPP_INVISIBLE; i++) {
    hand_on(unescaper, depth, partial->held[i]);
  }
}

/* Reads a byte before the layer. Within an escape, and at the end, characters are read: elsewhere
 * they mean nothing. */
static void feed(struct unescaper *unescaper, size_t depth, struct unit unit) {
  bool within = depth == LAYERS || unescaper->layers[depth].count > 0;
  if (unit.byte >= 0x80 && within) {
    read_character(unescaper, depth, unit);
    return;
  }
  unescaper->partial[depth].count = 0;
  hand_on(unescaper, depth, unit);
}

/* Hands a byte to the next layer. */
static void pass(struct unescaper *unescaper, size_t depth, struct unit unit) {
  unescaper->layers[depth].high = 0;
  feed(unescaper, depth + 1, unit);
}

static void begin(struct layer *layer, struct unit unit) {
  layer->held[0] = unit;
  layer->count = 1;
  layer->digits = 0;
  layer->number = 0;
  layer->hexadecimal = false;
}

/* Hands on what turned out to be no escape. Only its first byte could begin one. */
static void release(struct unescaper *unescaper, size_t depth) {
  struct layer *layer = &unescaper->layers[depth];
  unsigned count = layer->count;
  layer->count = 0;
  for (unsigned i = 0; i < count; i++) {
    LCPP_STEP();
    pass(unescaper, depth, layer->held[i]);
  }
}

/* Hands on a code point, its bytes each spelled by the whole escape. */
static void pass_code(struct unescaper *unescaper, size_t depth, uint32_t start, uint32_t end) {
  struct layer *layer = &unescaper->layers[depth];
  uint32_t code = layer->number;
  if (code >= 0xd800 && code < 0xdc00) {
    layer->high = code;
    layer->high_start = start;
    return;
  }
  if (code >= 0xdc00 && code < 0xe000) {
    start = layer->high != 0 ? layer->high_start : start;
    code = layer->high != 0 ? 0x10000 + ((layer->high - 0xd800) << 10) + (code - 0xdc00) : UNKNOWN;
  }
  unsigned char bytes[4];
  size_t length = lcpp_utf8_write(bytes, code);
  for (size_t i = 0; i < length; i++) {
    pass(unescaper, depth, (struct unit){bytes[i], start, end});
  }
}

/* Ends an escape that spells `number`. */
static void finish(struct unescaper *unescaper, size_t depth, bool byte, uint32_t end) {
  struct layer *layer = &unescaper->layers[depth];
  uint32_t start = layer->held[0].start;
  layer->count = 0;
  if (byte) {
    pass(unescaper, depth, (struct unit){(unsigned char)layer->number, start, end});
  } else {
    pass_code(unescaper, depth, start, end);
  }
}

/* Ends an HTML number without its semicolon, before a byte or at the end of the text. */
static void end_number(struct unescaper *unescaper, size_t depth) {
  struct layer *layer = &unescaper->layers[depth];
  finish(unescaper, depth, false, layer->held[layer->count - 1].end);
}

static void read_unit(struct unescaper *unescaper, size_t depth, struct unit unit) {
  struct layer *layer = &unescaper->layers[depth];
  LCPP_STEP();
  if (layer->count > 0) {
    switch (read_next(layer, unit.byte)) {
      case MORE:
        layer->held[layer->count++] = unit;
        return;
      case SKIP:
        layer->held[layer->count - 1].end = unit.end;
        return;
      case BYTE:
        finish(unescaper, depth, true, unit.end);
        return;
      case CODE:
        finish(unescaper, depth, false, unit.end);
        return;
      case BEFORE:
        /* An escape may spell the rest of the number, which the next layer reads then. */
        if ((unit.byte == '%' || unit.byte == '\\') && depth + 1 < LAYERS) {
          release(unescaper, depth);
          break;
        }
        end_number(unescaper, depth);
        read_unit(unescaper, depth, unit); /* once: the escape before it is over */
        return;
      case BROKEN:
        release(unescaper, depth);
        break;
    }
  }
  if (lcpp_begins_escape(unit.byte)) {
    begin(layer, unit);
  } else {
    pass(unescaper, depth, unit);
  }
}

/* Whether no escape and no character is incomplete. */
static bool is_idle(const struct unescaper *unescaper) {
  unsigned begun = unescaper->partial[LAYERS].count;
  uint32_t high = 0;
  for (size_t depth = 0; depth < LAYERS; depth++) {
    begun |= unescaper->layers[depth].count; /* a character within it as well */
    high |= unescaper->layers[depth].high;
  }
  return begun == 0 && high == 0;
}

/* Whether an HTML number has begun, and has digits. */
static bool is_number(const struct layer *layer) {
  return layer->count > 2 && layer->held[1].byte == '#' && layer->digits > 0;
}

/* Ends what is incomplete at the end of the text. */
static void end_text(struct unescaper *unescaper) {
  for (size_t depth = 0; depth < LAYERS; depth++) {
    if (is_number(&unescaper->layers[depth])) {
      end_number(unescaper, depth);
    } else {
      release(unescaper, depth);
    }
  }
}

/* Where the incomplete escape or character begins; `end` if there is none. */
static uint32_t find_incomplete(const struct unescaper *unescaper, uint32_t end) {
  const struct partial *last = &unescaper->partial[LAYERS];
  if (last->count > 0) {
    return last->held[0].start;
  }
  for (size_t depth = LAYERS; depth > 0; depth--) {
    const struct layer *layer = &unescaper->layers[depth - 1];
    if (layer->count > 0) {
      return layer->held[0].start; /* a character within it begins later */
    }
  }
  return end;
}

void lcpp_unescape(const unsigned char *text, uint32_t length, bool cut,
                   struct lcpp_unescaped *behind) {
  struct unescaper unescaper = {.behind = behind};
  for (uint32_t i = 0; i < length; i++) {
    struct unit unit = {text[i], i, i + 1};
    if (unit.byte < 0x80 && !lcpp_begins_escape(unit.byte) && is_idle(&unescaper)) {
      keep(behind, unit); /* the result of the layers, for most bytes */
    } else {
      behind->slow++;
      feed(&unescaper, 0, unit);
    }
  }
  behind->held = cut ? find_incomplete(&unescaper, length) : length;
  if (!cut) {
    end_text(&unescaper);
  }
}
