/* Secrets that are looked for in texts: see secrets.h. */
#include "secrets.h"

#include <stdint.h>
#include <string.h>

#include "buffer.h"
#include "steps.h"
#include "unescape.h"

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
