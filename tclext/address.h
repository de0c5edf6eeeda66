/*
 * address.h --
 *
 *	What the user calls an address, as numbers.
 */

#ifndef SS_ADDRESS_H
#define SS_ADDRESS_H

#include "ports.h"

#include <tcl.h>

/*
 * SsResolve --
 *
 *	Resolves a list of host names and addresses to numeric addresses of
 *	this machine's families, separated by commas, as the system's resolver
 *	orders them, so that -myaddr means what it means to Tcl's socket.
 *	TCL_ERROR leaves a message in the interpreter.  IPv4 is written as
 *	such.
 *
 * SsAddressesBound --
 *
 *	The same of sockets: what they listen on.
 *
 * SsAddressesSame --
 *
 *	Whether two such lists name the same addresses, in whatever order.
 *
 * Process: server; the last any.
 */

int		SsResolve(Tcl_Interp *interp, Tcl_Obj *listPtr,
		    char addresses[SS_ADDRESSES_SIZE]);
void		SsAddressesBound(int count, const int *fds,
		    char addresses[SS_ADDRESSES_SIZE]);
int		SsAddressesSame(const char *first, const char *second);

#endif /* SS_ADDRESS_H */
