/*
 * dwell.h --
 *
 *	How long a worker may stay with its queue before its event loop must
 *	look at everything else again: files, timers, other threads' events.
 *	Queued events come before all of those, so that connections which
 *	follow each other closely would keep them waiting.
 */

#ifndef SS_DWELL_H
#define SS_DWELL_H

#include <stdint.h>

typedef struct SsDwell {
    int64_t looked;		/* When the event loop last looked at
				 * everything: SsMilliseconds. */
    int64_t disturbed;		/* When it last found something else. */
} SsDwell;

/*
 * SsDwellLooked --
 *
 *	Notes that the event loop has looked, and whether it was woken by
 *	something that has nothing to do with the queue.
 *
 * SsDwellLeft --
 *
 *	For how many milliseconds it needn't look again; 0: it is due.
 *
 * SsDwellUndisturbed --
 *
 *	Whether it has found nothing else for a while, so that nobody minds
 *	when the thread sleeps where nothing else wakes it, for as long as
 *	SsDwellLeft says.
 *
 * Process: worker.
 */

void		SsDwellLooked(SsDwell *dwellPtr, int disturbed);
int		SsDwellLeft(const SsDwell *dwellPtr);
int		SsDwellUndisturbed(const SsDwell *dwellPtr);

#endif /* SS_DWELL_H */
