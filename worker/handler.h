/*
 * The application's handler: a command prefix that is called with a
 * connection.
 */

#ifndef SS_HANDLER_H
#define SS_HANDLER_H

#include "arrival.h"
#include "ports.h"

#include <tcl.h>

/*
 * Whether a value can be a handler: a list whose first word is a command, which
 * Tcl's auto_load may define.  TCL_ERROR leaves a message in the interpreter.
 */

int		SsHandlerCheck(Tcl_Interp *interp, Tcl_Obj *handlerPtr);

/*
 * Calls a handler with an arrival of a port, taken over as SsConnectionOpen
 * does.  When the handler fails, the error goes to the background and the
 * channel is closed.
 */

void		SsHandlerCall(Tcl_Interp *interp, Tcl_Obj *handlerPtr,
		    SsPort *portPtr, SsArrival *arrivalPtr);

#endif /* SS_HANDLER_H */
