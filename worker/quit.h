/* The end of a pool's worker. */

#ifndef SS_QUIT_H
#define SS_QUIT_H

#include <tcl.h>

/* Whatever is done from now on, in two seconds this process ends. */
void		SsQuitSoon(int status);

/*
 * Ends this process, whatever the application has made of "exit": that is
 * evaluated first, then Tcl's own exit runs what it runs.  It takes no longer
 * than two seconds.
 */
void		SsQuit(Tcl_Interp *interp, int status)
		    __attribute__((noreturn));

#endif /* SS_QUIT_H */
