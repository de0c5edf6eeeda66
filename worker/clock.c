/*
 * clock.c --
 *
 *	A clock that nobody sets.
 */

#include "clock.h"

#include <time.h>

/*
 *----------------------------------------------------------------------
 *
 * SsMilliseconds --
 *
 *	See clock.h.
 *
 * Results:
 *	Milliseconds since some time in the past.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

int64_t
SsMilliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
