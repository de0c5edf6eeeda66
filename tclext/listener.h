/*
 * listener.h --
 *
 *	Listeners as the user writes them: 8888, 127.0.0.1:8888, [::1]:8888,
 *	or a list of one of these and options that override the command's.
 */

#ifndef SS_LISTENER_H
#define SS_LISTENER_H

#include "arguments.h"
#include "ports.h"

#include <tcl.h>

/* The options of a command that are all its listeners', or of one of these. */

#define SS_LISTENER_USAGE "?option value ...?"
#define SS_LISTENER_OPTIONS 16

extern const SsKind ssListenerKinds[SS_LISTENER_OPTIONS + 1];

/*
 * Has the server serve listeners, as many as there are words, by one queue; see
 * SsServe.  "common" is what the command's options say.
 */
int		SsListenersServe(Tcl_Interp *interp, const SsWord *common,
		    int count, Tcl_Obj *const objv[]);

/* A new list of dicts name, port, addresses ({}: all). */
Tcl_Obj *	SsListenersDescribe(const SsPort *portPtr);

#endif /* SS_LISTENER_H */
