/*
 * start.h --
 *
 *	The one way into Go: its start, and what a thread is to ask it
 *	through from then on (control.h).  So a forked child, which has Go's
 *	memory but none of its threads, never enters it.
 */

#ifndef SS_START_H
#define SS_START_H

#include "boundary.h"

/*
 * When the library is loaded: waits until its Go runtime has started, undoes
 * what that did to signals, and notes the sockets that the process was started
 * with.  Returns 0 or an errno.
 */

int		SsStartInit(void);

/*
 * Hands the reactor its end of a control socket, which stays the caller's, too;
 * starts it first unless it runs, in a forked child that of a fresh copy of
 * this library.  Returns 0, or -1 with the error filled.
 */

int		SsStart(int fd, SsStarted *startedPtr);

/* In a forked child: Go is dead.  Safe between fork and exec. */

void		SsStartForget(void);

#endif /* SS_START_H */
