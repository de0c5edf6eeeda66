/*
 * The signal dispositions that Go's runtime changes when it starts: noted
 * before, compared when it has started, given back in a forked child.  Nothing
 * here knows Tcl.
 */

#ifndef SS_DISPOSITIONS_H
#define SS_DISPOSITIONS_H

#include <signal.h>

/* Before a Go runtime is loaded: notes what holds. */
void		SsDispositionsSave(void);

/*
 * When it has started: notes what it changed.  What was ignored is ignored
 * again, since a program that is started with exec would see the difference; Go
 * itself can do without.
 */
void		SsDispositionsCompare(void);

/*
 * Before Go runs: has the application's handlers of those signals that Go opens
 * on its threads use the alternate stack of the thread that they interrupt; on
 * the small stack of a goroutine they would overwrite another's.  Go's threads
 * have one, others needn't: there nothing changes.
 */
void		SsDispositionsOnStack(void);

/*
 * Undoes all that Go changed and nobody changed since.  For a forked child,
 * where Go's handlers lead into a runtime that is dead; safe between fork and
 * exec.
 */
void		SsDispositionsGiveBack(void);

/*
 * What held before.  Another file of this library, loaded later, looks it up by
 * this name.
 */
void		SsDispositionsBefore(int number,
		    struct sigaction *actionPtr);

#endif /* SS_DISPOSITIONS_H */
