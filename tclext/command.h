/*
 * command.h --
 *
 *	The command ::socketserver::socket.
 */

#ifndef SS_COMMAND_H
#define SS_COMMAND_H

#include <tcl.h>

/*
 * SsSocketObjCmd --
 *
 *	Implements ::socketserver::socket; the man page says what its
 *	subcommands do.  An error's errorCode is {POSIX ...} or
 *	{SOCKETSERVER ...}.
 *
 * Process: both.
 */

int		SsSocketObjCmd(void *clientData, Tcl_Interp *interp,
		    int objc, Tcl_Obj *const objv[]);

#endif /* SS_COMMAND_H */
