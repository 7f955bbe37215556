/* Secrets that are looked for in texts: see secrets.h. */
#include "secrets.h"

#include <string.h>

#include "buffer.h"
#include "unescape.h"

void lcpp_needles_add(struct lcpp_needles *needles, const unsigned char *bytes, size_t length,
                      size_t before, uint32_t *borders) {
  needles->list[needles->count] = (struct lcpp_needle){.bytes = bytes,
                                                       .length = (uint32_t)length,
                                                       .before = (uint32_t)before,
                                                       .known = 1,
                                                       .borders = borders};
  borders[0] = borders[1] = 0;
  needles->starting[lcpp_fold(bytes[0])] |= 1U << needles->count++;
}

/* The border of the matched part. Computed when a match first gets that far: mostly never. */
static uint32_t border(struct lcpp_needle *needle) {
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

/* Compares a needle with the next byte; returns whether the whole of it is matched. */
static bool advance(struct lcpp_needle *needle, unsigned char folded) {
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

uint32_t lcpp_needles_read(struct lcpp_needles *needles, unsigned char folded) {
  uint32_t candidates = needles->active | needles->starting[folded];
  uint32_t longest = 0;
  for (unsigned i = 0; i < needles->count && candidates >> i != 0; i++) {
    struct lcpp_needle *needle = &needles->list[i];
    if ((candidates >> i & 1) == 0) {
      continue;
    }
    if (advance(needle, folded) && needle->before + needle->length > longest) {
      longest = needle->before + needle->length;
    }
    needles->active &= ~(1U << i);
    needles->active |= (uint32_t)(needle->matched > 0) << i;
  }
  return longest;
}

uint32_t lcpp_needles_begun(const struct lcpp_needles *needles) {
  uint32_t longest = 0;
  for (unsigned i = 0; i < needles->count; i++) {
    uint32_t matched = needles->list[i].matched;
    longest = matched > longest ? matched : longest;
  }
  return longest;
}

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

/* What a secret is behind its escapes. */
struct stripped {
  char *bytes;
  size_t length;
  bool blank;
};

static void strip(void *context, struct lcpp_unit unit) {
  struct stripped *stripped = context;
  unsigned char c = lcpp_fold(unit.byte);
  bool blank = c == ' ' && unit.byte != '+';
  if (!(blank && stripped->blank)) {
    stripped->bytes[stripped->length++] = (char)c;
  }
  stripped->blank = blank;
}

/* A backslash at its end is left out: in the text it escapes what follows. */
static struct lcpp_text strip_secret(struct lcpp_text secret, char *copy) {
  struct stripped stripped = {.bytes = copy};
  struct lcpp_unescaper unescaper = {.take = strip, .context = &stripped};
  for (uint32_t i = 0; i < secret.length; i++) {
    unsigned char byte = (unsigned char)secret.data[i];
    lcpp_unescape(&unescaper, (struct lcpp_unit){byte, i, i + 1});
  }
  lcpp_unescape_end(&unescaper);
  while (stripped.length > 0 && copy[stripped.length - 1] == '\\') {
    stripped.length--;
  }
  return (struct lcpp_text){copy, stripped.length};
}

void lcpp_secrets_prepare(struct lcpp_secrets *secrets, char *copies) {
  secrets->copies = copies;
  for (size_t i = 0; i < secrets->count; i++) {
    struct lcpp_secret *secret = &secrets->list[i];
    secret->behind = lcpp_is_plain(secret->raw) ? secret->raw : strip_secret(secret->raw, copies);
    copies += secret->raw.length;
  }
}

void lcpp_secrets_clear(struct lcpp_secrets *secrets) {
  if (secrets->copies != NULL) {
    lcpp_buffer_clear(&(struct lcpp_buffer){.data = secrets->copies, .length = secrets->bytes});
  }
}
