/* The application's handler. */

#include "handler.h"
#include "callback.h"
#include "connection.h"
#include "result.h"

#include <string.h>

/* Lets Tcl's library define a command that it knows where to find. */
static int
AutoLoad(Tcl_Interp *interp, Tcl_Obj *namePtr)
{
    Tcl_Obj *commandPtr = Tcl_NewStringObj("::auto_load", -1);

    Tcl_IncrRefCount(commandPtr);
    SsCallback(interp, commandPtr, 1, &namePtr);
    Tcl_DecrRefCount(commandPtr);
    Tcl_ResetResult(interp);
    return Tcl_FindCommand(interp, Tcl_GetString(namePtr), NULL,
	    TCL_GLOBAL_ONLY) != NULL;
}

int
SsHandlerCheck(Tcl_Interp *interp, Tcl_Obj *handlerPtr)
{
    Tcl_Obj **words, *namePtr;
    Tcl_Size count;
    int code = TCL_OK;

    if (Tcl_ListObjGetElements(interp, handlerPtr, &count, &words) != TCL_OK) {
	return SsErrorOurs(interp, "HANDLER",
		"handler \"%.100s\" is not a list: give a command prefix",
		Tcl_GetString(handlerPtr));
    }
    if (count == 0) {
	return SsErrorOurs(interp, "HANDLER",
		"the handler is empty: give a command prefix");
    }
    namePtr = words[0];
    Tcl_IncrRefCount(namePtr);
    if (Tcl_FindCommand(interp, Tcl_GetString(namePtr), NULL,
	    TCL_GLOBAL_ONLY) == NULL && !AutoLoad(interp, namePtr)) {
	code = SsErrorOurs(interp, "HANDLER",
		"handler \"%.100s\" is not a command: define it before you"
		" ask for a connection", Tcl_GetString(namePtr));
    }
    Tcl_DecrRefCount(namePtr);
    return code;
}

/*
 * Whether a handler is a procedure that has room for one more word: the form of
 * version 1.0, called with the channel alone.
 */
static int
TakesChannelOnly(Tcl_Interp *interp, Tcl_Obj *prefixPtr)
{
    Tcl_Obj *words[3], **prefix, **parameters;
    Tcl_Size prefixCount, parameterCount;
    int i, only = 0;

    if (Tcl_ListObjGetElements(NULL, prefixPtr, &prefixCount, &prefix)
	    != TCL_OK || prefixCount == 0) {
	return 0;
    }
    words[0] = Tcl_NewStringObj("::info", -1);
    words[1] = Tcl_NewStringObj("args", -1);
    words[2] = prefix[0];
    for (i = 0; i < 3; i++) {
	Tcl_IncrRefCount(words[i]);
    }
    if (Tcl_EvalObjv(interp, 3, words, TCL_EVAL_GLOBAL) == TCL_OK
	    && Tcl_ListObjGetElements(NULL, Tcl_GetObjResult(interp),
		    &parameterCount, &parameters) == TCL_OK) {
	only = (parameterCount == prefixCount)
		&& strcmp(Tcl_GetString(parameters[parameterCount - 1]),
			"args") != 0;
    }
    for (i = 0; i < 3; i++) {
	Tcl_DecrRefCount(words[i]);
    }
    Tcl_ResetResult(interp);
    return only;
}

/*
 * Closes a connection that a handler left, unless it gave it to another
 * interpreter or thread: there it may be closed at this very moment, so it must
 * not even be looked at.
 */
static void
CloseOurs(
    Tcl_Interp *interp,
    const char *name)		/* The channel's, which no other ever has. */
{
    Tcl_Channel channel = Tcl_InterpDeleted(interp) ? NULL
	    : Tcl_GetChannel(interp, name, NULL);

    if (channel != NULL) {
	Tcl_UnregisterChannel(interp, channel);
    }
    Tcl_ResetResult(interp);
}

void
SsHandlerCall(Tcl_Interp *interp, Tcl_Obj *handlerPtr, SsPort *portPtr,
    SsArrival *arrivalPtr)
{
    Tcl_Obj *arguments[3];
    int i, code;

    Tcl_Preserve(interp);
    if (SsConnectionOpen(interp, portPtr, arrivalPtr, arguments) != TCL_OK) {
	Tcl_BackgroundException(interp, TCL_ERROR);
	Tcl_Release(interp);
	return;
    }
    for (i = 0; i < 3; i++) {
	Tcl_IncrRefCount(arguments[i]);
    }
    code = SsCallback(interp, handlerPtr,
	    TakesChannelOnly(interp, handlerPtr) ? 1 : 3, arguments);
    if (code != TCL_OK) {
	Tcl_BackgroundException(interp, code);
	CloseOurs(interp, Tcl_GetString(arguments[0]));
    }
    for (i = 0; i < 3; i++) {
	Tcl_DecrRefCount(arguments[i]);
    }
    Tcl_Release(interp);
}
