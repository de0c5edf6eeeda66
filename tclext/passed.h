/*
 * passed.h --
 *
 *	Listening sockets that this process was started with, by name, or that
 *	it has by itself, by number.  They are on the list of what children
 *	close.
 */

#ifndef SS_PASSED_H
#define SS_PASSED_H

#include "boundary.h"

#include <tcl.h>

/* Takes over what the process was started with. */
void		SsPassedInit(const SsStarted *startedPtr);

/*
 * Claims the sockets of a name, or of a number from 3 on, for a request that is
 * made with them: appends them to fds, which has room for SS_PACKET_FDS.
 * Returns how many there are, 0: none; -1: there is no room.
 */
int		SsPassedClaim(const char *name, int *fds, int *countPtr);

/* The claim came to nothing; or somebody else has the sockets, ours close. */
void		SsPassedGiveBack(const int *fds, int count);
void		SsPassedTaken(const int *fds, int count);

/* The error that there is no such socket; TCL_ERROR. */
int		SsPassedLacks(Tcl_Interp *interp, const char *name);

/* The names of those that nobody has claimed, a new list; closes them. */
Tcl_Obj *	SsPassedNames(void);
void		SsPassedClose(void);

/* In a forked child, where they are closed. */
void		SsPassedForget(void);

#endif /* SS_PASSED_H */
