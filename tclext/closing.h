/*
 * closing.h --
 *
 *	The command ::socketserver::Closing.
 */

#ifndef SS_CLOSING_H
#define SS_CLOSING_H

#include <tcl.h>

/*
 * SsClosingObjCmd --
 *
 *	Closing channel cmdPrefix: evaluates a command prefix from the event
 *	loop after the channel is closed, by whomever; private to the package.
 *
 * Process: worker.
 */

int		SsClosingObjCmd(void *clientData, Tcl_Interp *interp,
		    int objc, Tcl_Obj *const objv[]);

#endif /* SS_CLOSING_H */
