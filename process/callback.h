/*
 * The application's commands, called from C: a prefix and words that are never
 * parsed again, at global level.
 */

#ifndef SS_CALLBACK_H
#define SS_CALLBACK_H

#include <tcl.h>

/* With up to a few more words; returns a Tcl completion code. */
int		SsCallback(Tcl_Interp *interp, Tcl_Obj *prefixPtr,
		    int extraCount, Tcl_Obj *const extra[]);

/*
 * With one more word, which may be new, or none (NULL).  An error goes to the
 * background.  The command may drop the prefix.
 */
void		SsCallbackTell(Tcl_Interp *interp, Tcl_Obj *prefixPtr,
		    Tcl_Obj *wordPtr);

#endif /* SS_CALLBACK_H */
