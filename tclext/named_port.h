/*
 * named_port.h --
 *
 *	The port that a word of the user's means.
 */

#ifndef SS_NAMED_PORT_H
#define SS_NAMED_PORT_H

#include "ports.h"

#include <tcl.h>

/*
 * That of a listener by its name or its TCP port; without a word (NULL) the
 * first.  It is kept until it is dropped; NULL leaves a message in the
 * interpreter.
 */
SsPort *	SsNamedPortUse(Tcl_Interp *interp, Tcl_Obj *namePtr,
		    SsPortUse *usePtr);
void		SsNamedPortDrop(SsPortUse *usePtr);

#endif /* SS_NAMED_PORT_H */
