/*
 * quit.h --
 *
 *	The end of a pool's worker.
 */

#ifndef SS_QUIT_H
#define SS_QUIT_H

#include <tcl.h>

/*
 * Ends this process, whatever the application has made of "exit": that is
 * evaluated first, then Tcl's own exit runs what it runs.  Neither may take
 * longer than two seconds.
 */
void		SsQuit(Tcl_Interp *interp, int status)
		    __attribute__((noreturn));

#endif /* SS_QUIT_H */
