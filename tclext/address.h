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
 * Resolves a list of host names and addresses to what a listener is asked for:
 * numeric addresses of this machine's families, as the system's resolver orders
 * them, so that -myaddr means what it means to Tcl's socket.  IPv4 is written
 * as such.  TCL_ERROR leaves a message in the interpreter.
 */
int		SsResolve(Tcl_Interp *interp, Tcl_Obj *listPtr,
		    SsListener *listenerPtr);

/* Whether a list with commas has all addresses of another, in any order. */
int		SsAddressesIn(const char *some, const char *all);

#endif /* SS_ADDRESS_H */
