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
 * Resolves a list of host names and addresses to numeric addresses of this
 * machine's families, separated by commas, as the system's resolver orders
 * them, so that -myaddr means what it means to Tcl's socket.  IPv4 is written
 * as such.  TCL_ERROR leaves a message in the interpreter.
 */
int		SsResolve(Tcl_Interp *interp, Tcl_Obj *listPtr,
		    char addresses[SS_ADDRESSES_SIZE]);

/* The same of sockets: what they listen on. */
void		SsAddressesBound(int count, const int *fds,
		    char addresses[SS_ADDRESSES_SIZE]);

/* Whether two such lists name the same addresses, in whatever order. */
int		SsAddressesSame(const char *first, const char *second);

#endif /* SS_ADDRESS_H */
