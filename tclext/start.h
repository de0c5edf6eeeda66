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
 * SsStartInit waits, when the library is loaded, until its Go runtime has
 * started, and undoes what that did to signals.  Returns 0 or an errno.
 *
 * SsStart starts the reactor, in a forked child that of a fresh copy of this
 * library.  The pair is the door (internal/reactor); both ends stay the
 * caller's, and the first can be closed afterwards.  Returns 0, or -1 with
 * the error filled.
 *
 * SsStartForget: in a forked child, Go is dead.  Safe between fork and exec.
 */

int		SsStartInit(void);
int		SsStart(const int pair[2], SsStarted *startedPtr);
void		SsStartForget(void);

#endif /* SS_START_H */
