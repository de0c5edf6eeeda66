/*
 * arguments.c --
 *
 *	What the commands share: words in, results out.
 */

#include "arguments.h"
#include "result.h"

#include <stdio.h>
#include <string.h>

int
SsUsageError(Tcl_Interp *interp)
{
    Tcl_SetErrorCode(interp, "SOCKETSERVER", "USAGE", NULL);
    return TCL_ERROR;
}

int
SsWrongArgs(Tcl_Interp *interp, int count, Tcl_Obj *const objv[],
    const char *usage)
{
    Tcl_WrongNumArgs(interp, count, objv, usage[0] ? usage : NULL);
    return SsUsageError(interp);
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

/* Tcl says "bad" or "ambiguous" here, and both of an ensemble's. */

int
SsGetIndex(Tcl_Interp *interp, Tcl_Obj *objPtr, const void *tablePtr,
    int size, const char *what, int *indexPtr)
{
    const char *message;

    if (Tcl_GetIndexFromObjStruct(interp, objPtr, tablePtr, size, what, 0,
	    indexPtr) == TCL_OK) {
	return TCL_OK;
    }
    message = strchr(Tcl_GetStringResult(interp), ' ');
    Tcl_SetObjResult(interp, Tcl_ObjPrintf("unknown or ambiguous%s", message));
    return SsUsageError(interp);
}

int
SsPrefixKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    Tcl_Size count;

    if (Tcl_ListObjLength(NULL, wordPtr->objPtr, &count) != TCL_OK
	    || count < kindPtr->least) {
	return SsBadValue(interp, wordPtr->objPtr, kindPtr->name,
		"a command prefix");
    }
    return TCL_OK;
}

int
SsSecondsKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    double seconds;

    if (Tcl_GetDoubleFromObj(NULL, wordPtr->objPtr, &seconds) != TCL_OK
	    || !(seconds >= 0 && seconds <= 1e6)) {
	return SsBadValue(interp, wordPtr->objPtr, kindPtr->name,
		"a number of seconds from 0 to 1000000");
    }
    wordPtr->number = (seconds > 0 && seconds < 0.001) ? 1
	    : (int) (1000 * seconds + 0.5);
    return TCL_OK;
}

static int
ReadWord(Tcl_Interp *interp, const SsKind *kindPtr, Tcl_Obj *objPtr,
    SsWord *wordPtr)
{
    wordPtr->objPtr = objPtr;
    if (kindPtr->proc != NULL) {
	return kindPtr->proc(interp, kindPtr, wordPtr);
    }
    return (kindPtr->most == 0) ? TCL_OK : SsGetNumber(interp, objPtr,
	    kindPtr->name, kindPtr->least, kindPtr->most, &wordPtr->number);
}

/* The kind of the name that a usage goes on with; else the last, any text. */

static const SsKind *
FindKind(const SsKind *kindPtr, const char *usage)
{
    size_t length;

    usage += (usage[0] == '?');
    length = strcspn(usage, "? ");

    while (kindPtr->name != NULL && (strlen(kindPtr->name) != length
	    || strncmp(kindPtr->name, usage, length) != 0)) {
	kindPtr++;
    }
    return kindPtr;
}

static const char *
NextName(const char *usage)
{
    usage += strcspn(usage, " ");
    return usage + strspn(usage, " ");
}

/* What stands behind the options of a usage. */

static const char *
AfterOptions(const char *usage)
{
    while (usage[0] == '?' && (usage[1] == '-'
	    || strncmp(usage + 1, "option ", 7) == 0)) {
	usage = strchr(usage + 1, '?') + 1;
	usage += strspn(usage, " ");
    }
    return usage;
}

int
SsReadWords(Tcl_Interp *interp, const char *usage, const SsKind *kinds,
    int before, int objc, Tcl_Obj *const objv[],
    SsWord words[SS_WORDS_MOST])
{
    const char *first = AfterOptions(usage), *name;
    Tcl_Obj *const *endPtr = objv + objc;
    int i, more = objc - before, mayLack = 0, hasOptions = (first != usage);

    for (name = first; *name != '\0'; name = NextName(name)) {
	more--;
	mayLack += (name[0] == '?');
    }
    if (more < -mayLack || (hasOptions ? more % 2 : more > 0)) {
	return SsWrongArgs(interp, before, objv, usage);
    }
    memset(words, 0, SS_WORDS_MOST * sizeof(*words));
    for (objv += before; more > 0; more -= 2, objv += 2) {
	if (SsGetIndex(interp, objv[0], kinds, sizeof(*kinds), "option", &i)
		!= TCL_OK || ReadWord(interp, &kinds[i], objv[1], &words[i])
		!= TCL_OK) {
	    return TCL_ERROR;
	}
    }
    while (hasOptions && kinds->name != NULL) {
	kinds++;
	words++;
    }
    for (name = first; *name != '\0' && objv < endPtr;
	    name = NextName(name)) {
	if (ReadWord(interp, FindKind(kinds, name), *objv++, words++)
		!= TCL_OK) {
	    return TCL_ERROR;
	}
    }
    return TCL_OK;
}

int
SsSubcommandObjCmd(
    void *clientData,		/* The table. */
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    const SsSubcommand *subPtr = (const SsSubcommand *) clientData;
    SsWord words[SS_WORDS_MOST];
    int index;

    if (objc < 2) {
	return SsWrongArgs(interp, 1, objv, "subcommand ?arg ...?");
    }
    if (SsGetIndex(interp, objv[1], subPtr, sizeof(*subPtr), "subcommand",
	    &index) != TCL_OK) {
	return TCL_ERROR;
    }
    subPtr += index;
    if (SsReadWords(interp, subPtr->usage, subPtr->kinds, 2, objc, objv,
	    words) != TCL_OK) {
	return TCL_ERROR;
    }
    return subPtr->proc(interp, subPtr->name, words);
}

int
SsResultNumber(Tcl_Interp *interp, Tcl_WideInt value)
{
    Tcl_SetObjResult(interp, Tcl_NewWideIntObj(value));
    return TCL_OK;
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
