/*
 * listener_options.h --
 *
 *	The options of listeners.
 */

#ifndef SS_LISTENER_OPTIONS_H
#define SS_LISTENER_OPTIONS_H

#include "arguments.h"

#include <tcl.h>

/* The options of a command that are all its listeners', or of one of these. */

#define SS_LISTENER_USAGE "?option value ...?"
#define SS_LISTENER_OPTIONS 24

extern const SsKind ssListenerKinds[SS_LISTENER_OPTIONS + 1];

/* An option by its name. */
const SsWord *	SsListenerOption(const SsWord *options, const char *name);

/* Whether options that come along with -type udp have a meaning there. */
int		SsListenerCheckDatagram(Tcl_Interp *interp,
		    const SsWord *options);

/*
 * Adds to a listener's own options those of the command that it hasn't got, to
 * one for datagrams only what it can have.
 */
void		SsListenerOverride(SsWord *options, const SsWord *common,
		    int isDatagram);

/*
 * Appends them to a line of the request, as internal/reactor reads it; those
 * for Unix sockets only for one, and none for the type.
 */
void		SsListenerWrite(Tcl_Obj *textPtr, const SsWord *options,
		    int isUnix);

/* Whether the server will hold connections, a descriptor each. */
int		SsListenerHolds(const SsWord *options);

#endif /* SS_LISTENER_OPTIONS_H */
