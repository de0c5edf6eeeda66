/*
 * pools.h --
 *
 *	Which interpreter has a service's pool, and so hears what operators ask
 *	of it; also when the service is closed already.  All of these want the
 *	fork lock held.
 */

#ifndef SS_POOLS_H
#define SS_POOLS_H

#include <tcl.h>
#include <stdint.h>

/* Until it is dropped, or in a forked child. */
void		SsPoolAddLocked(int64_t service, Tcl_Interp *interp);
void		SsPoolDropLocked(int64_t service);

/* That of a service, or NULL; a service of an interpreter's, or 0. */
Tcl_Interp *	SsPoolInterpLocked(int64_t service);
int64_t		SsPoolOfLocked(const Tcl_Interp *interp);

/* In a forked child, safe between fork and exec. */
void		SsPoolsForget(void);

#endif /* SS_POOLS_H */
