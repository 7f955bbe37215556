/* Clocks that never jump: see clock.h. */
#include "clock.h"

#include <time.h>

long long lcpp_monotonic_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

long long lcpp_monotonic_ms(void) {
  return lcpp_monotonic_us() / 1000;
}
