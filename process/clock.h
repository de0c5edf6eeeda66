/*
 * A clock that nobody sets, CLOCK_MONOTONIC: all processes of the machine see
 * the same milliseconds.
 */

#ifndef SS_CLOCK_H
#define SS_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t
SsMilliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif /* SS_CLOCK_H */
