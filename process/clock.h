/*
 * A clock that nobody sets, CLOCK_MONOTONIC: all processes of the machine see
 * the same time.
 */

#ifndef SS_CLOCK_H
#define SS_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t
SsNanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

static inline int64_t
SsMilliseconds(void)
{
    return (int64_t) (SsNanoseconds() / 1000000);
}

#endif /* SS_CLOCK_H */
