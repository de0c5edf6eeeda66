/*
 * arguments.c --
 *
 *	What the commands share: words in, dicts out.
 */

#include "arguments.h"
#include "result.h"

#include <stdio.h>

static const char *
NameAt(const void *tablePtr, size_t size, int index)
{
    return *(const char *const *) ((const char *) tablePtr + index * size);
}

/*
 * As Tcl's own, but of one form: Tcl says "bad" here, "ambiguous" there and
 * "unknown or ambiguous" for ensembles.
 */

static int
LookUp(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr,
    const void *tablePtr,	/* Structures that begin with a name... */
    size_t size,		/* ...of this size; NULL ends them. */
    const char *what,
    int *indexPtr)
{
    Tcl_Obj *messagePtr;
    const char *name;
    int i, last;

    if (Tcl_GetIndexFromObjStruct(NULL, objPtr, tablePtr, (int) size, what, 0,
	    indexPtr) == TCL_OK) {
	return TCL_OK;
    }
    messagePtr = Tcl_ObjPrintf("unknown or ambiguous %s \"%.100s\": must be ",
	    what, Tcl_GetString(objPtr));
    for (i = 0; (name = NameAt(tablePtr, size, i)) != NULL; i++) {
	last = (NameAt(tablePtr, size, i + 1) == NULL);
	Tcl_AppendStringsToObj(messagePtr, (i == 0) ? "" : !last ? ", "
		: (i == 1) ? " or " : ", or ", name, NULL);
    }
    Tcl_SetObjResult(interp, messagePtr);
    return SsUsageError(interp);
}

int
SsSubcommandObjCmd(
    void *clientData,		/* The table. */
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    const SsSubcommand *subPtr = (const SsSubcommand *) clientData;
    int index, more;

    if (objc < 2) {
	return SsWrongArgs(interp, 1, objv, "subcommand ?arg ...?");
    }
    if (LookUp(interp, objv[1], subPtr, sizeof(SsSubcommand), "subcommand",
	    &index) != TCL_OK) {
	return TCL_ERROR;
    }
    subPtr += index;
    more = objc - 2 - subPtr->least;
    if (more < 0 || (subPtr->most == SS_OPTIONS ? more % 2 != 0
	    : more > subPtr->most - subPtr->least)) {
	return SsWrongArgs(interp, 2, objv, subPtr->usage);
    }
    return subPtr->proc(interp, objc, objv);
}

int
SsGetIndex(Tcl_Interp *interp, Tcl_Obj *objPtr, const char *const *tablePtr,
    const char *what, int *indexPtr)
{
    return LookUp(interp, objPtr, tablePtr, sizeof(char *), what, indexPtr);
}

int
SsGetNumber(Tcl_Interp *interp, Tcl_Obj *objPtr, const char *what, int least,
    int most, int *numberPtr)
{
    char range[60];

    if (Tcl_GetIntFromObj(NULL, objPtr, numberPtr) != TCL_OK
	    || *numberPtr < least || *numberPtr > most) {
	snprintf(range, sizeof(range), "a number from %d to %d", least, most);
	return SsBadValue(interp, objPtr, what, range);
    }
    return TCL_OK;
}

int
SsCheckPrefix(Tcl_Interp *interp, Tcl_Obj *prefixPtr)
{
    Tcl_Size count;

    if (Tcl_ListObjLength(NULL, prefixPtr, &count) != TCL_OK || count == 0) {
	return SsBadValue(interp, prefixPtr, "command", "a command prefix");
    }
    return TCL_OK;
}

int
SsBadValue(Tcl_Interp *interp, Tcl_Obj *objPtr, const char *what,
    const char *expected)
{
    return SsErrorOurs(interp, "USAGE",
	    "bad value \"%.100s\" for %s: must be %s", Tcl_GetString(objPtr),
	    what, expected);
}

int
SsWrongArgs(Tcl_Interp *interp, int count, Tcl_Obj *const objv[],
    const char *usage)
{
    Tcl_WrongNumArgs(interp, count, objv, usage[0] ? usage : NULL);
    return SsUsageError(interp);
}

int
SsUsageError(Tcl_Interp *interp)
{
    Tcl_SetErrorCode(interp, "SOCKETSERVER", "USAGE", NULL);
    return TCL_ERROR;
}

void
SsPutNumber(Tcl_Obj *dictPtr, const char *key, Tcl_WideInt value)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1),
	    Tcl_NewWideIntObj(value));
}

void
SsPutText(Tcl_Obj *dictPtr, const char *key, const char *value)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1),
	    Tcl_NewStringObj(value, -1));
}
