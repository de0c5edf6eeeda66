/*
 * counter_command.c --
 *
 *	The command ::socketserver::counter: numbers that all workers of a
 *	server share.
 */

#include "commands.h"
#include "counters.h"
#include "result.h"

#include <stdlib.h>
#include <string.h>

/* This process's counters, or NULL with an error that says how to have some. */

static SsCounter *
Counters(Tcl_Interp *interp)
{
    SsCounter *counters = SsCountersGet();

    if (counters == NULL) {
	SsErrorOurs(interp, "NOCOUNTERS", "there are no counters here: a"
		" process has them that serves, was forked after that began,"
		" or has attached to a server");
    }
    return counters;
}

/* Reads a name, of which other processes have UTF-8. */

static int
NameOf(Tcl_Interp *interp, Tcl_Obj *objPtr, SsCounterName *namePtr)
{
    Tcl_Encoding utf8 = Tcl_GetEncoding(NULL, "utf-8");
    Tcl_DString text;
    int code;

    Tcl_UtfToExternalDString(utf8, Tcl_GetString(objPtr), -1, &text);
    code = SsCounterNameSet(namePtr, Tcl_DStringValue(&text),
	    (size_t) Tcl_DStringLength(&text));
    Tcl_DStringFree(&text);
    Tcl_FreeEncoding(utf8);
    return (code == 0) ? TCL_OK : SsBadValue(interp, objPtr, "name",
	    "1 to 64 bytes of UTF-8 without control characters");
}

/* The counter of a name, that of "incr" and "set" made where there is none. */

static SsCounter *
Claim(Tcl_Interp *interp, Tcl_Obj *objPtr)
{
    SsCounter *counters = Counters(interp), *counterPtr;
    SsCounterName name;

    if (counters == NULL || NameOf(interp, objPtr, &name) != TCL_OK) {
	return NULL;
    }
    counterPtr = SsCounterClaim(counters, &name);
    if (counterPtr == NULL) {
	SsErrorOurs(interp, "LIMIT", "no room for counter \"%.150s\": there"
		" are %d, which stay until the server ends",
		Tcl_GetString(objPtr), SS_COUNTERS_MOST);
    }
    return counterPtr;
}

/* Tcl takes numbers up to 2**64 - 1, and makes those of 2**63 on negative. */

static int
WideOf(Tcl_Interp *interp, Tcl_Obj *objPtr, Tcl_WideInt *widePtr)
{
    const char *text = Tcl_GetString(objPtr);

    while (*text == ' ' || (*text >= '\t' && *text <= '\r')) {
	text++;
    }
    return (Tcl_GetWideIntFromObj(NULL, objPtr, widePtr) == TCL_OK
	    && ((*text == '-') ? *widePtr <= 0 : *widePtr >= 0)) ? TCL_OK
	    : SsBadValue(interp, objPtr, "n", "a whole number of 64 bits");
}

static int
IncrSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    Tcl_WideInt n = 1;
    SsCounter *counterPtr;

    if (words[1].objPtr != NULL
	    && WideOf(interp, words[1].objPtr, &n) != TCL_OK) {
	return TCL_ERROR;
    }
    counterPtr = Claim(interp, words[0].objPtr);
    return (counterPtr == NULL) ? TCL_ERROR
	    : SsResultNumber(interp, SsCounterAdd(counterPtr, n));
}

static int
SetSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsCounter *counterPtr;
    Tcl_WideInt n;

    if (WideOf(interp, words[1].objPtr, &n) != TCL_OK) {
	return TCL_ERROR;
    }
    counterPtr = Claim(interp, words[0].objPtr);
    if (counterPtr == NULL) {
	return TCL_ERROR;
    }
    SsCounterSet(counterPtr, n);
    return SsResultNumber(interp, n);
}

static int
GetSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsCounter *counters = Counters(interp), *counterPtr;
    SsCounterName wanted;

    if (counters == NULL
	    || NameOf(interp, words[0].objPtr, &wanted) != TCL_OK) {
	return TCL_ERROR;
    }
    counterPtr = SsCounterFind(counters, &wanted);
    return SsResultNumber(interp,
	    (counterPtr != NULL) ? SsCounterValue(counterPtr) : 0);
}

/* The name of an entry, a new object; NULL: it has none. */

static Tcl_Obj *
NewName(const SsCounter *counterPtr)
{
    char bytes[SS_COUNTER_SIZE];
    size_t length = SsCounterNameGet(counterPtr, bytes);
    Tcl_Encoding utf8;
    Tcl_DString text;
    Tcl_Obj *namePtr;

    if (length == 0) {
	return NULL;
    }
    utf8 = Tcl_GetEncoding(NULL, "utf-8");
    Tcl_ExternalToUtfDString(utf8, bytes, (int) length, &text);
    namePtr = Tcl_NewStringObj(Tcl_DStringValue(&text),
	    Tcl_DStringLength(&text));
    Tcl_DStringFree(&text);
    Tcl_FreeEncoding(utf8);
    return namePtr;
}

static int
Compare(const void *first, const void *second)
{
    return strcmp(Tcl_GetString(*(Tcl_Obj *const *) first),
	    Tcl_GetString(*(Tcl_Obj *const *) second));
}

/* Who has a name there twice, wrote what he must not. */

static int
NamesSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    const char *pattern = (words[0].objPtr != NULL)
	    ? Tcl_GetString(words[0].objPtr) : "*";
    SsCounter *counters = Counters(interp);
    Tcl_Obj *names[SS_COUNTERS_MOST], *listPtr;
    int i, count = 0;

    if (counters == NULL) {
	return TCL_ERROR;
    }
    for (i = 0; i < SS_COUNTERS_MOST; i++) {
	names[count] = NewName(&counters[i]);
	count += (names[count] != NULL);
    }
    qsort(names, (size_t) count, sizeof(names[0]), Compare);
    listPtr = Tcl_NewObj();
    for (i = 0; i < count; i++) {
	Tcl_IncrRefCount(names[i]);
	if (Tcl_StringMatch(Tcl_GetString(names[i]), pattern)
		&& (i == 0 || Compare(&names[i - 1], &names[i]) != 0)) {
	    Tcl_ListObjAppendElement(NULL, listPtr, names[i]);
	}
    }
    while (count > 0) {
	Tcl_DecrRefCount(names[--count]);
    }
    Tcl_SetObjResult(interp, listPtr);
    return TCL_OK;
}

/* Words are checked where they are used. */

static const SsKind kinds[] = {
    { NULL, 0, 0, NULL }
};

const SsSubcommand ssCounterSubcommands[] = {
    { "get", GetSubcommand, "name", kinds },
    { "incr", IncrSubcommand, "name ?n?", kinds },
    { "names", NamesSubcommand, "?pattern?", kinds },
    { "set", SetSubcommand, "name n", kinds },
    { NULL, NULL, NULL, NULL }
};
