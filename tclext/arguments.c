/*
 * arguments.c --
 *
 *	What the commands share: words in, dicts out.
 */

#include "arguments.h"
#include "result.h"

/*
 *----------------------------------------------------------------------
 *
 * SsSubcommandObjCmd --
 *
 *	See arguments.h.
 *
 * Results:
 *	A Tcl completion code.
 *
 * Side effects:
 *	Those of the subcommand.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

int
SsSubcommandObjCmd(
    void *clientData,		/* The table. */
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    const SsSubcommand *tablePtr = (const SsSubcommand *) clientData;
    const SsSubcommand *subPtr;
    int index, more;

    if (objc < 2) {
	return SsWrongArgs(interp, 1, objv, "subcommand ?arg ...?");
    }
    if (Tcl_GetIndexFromObjStruct(interp, objv[1], tablePtr,
	    sizeof(SsSubcommand), "subcommand", 0, &index) != TCL_OK) {
	return SsUsageError(interp);
    }
    subPtr = &tablePtr[index];
    more = objc - 2 - subPtr->least;
    if (more < 0 || (subPtr->most == SS_OPTIONS ? more % 2 != 0
	    : more > subPtr->most - subPtr->least)) {
	return SsWrongArgs(interp, 2, objv, subPtr->usage);
    }
    return subPtr->proc(interp, objc, objv);
}

/*
 *----------------------------------------------------------------------
 *
 * SsGetIndex, SsGetNumber, SsCheckPrefix --
 *
 *	See arguments.h.
 *
 * Results:
 *	TCL_OK or TCL_ERROR with errorCode SOCKETSERVER USAGE.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

int
SsGetIndex(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr,
    const char *const *tablePtr,/* Names; NULL ends it. */
    const char *what,		/* What they are, for the message. */
    int *indexPtr)
{
    if (Tcl_GetIndexFromObj(interp, objPtr, tablePtr, what, 0, indexPtr)
	    != TCL_OK) {
	return SsUsageError(interp);
    }
    return TCL_OK;
}

int
SsGetNumber(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr,
    const char *what,		/* What the number is, for the message. */
    int least,
    int most,
    int *numberPtr)
{
    if (Tcl_GetIntFromObj(NULL, objPtr, numberPtr) != TCL_OK
	    || *numberPtr < least || *numberPtr > most) {
	return SsErrorOurs(interp, "USAGE",
		"bad %s \"%.100s\": must be a number from %d to %d", what,
		Tcl_GetString(objPtr), least, most);
    }
    return TCL_OK;
}

int
SsCheckPrefix(
    Tcl_Interp *interp,
    Tcl_Obj *prefixPtr)
{
    Tcl_Size count;

    if (Tcl_ListObjLength(interp, prefixPtr, &count) != TCL_OK) {
	return SsUsageError(interp);
    }
    if (count == 0) {
	return SsErrorOurs(interp, "USAGE",
		"the command is empty: give a command prefix");
    }
    return TCL_OK;
}

/*
 *----------------------------------------------------------------------
 *
 * SsWrongArgs, SsUsageError --
 *
 *	See arguments.h.
 *
 * Results:
 *	TCL_ERROR.
 *
 * Side effects:
 *	The interpreter's result and errorCode are set.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

int
SsWrongArgs(
    Tcl_Interp *interp,
    int count,			/* How many words to repeat. */
    Tcl_Obj *const objv[],
    const char *usage)		/* What follows them. */
{
    Tcl_WrongNumArgs(interp, count, objv, usage[0] ? usage : NULL);
    return SsUsageError(interp);
}

int
SsUsageError(
    Tcl_Interp *interp)
{
    Tcl_SetErrorCode(interp, "SOCKETSERVER", "USAGE", NULL);
    return TCL_ERROR;
}

/*
 *----------------------------------------------------------------------
 *
 * SsPutNumber, SsPutText --
 *
 *	See arguments.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The dict grows.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

void
SsPutNumber(
    Tcl_Obj *dictPtr,		/* Not shared. */
    const char *key,
    Tcl_WideInt value)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1),
	    Tcl_NewWideIntObj(value));
}

void
SsPutText(
    Tcl_Obj *dictPtr,		/* Not shared. */
    const char *key,
    const char *value)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1),
	    Tcl_NewStringObj(value, -1));
}
