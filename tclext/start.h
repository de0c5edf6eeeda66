/*
 * start.h --
 *
 *	The one way into Go: its start.  From then on Go is asked through
 *	sockets (control.h), so a forked child, which has Go's memory but none
 *	of its threads, never enters it.
 */

#ifndef SS_START_H
#define SS_START_H

#include "boundary.h"

/*
 * When the library is loaded: waits until its Go runtime has started, and
 * undoes what that did to signals.  Returns 0 or an errno.
 */

int		SsStartInit(void);

/*
 * Starts the reactor, in a forked child that of a fresh copy of this library.
 * The pair is the door (internal/reactor); both ends stay the caller's, and
 * the first can be closed afterwards.  Returns 0, or -1 with the error filled.
 */

int		SsStart(const int pair[2], SsStarted *startedPtr);

/* In a forked child: Go is dead.  Safe between fork and exec. */

void		SsStartForget(void);

#endif /* SS_START_H */
