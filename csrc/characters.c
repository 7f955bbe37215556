/* Which characters may be shown: see characters.h. */
#include "characters.h"

enum { URL = LCPP_URI | LCPP_PATH, ADDRESS = LCPP_MAILBOX | LCPP_DOMAIN };

/* The classes of a byte, as a constant. Bytes beyond ASCII are of addresses in other scripts. */
#define IS_LETTER(c) (((c) >= 'A' && (c) <= 'Z') || ((c) >= 'a' && (c) <= 'z'))
#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define CLASSES(c)                                                                                   \
  (IS_LETTER(c) || IS_DIGIT(c) || (c) == '-' || (c) == '.' || (c) == '_' ? 0xff                      \
   : (c) >= 0x80                                                         ? ADDRESS                   \
   : (c) == '~'               ? LCPP_UNRESERVED | URL | LCPP_FIELD_NAME | LCPP_MAILBOX | LCPP_BEARER \
   : (c) == '+'               ? LCPP_URI | LCPP_FIELD_NAME | LCPP_MAILBOX | LCPP_BEARER              \
   : (c) == '%'               ? LCPP_FIELD_NAME | LCPP_MAILBOX | LCPP_BEARER                         \
   : (c) == '/' || (c) == '=' ? URL | LCPP_BEARER                                                    \
   : (c) == '$'               ? URL | LCPP_FIELD_NAME | LCPP_MAILBOX                                 \
   : (c) == '!' || (c) == '*' || (c) == '\'' ? LCPP_URI | LCPP_FIELD_NAME | LCPP_MAILBOX             \
   : (c) == '^' || (c) == '`' || (c) == '|'  ? LCPP_FIELD_NAME | LCPP_MAILBOX                        \
   : (c) == '{' || (c) == '}'                ? LCPP_MAILBOX                                          \
   : (c) == '&'                              ? URL | LCPP_FIELD_NAME                                 \
   : (c) == '#'                              ? LCPP_URI | LCPP_FIELD_NAME                            \
   : (c) == '?'                              ? URL                                                   \
   : (c) == ':' || (c) == '@' || (c) == '[' || (c) == ']' || (c) == '(' || (c) == ')' ||             \
           (c) == ',' || (c) == ';'                                                                  \
       ? LCPP_URI                                                                                    \
       : 0)
#define CLASSES_4(c) CLASSES(c), CLASSES((c) + 1), CLASSES((c) + 2), CLASSES((c) + 3)
#define CLASSES_16(c) CLASSES_4(c), CLASSES_4((c) + 4), CLASSES_4((c) + 8), CLASSES_4((c) + 12)
#define CLASSES_64(c) \
  CLASSES_16(c), CLASSES_16((c) + 16), CLASSES_16((c) + 32), CLASSES_16((c) + 48)
const unsigned char lcpp_classes[256] = {CLASSES_64(0), CLASSES_64(64), CLASSES_64(128),
                                         CLASSES_64(192)};

static bool is_continuation(const char *at) {
  return ((unsigned char)*at & 0xc0) == 0x80;
}

size_t lcpp_utf8_read(const char *text, size_t length, uint32_t *code) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  unsigned char first = (unsigned char)text[0];
  if (first < 0x80) {
    *code = first;
    return 1;
  }
  size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || size > length) {
    return 0;
  }
  uint32_t value = first & (0x7fU >> size);
  for (size_t i = 1; i < size; i++) {
    if (!is_continuation(text + i)) {
      return 0;
    }
    value = value << 6 | ((unsigned char)text[i] & 0x3f);
  }
  bool surrogate = value >= 0xd800 && value <= 0xdfff;
  *code = value;
  return value < least[size] || value > 0x10ffff || surrogate ? 0 : size;
}

static bool is_invisible(uint32_t code) {
  static const struct {
    uint32_t first, last;
  } ranges[] = {
      {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},   {0x115f, 0x1160},
      {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f}, {0x202a, 0x202e},
      {0x2060, 0x206f},   {0x3164, 0x3164},   {0xfdd0, 0xfdef}, {0xfe00, 0xfe0f},
      {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3},
      {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
  };
  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0] && ranges[i].first <= code; i++) {
    if (code <= ranges[i].last) {
      return true;
    }
  }
  return (code & 0xfffe) == 0xfffe; /* the noncharacters at the end of each plane */
}

enum lcpp_look lcpp_look_of(uint32_t code) {
  if (code <= 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029) {
    return LCPP_BLANK;
  }
  return is_invisible(code) ? LCPP_INVISIBLE : LCPP_VISIBLE;
}
