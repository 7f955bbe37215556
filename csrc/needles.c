/* Secrets that are looked for in a text: see needles.h. */
#include "needles.h"

#include <stdbool.h>

#include "steps.h"

#ifdef LCPP_COUNT_STEPS
unsigned long long lcpp_steps;
#endif

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
