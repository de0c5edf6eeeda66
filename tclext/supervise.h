/*
 * supervise.h --
 *
 *	The command ::socketserver::Supervise.
 */

#ifndef SS_SUPERVISE_H
#define SS_SUPERVISE_H

#include <tcl.h>

/*
 * SsSuperviseObjCmd --
 *
 *	Asks what becomes of a pool's workers; private to the package.
 *
 *	new config -> id
 *	step id snapshot -> what to do		See text.go.
 *	end id
 *
 * Process: server.
 */

int		SsSuperviseObjCmd(void *clientData, Tcl_Interp *interp,
		    int objc, Tcl_Obj *const objv[]);

#endif /* SS_SUPERVISE_H */
