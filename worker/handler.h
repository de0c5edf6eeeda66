/*
 * handler.h --
 *
 *	The application's handler: a command prefix that is called with a
 *	connection.
 */

#ifndef SS_HANDLER_H
#define SS_HANDLER_H

#include "queue.h"

#include <tcl.h>

/*
 * SsHandlerCheck --
 *
 *	Whether a value can be a handler: a list whose first word is a
 *	command.  TCL_ERROR leaves a message in the interpreter.
 *
 * SsHandlerCall --
 *
 *	Calls a handler with an arrival, whose descriptor it takes over.
 *	When the handler fails, the error goes to the background and the
 *	channel is closed.
 *
 * SsHandlerEvaluate, SsHandlerTell --
 *
 *	Call a command prefix with nothing more; with one more word, which may
 *	be new.  An error goes to the background.
 *
 * Process: worker.
 */

int		SsHandlerCheck(Tcl_Interp *interp, Tcl_Obj *handlerPtr);
void		SsHandlerCall(Tcl_Interp *interp, Tcl_Obj *handlerPtr,
		    const SsArrival *arrivalPtr);
void		SsHandlerEvaluate(Tcl_Interp *interp, Tcl_Obj *prefixPtr);
void		SsHandlerTell(Tcl_Interp *interp, Tcl_Obj *prefixPtr,
		    Tcl_Obj *wordPtr);

#endif /* SS_HANDLER_H */
