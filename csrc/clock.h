/* Clocks that never jump: everything that waits, and everything that is bounded, goes by them. */
#ifndef LCPP_CLOCK_H
#define LCPP_CLOCK_H

/* Milliseconds, and microseconds, since some moment in the past. */
long long lcpp_monotonic_ms(void);
long long lcpp_monotonic_us(void);

#endif
