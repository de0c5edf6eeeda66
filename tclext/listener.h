/*
 * listener.h --
 *
 *	Listeners as the user writes them: 8888, 127.0.0.1:8888, [::1]:8888,
 *	unix:/path, unix:@name, udp: and one of the first three, fd:name, fd:3,
 *	or a list of one of these and options that override the command's.
 */

#ifndef SS_LISTENER_H
#define SS_LISTENER_H

#include "arguments.h"
#include "listener_text.h"
#include "ports.h"

#include <tcl.h>

/*
 * Has the server serve listeners, as many as there are words, by one queue.
 * "common" is what the command's options say; "extras", NULL or a dict, what
 * else is opened with them: control, a path; health and status, listeners, the
 * latter for other machines, too, where open is 1; takeover, a path where to
 * take all of this from who has it, within firststart milliseconds.  Sets the
 * result to use, name and port of health and status, and *numberPtr to the
 * port's number.
 */
int		SsListenersServe(Tcl_Interp *interp, const SsWord *common,
		    int count, Tcl_Obj *const objv[], Tcl_Obj *extrasPtr,
		    int *numberPtr);

#endif /* SS_LISTENER_H */
