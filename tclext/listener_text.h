/*
 * listener_text.h --
 *
 *	Listeners as others are told them.
 */

#ifndef SS_LISTENER_TEXT_H
#define SS_LISTENER_TEXT_H

#include "ports.h"

#include <tcl.h>

/*
 * New objects: a list of dicts name, port, addresses ({}: all); the port of a
 * listener, or its name where it has none.
 */
Tcl_Obj *	SsListenersDescribe(const SsPort *portPtr);
Tcl_Obj *	SsListenerPort(const SsListener *listenerPtr);

/*
 * The listeners of a port as text, for a process that wasn't forked: a new
 * object, a line for each.
 */
Tcl_Obj *	SsListenersWrite(const SsPort *portPtr);

/*
 * Reads it into an array of SS_LISTENERS_MOST.  Returns 0; -1: this is no such
 * text.
 */
int		SsListenersRead(const char *text, SsListener *listeners,
		    int *countPtr);

#endif /* SS_LISTENER_TEXT_H */
