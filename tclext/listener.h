/*
 * listener.h --
 *
 *	Listeners as the user writes them: 8888, 127.0.0.1:8888, [::1]:8888,
 *	or a list of one of these and options that override the command's.
 */

#ifndef SS_LISTENER_H
#define SS_LISTENER_H

#include "serve.h"

#include <tcl.h>

/*
 * Reads the words of a command: options and their values, which are all
 * listeners', then count listeners, which are set.  TCL_ERROR leaves a message
 * in the interpreter.
 */
int		SsListenersGet(Tcl_Interp *interp, int objc,
		    Tcl_Obj *const objv[], int count,
		    SsServeOptions *listeners);

/* A new list of dicts name, port, addresses ({}: all). */
Tcl_Obj *	SsListenersDescribe(const SsPort *portPtr);

#endif /* SS_LISTENER_H */
