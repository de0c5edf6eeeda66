/* What a handler can ask about a connection. */

#ifndef SS_INFO_H
#define SS_INFO_H

#include <tcl.h>

/*
 * The result is a dict of an open connection of this process: ipaddr, port,
 * credentials, listener, accepted, waited, requests, tag, last, proxy.
 * TCL_ERROR: there is none.
 */
int		SsConnectionInfo(Tcl_Interp *interp, const char *name);

#endif /* SS_INFO_H */
