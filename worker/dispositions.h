/*
 * dispositions.h --
 *
 *	The signal dispositions that Go's runtime changes when it starts.
 */

#ifndef SS_DISPOSITIONS_H
#define SS_DISPOSITIONS_H

#include <signal.h>

/*
 * SsDispositionsSave --
 *
 *	Call before a Go runtime is loaded: notes what holds.
 *
 * SsDispositionsCompare --
 *
 *	Call when it has started: notes what it changed.  What was ignored
 *	is ignored again, since a program that is started with exec would
 *	see the difference; Go itself can do without.
 *
 * SsDispositionsOnStack --
 *
 *	Call before Go runs: has the application's handlers of those signals
 *	that Go opens on its threads use the alternate stack of the thread
 *	that they interrupt.  Go's threads have one, others needn't: there
 *	nothing changes.
 *
 * SsDispositionsGiveBack --
 *
 *	Undoes all that Go changed and nobody changed since.  For a forked
 *	child, where Go's handlers lead into a runtime that is dead; safe
 *	between fork and exec.
 *
 * SsDispositionsBefore --
 *
 *	What held before.  Another file of this library, loaded later, looks
 *	it up by this name.
 *
 * Process: both; GiveBack, worker only.
 */

void		SsDispositionsSave(void);
void		SsDispositionsCompare(void);
void		SsDispositionsOnStack(void);
void		SsDispositionsGiveBack(void);
void		SsDispositionsBefore(int number,
		    struct sigaction *actionPtr);

#endif /* SS_DISPOSITIONS_H */
