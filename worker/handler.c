/*
 * handler.c --
 *
 *	The application's handler.
 */

#include "handler.h"
#include "connection.h"
#include "result.h"

#include <string.h>

static void	CloseOurs(Tcl_Interp *interp, SsConnection *connectionPtr,
		    const char *name);
static int	AutoLoad(Tcl_Interp *interp, const char *name);
static int	Evaluate(Tcl_Interp *interp, Tcl_Obj *prefixPtr,
		    Tcl_Size extraCount, Tcl_Obj *const extra[]);
static int	TakesChannelOnly(Tcl_Interp *interp, Tcl_Obj *prefixPtr);

/*
 *----------------------------------------------------------------------
 *
 * SsHandlerCheck --
 *
 *	See handler.h.
 *
 * Results:
 *	TCL_OK or TCL_ERROR.
 *
 * Side effects:
 *	May load the command through Tcl's auto_load.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

int
SsHandlerCheck(
    Tcl_Interp *interp,
    Tcl_Obj *handlerPtr)
{
    Tcl_Obj **words;
    Tcl_Size count;
    const char *name;

    if (Tcl_ListObjGetElements(interp, handlerPtr, &count, &words) != TCL_OK) {
	return SsErrorOurs(interp, "HANDLER",
		"handler \"%.100s\" is not a list: give a command prefix",
		Tcl_GetString(handlerPtr));
    }
    if (count == 0) {
	return SsErrorOurs(interp, "HANDLER",
		"the handler is empty: give a command prefix");
    }
    name = Tcl_GetString(words[0]);
    if (Tcl_FindCommand(interp, name, NULL, TCL_GLOBAL_ONLY) == NULL
	    && !AutoLoad(interp, name)) {
	return SsErrorOurs(interp, "HANDLER",
		"handler \"%.100s\" is not a command: define it before you"
		" ask for a connection", name);
    }
    return TCL_OK;
}

/*
 *----------------------------------------------------------------------
 *
 * AutoLoad --
 *
 *	Lets Tcl's library define a command that it knows where to find.
 *
 * Results:
 *	Whether the command exists now.
 *
 * Side effects:
 *	May evaluate scripts.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

static int
AutoLoad(
    Tcl_Interp *interp,
    const char *name)
{
    Tcl_Obj *commandPtr = Tcl_NewStringObj("::auto_load", -1);
    Tcl_Obj *namePtr = Tcl_NewStringObj(name, -1);

    Tcl_IncrRefCount(commandPtr);
    Tcl_IncrRefCount(namePtr);
    Evaluate(interp, commandPtr, 1, &namePtr);
    Tcl_DecrRefCount(commandPtr);
    Tcl_DecrRefCount(namePtr);
    Tcl_ResetResult(interp);
    return Tcl_FindCommand(interp, name, NULL, TCL_GLOBAL_ONLY) != NULL;
}

/*
 *----------------------------------------------------------------------
 *
 * SsHandlerCall --
 *
 *	See handler.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Whatever the handler does.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsHandlerCall(
    Tcl_Interp *interp,
    Tcl_Obj *handlerPtr,
    const SsArrival *arrivalPtr)	/* Its descriptor is given away. */
{
    SsConnection *connectionPtr;
    Tcl_Obj *arguments[3];
    int i, code;

    Tcl_Preserve(interp);
    connectionPtr = SsConnectionOpen(interp, arrivalPtr);
    if (connectionPtr == NULL) {
	Tcl_BackgroundException(interp, TCL_ERROR);
	Tcl_Release(interp);
	return;
    }
    SsConnectionArguments(connectionPtr, arguments);
    for (i = 0; i < 3; i++) {
	Tcl_IncrRefCount(arguments[i]);
    }
    code = Evaluate(interp, handlerPtr,
	    TakesChannelOnly(interp, handlerPtr) ? 1 : 3, arguments);
    if (code != TCL_OK) {
	Tcl_BackgroundException(interp, code);
	CloseOurs(interp, connectionPtr, Tcl_GetString(arguments[0]));
    }
    for (i = 0; i < 3; i++) {
	Tcl_DecrRefCount(arguments[i]);
    }
    SsConnectionRelease(connectionPtr);
    Tcl_Release(interp);
}

/*
 *----------------------------------------------------------------------
 *
 * CloseOurs --
 *
 *	Closes a connection that a handler left, unless it gave it to another
 *	interpreter or thread: there it may be closed at this very moment, so
 *	it must not even be looked at.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The channel may be closed.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
CloseOurs(
    Tcl_Interp *interp,
    SsConnection *connectionPtr,
    const char *name)		/* The channel's. */
{
    Tcl_Channel channel = SsConnectionChannel(connectionPtr);

    if (channel != NULL && !Tcl_InterpDeleted(interp)
	    && Tcl_GetChannel(interp, name, NULL) == channel) {
	Tcl_UnregisterChannel(interp, channel);
    }
    Tcl_ResetResult(interp);
}

/*
 *----------------------------------------------------------------------
 *
 * SsHandlerEvaluate, SsHandlerTell --
 *
 *	See handler.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Whatever the command does.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsHandlerEvaluate(
    Tcl_Interp *interp,
    Tcl_Obj *prefixPtr)
{
    int code;

    Tcl_Preserve(interp);
    code = Evaluate(interp, prefixPtr, 0, NULL);
    if (code != TCL_OK) {
	Tcl_BackgroundException(interp, code);
    }
    Tcl_Release(interp);
}

void
SsHandlerTell(
    Tcl_Interp *interp,
    Tcl_Obj *prefixPtr,
    Tcl_Obj *wordPtr)
{
    int code;

    Tcl_Preserve(interp);
    Tcl_IncrRefCount(wordPtr);
    code = Evaluate(interp, prefixPtr, 1, &wordPtr);
    if (code != TCL_OK) {
	Tcl_BackgroundException(interp, code);
    }
    Tcl_DecrRefCount(wordPtr);
    Tcl_Release(interp);
}

/*
 *----------------------------------------------------------------------
 *
 * Evaluate --
 *
 *	Calls a command prefix with three more words at most, at global
 *	level, never parsing the words again.
 *
 * Results:
 *	A Tcl completion code.
 *
 * Side effects:
 *	Whatever the command does.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

static int
Evaluate(
    Tcl_Interp *interp,
    Tcl_Obj *prefixPtr,		/* A list. */
    Tcl_Size extraCount,	/* How many more words. */
    Tcl_Obj *const extra[])	/* Those words. */
{
    Tcl_Obj *callPtr = Tcl_DuplicateObj(prefixPtr);
    Tcl_Obj **words;
    Tcl_Size i, count;
    int code = TCL_OK;

    Tcl_IncrRefCount(callPtr);
    for (i = 0; code == TCL_OK && i < extraCount; i++) {
	code = Tcl_ListObjAppendElement(interp, callPtr, extra[i]);
    }
    if (code == TCL_OK) {
	code = Tcl_ListObjGetElements(interp, callPtr, &count, &words);
    }
    if (code == TCL_OK) {
	code = Tcl_EvalObjv(interp, count, words, TCL_EVAL_GLOBAL);
    }
    Tcl_DecrRefCount(callPtr);
    return code;
}

/*
 *----------------------------------------------------------------------
 *
 * TakesChannelOnly --
 *
 *	Whether a handler is a procedure that has room for one more word: the
 *	form of version 1.0, called with the channel alone.
 *
 * Results:
 *	1 or 0.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static int
TakesChannelOnly(
    Tcl_Interp *interp,
    Tcl_Obj *prefixPtr)
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
