/*
 * address.h --
 *
 *	What the user calls an address, as numbers.
 */

#ifndef SS_ADDRESS_H
#define SS_ADDRESS_H

#include <tcl.h>

#define SS_ADDRESSES_SIZE 512	/* Eight numeric addresses and commas. */

/*
 * SsResolve --
 *
 *	Resolves a host name or address to numeric addresses of this machine's
 *	families, separated by commas, as the system's resolver orders them,
 *	so that -myaddr means what it means to Tcl's socket.  TCL_ERROR
 *	leaves a message in the interpreter.  IPv4 is written as such.
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

int		SsResolve(Tcl_Interp *interp, const char *name,
		    char addresses[SS_ADDRESSES_SIZE]);
void		SsAddressesBound(int count, const int *fds,
		    char addresses[SS_ADDRESSES_SIZE]);
int		SsAddressesSame(const char *first, const char *second);

#endif /* SS_ADDRESS_H */
