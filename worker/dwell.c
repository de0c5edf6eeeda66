/*
 * dwell.c --
 *
 *	How long a worker may stay with its queue.
 */

#include "dwell.h"
#include "clock.h"

/*
 * In milliseconds.  The first is what a file or timer may have to wait, and
 * less than a person notices.  The second makes it rare: whatever happens
 * more often than that never waits.
 */

#define MOST 5
#define CALM 100

/*
 *----------------------------------------------------------------------
 *
 * SsDwellLooked, SsDwellLeft, SsDwellUndisturbed --
 *
 *	See dwell.h.
 *
 * Results:
 *	Milliseconds; 1 or 0.
 *
 * Side effects:
 *	None but what is noted.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsDwellLooked(
    SsDwell *dwellPtr,
    int disturbed)
{
    dwellPtr->looked = SsMilliseconds();
    if (disturbed) {
	dwellPtr->disturbed = dwellPtr->looked;
    }
}

int
SsDwellLeft(
    const SsDwell *dwellPtr)
{
    int64_t left = dwellPtr->looked + MOST - SsMilliseconds();

    return (left > 0) ? (int) left : 0;
}

int
SsDwellUndisturbed(
    const SsDwell *dwellPtr)
{
    return SsMilliseconds() - dwellPtr->disturbed >= CALM;
}
