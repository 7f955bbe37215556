/*
 * Counts the steps of what reads text of the service, in a build that counts them:
 * torture/fuzz/redact.c holds them to a constant number for each byte.
 */
#ifndef LCPP_STEPS_H
#define LCPP_STEPS_H

#ifdef LCPP_COUNT_STEPS
extern unsigned long long lcpp_steps;
#define LCPP_STEP() ((void)lcpp_steps++)
#else
#define LCPP_STEP() ((void)0)
#endif

#endif
