/*
 * clock.h --
 *
 *	A clock that nobody sets.
 */

#ifndef SS_CLOCK_H
#define SS_CLOCK_H

#include <stdint.h>

/*
 * SsMilliseconds --
 *
 *	Milliseconds of CLOCK_MONOTONIC, which all processes of the machine
 *	see alike.
 *
 * Process: both.
 */

int64_t		SsMilliseconds(void);

#endif /* SS_CLOCK_H */
