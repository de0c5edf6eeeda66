/*
 * listener.c --
 *
 *	Listeners as the user writes them.
 */

#include "listener.h"
#include "address.h"
#include "limit.h"
#include "listener_options.h"
#include "passed.h"
#include "result.h"
#include "serve.h"
#include "socket_path.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define PARK_TIMEOUT 60000	/* Milliseconds. */

static int
BadListener(Tcl_Interp *interp, const char *text, const char *why)
{
    return SsErrorOurs(interp, "USAGE", "bad listener \"%.100s\": %s", text,
	    why);
}

/* What stands behind "udp:", or all of it. */
static const char *
BehindType(const char *text)
{
    return (strncmp(text, "udp:", 4) == 0) ? text + 4 : text;
}

/* Why this can't be in front of a listener's colon; NULL: it can. */
static const char *
WhyNot(const char *text, size_t length, int hasAddress)
{
    if (hasAddress) {
	return "it says -myaddr, too";
    }
    if (length + sizeof("udp::65535") > SS_NAME_SIZE) {
	return "too long";
    }
    if (length == 0 || (text[0] == '[' && (length < 3
		|| text[length - 1] != ']'))
	    || (text[0] != '[' && memchr(text, ':', length) != NULL)) {
	return "write address:port, an IPv6 address in brackets";
    }
    return NULL;
}

static int
GetPort(Tcl_Interp *interp, const char *text, SsListener *listenerPtr)
{
    Tcl_Obj *portPtr = Tcl_NewStringObj(text, -1);
    int code;

    Tcl_IncrRefCount(portPtr);
    code = SsGetNumber(interp, portPtr, "port", 0, 65535,
	    &listenerPtr->port);
    Tcl_DecrRefCount(portPtr);
    return code;
}

/* Reads address:port or [address]:port, behind "udp:" perhaps. */
static int
GetPlace(
    Tcl_Interp *interp,
    const char *text,
    const char *colon,		/* That before the port. */
    int hasAddress,		/* It has got one already. */
    SsListener *listenerPtr)
{
    const char *place = BehindType(text);
    size_t length = (size_t) (colon - place);
    int bracket = (place[0] == '['), code;
    const char *why = WhyNot(place, length, hasAddress);
    Tcl_Obj *listPtr, *addressPtr;

    if (why != NULL) {
	return BadListener(interp, text, why);
    }
    strncat(listenerPtr->name, place, length + 1);
    if (GetPort(interp, colon + 1, listenerPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    addressPtr = Tcl_NewStringObj(place + bracket, (int) length - 2 * bracket);
    listPtr = Tcl_NewListObj(1, &addressPtr);
    Tcl_IncrRefCount(listPtr);
    code = SsResolve(interp, listPtr, listenerPtr);
    Tcl_DecrRefCount(listPtr);
    return code;
}

/* Reads unix:path or unix:@name. */
static int
GetUnix(Tcl_Interp *interp, const char *text, int hasAddress,
    SsListener *listenerPtr)
{
    Tcl_Obj *pathPtr;
    const char *why = hasAddress ? "a Unix socket has no -myaddr"
	    : SsSocketPath(text + strlen("unix:"), &pathPtr);

    if (why != NULL) {
	return BadListener(interp, text, why);
    }
    snprintf(listenerPtr->name, SS_NAME_SIZE, "unix:%s",
	    Tcl_GetString(pathPtr));
    Tcl_DecrRefCount(pathPtr);
    return TCL_OK;
}

/* Reads fd:name or fd:number. */
static int
GetPassed(Tcl_Interp *interp, const char *text, SsListener *listenerPtr)
{
    size_t length = strlen(text);

    if (length == strlen("fd:") || length >= SS_NAME_SIZE
	    || strpbrk(text, "\t\r\n") != NULL) {
	return BadListener(interp, text, "write fd: and the name that the"
		" socket was passed with, or its number");
    }
    memcpy(listenerPtr->name, text, length + 1);
    return TCL_OK;
}

/*
 * Finds out whether it is for datagrams, and checks what is said along with it.
 * What the listener says overrides the command; among others of -type udp a
 * Unix socket must say -type tcp.
 */
static int
GetType(
    Tcl_Interp *interp,
    const char *text,
    const SsWord *own,
    const SsWord *common,
    SsListener *listenerPtr)
{
    const SsWord *typePtr = SsListenerOption(own, "-type");
    const char *behind = BehindType(text);
    int isUdp = (behind != text);

    if (isUdp && typePtr->objPtr != NULL && !typePtr->number) {
	return BadListener(interp, text, "it says -type tcp, too");
    }
    if (isUdp && (strncmp(behind, "unix:", 5) == 0
	    || strncmp(behind, "fd:", 3) == 0)) {
	return BadListener(interp, text, "write udp: and a port, or"
		" address:port; of what was passed fd:name -type udp");
    }
    if (typePtr->objPtr == NULL) {
	typePtr = SsListenerOption(common, "-type");
    }
    if (!isUdp && !typePtr->number) {
	return TCL_OK;
    }
    if (strncmp(text, "unix:", 5) == 0) {
	return BadListener(interp, text, "a Unix socket has no -type udp");
    }
    listenerPtr->numSockets = 1;
    strcpy(listenerPtr->name, "udp:");
    return SsListenerCheckDatagram(interp, own);
}

/* Reads where to listen, with the listener's own options and the command's. */
static int
GetWhere(
    Tcl_Interp *interp,
    const char *text,
    const SsWord *own,
    const SsWord *common,
    SsListener *listenerPtr)
{
    const char *colon = strrchr(BehindType(text), ':');
    Tcl_Obj *addressesPtr = SsListenerOption(own, "-myaddr")->objPtr;
    int isPassed = (strncmp(text, "fd:", 3) == 0), code;

    if (strncmp(text, "unix:", 5) == 0) {
	return GetUnix(interp, text, addressesPtr != NULL, listenerPtr);
    }
    if (colon != NULL && !isPassed) {
	return GetPlace(interp, text, colon, addressesPtr != NULL,
		listenerPtr);
    }
    code = isPassed ? GetPassed(interp, text, listenerPtr)
	    : GetPort(interp, BehindType(text), listenerPtr);
    if (addressesPtr == NULL && !isPassed) {
	addressesPtr = SsListenerOption(common, "-myaddr")->objPtr;
    }
    return (code != TCL_OK || addressesPtr == NULL) ? code
	    : SsResolve(interp, addressesPtr, listenerPtr);
}

static void
NoteForWorkers(const SsWord *options, SsListener *listenerPtr)
{
    const SsWord *timeoutPtr = SsListenerOption(options, "-parktimeout");
    const SsWord *headPtr = SsListenerOption(options, "-head");
    const unsigned char *bytes;
    Tcl_Size count;

    listenerPtr->parkTimeout = (timeoutPtr->objPtr != NULL)
	    ? timeoutPtr->number : PARK_TIMEOUT;
    if (headPtr->objPtr != NULL) {
	bytes = Tcl_GetByteArrayFromObj(headPtr->objPtr, &count);
	memcpy(listenerPtr->head, bytes, (size_t) count);
	listenerPtr->headSize = (int) count;
    }
}

static int
GetListener(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr,		/* What the user wrote. */
    const SsWord *common,	/* The command's options. */
    SsWord *options,		/* Set: the listener's. */
    SsListener *listenerPtr)
{
    Tcl_Obj **words;
    Tcl_Size count;

    if (Tcl_ListObjGetElements(NULL, objPtr, &count, &words) != TCL_OK) {
	return BadListener(interp, Tcl_GetString(objPtr), "not a list");
    }
    memset(listenerPtr, 0, sizeof(*listenerPtr));
    if (count == 0 || (count > 1 && Tcl_GetString(words[1])[0] != '-')) {
	words = &objPtr;	/* A path with spaces, perhaps. */
	count = 1;
    }
    if (count % 2 == 0) {
	return BadListener(interp, Tcl_GetString(objPtr),
		"each option has a value");
    }
    if (SsReadWords(interp, SS_LISTENER_USAGE, ssListenerKinds, 1,
	    (int) count, words, options) != TCL_OK
	    || GetType(interp, Tcl_GetString(words[0]), options, common,
	    listenerPtr) != TCL_OK
	    || GetWhere(interp, Tcl_GetString(words[0]), options, common,
	    listenerPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    SsListenerOverride(options, common, listenerPtr->numSockets > 0);
    NoteForWorkers(options, listenerPtr);
    return TCL_OK;
}

/* Writes where a listener is, and claims what was passed for it. */
static int
WritePlace(Tcl_Interp *interp, SsServing *servingPtr,
    const SsListener *listenerPtr)
{
    Tcl_Obj *textPtr = servingPtr->textPtr;
    const char *name = listenerPtr->name;
    int found;

    Tcl_AppendPrintfToObj(textPtr, "name=%s", name);
    if (strncmp(name, "unix:", 5) == 0) {
	Tcl_AppendToObj(textPtr, "\tpath=", -1);
	SsSocketPathWrite(textPtr, name + 5);
	return TCL_OK;
    }
    Tcl_AppendPrintfToObj(textPtr, "\teach=%d\taddresses=%s%s",
	    listenerPtr->each, listenerPtr->asked,
	    listenerPtr->numSockets ? "\ttype=udp" : "");
    if (strncmp(name, "fd:", 3) != 0) {
	Tcl_AppendPrintfToObj(textPtr, "\tport=%d", listenerPtr->port);
	return TCL_OK;
    }
    found = SsPassedClaim(name + 3, servingPtr->fds, &servingPtr->numFds);
    if (found < 0) {
	return BadListener(interp, name, "too many sockets were passed for"
		" one queue");
    }
    if (found == 0 && servingPtr->lacks[0] == '\0') {
	strcpy(servingPtr->lacks, name + 3);
    }
    Tcl_AppendPrintfToObj(textPtr, "\tfds=%d", found);
    return TCL_OK;
}

/*
 * A UDP socket is known by its name alone, from now on, for port 0 from the
 * answer on.
 */
static void
NameDatagrams(SsListener *listenerPtr)
{
    size_t length = strlen(listenerPtr->name);

    if (listenerPtr->port > 0) {
	snprintf(listenerPtr->name + length, SS_NAME_SIZE - length, "%d",
		listenerPtr->port);
	listenerPtr->port = 0;
    }
}

/* Asks for a listener: a line of name=value, with tabs. */
static int
AddListener(
    Tcl_Interp *interp,
    SsServing *servingPtr,
    Tcl_Obj *objPtr,		/* What the user wrote. */
    const SsWord *common,
    SsListener *listenerPtr)	/* Set. */
{
    SsWord options[SS_WORDS_MOST];

    if (GetListener(interp, objPtr, common, options, listenerPtr) != TCL_OK
	    || WritePlace(interp, servingPtr, listenerPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    if (listenerPtr->numSockets) {
	NameDatagrams(listenerPtr);
    }
    SsListenerWrite(servingPtr->textPtr, options,
	    strncmp(listenerPtr->name, "unix:", 5) == 0);
    Tcl_AppendToObj(servingPtr->textPtr, "\n", 1);
    servingPtr->holds |= SsListenerHolds(options);
    return TCL_OK;
}

/* Writes a path that isn't a listener's. */
static int
AddPath(Tcl_Interp *interp, SsServing *servingPtr, const char *use,
    Tcl_Obj *objPtr)
{
    Tcl_Obj *pathPtr;
    const char *why = SsSocketPath(Tcl_GetString(objPtr), &pathPtr);

    if (why != NULL) {
	return SsErrorOurs(interp, "USAGE", "bad value \"%.100s\" for -%s:"
		" %s", Tcl_GetString(objPtr), use, why);
    }
    Tcl_AppendPrintfToObj(servingPtr->textPtr, "use=%s\tpath=", use);
    SsSocketPathWrite(servingPtr->textPtr, Tcl_GetString(pathPtr));
    Tcl_DecrRefCount(pathPtr);
    return TCL_OK;
}

/* What else is asked for, in the order of these. */

enum { CONTROL, FIRST_START, HEALTH, OPEN, STATUS, TAKEOVER };

static const SsKind extraKinds[] = {
    { "control", 0, 0, NULL }, { "firststart", 0, INT_MAX, NULL },
    { "health", 0, 0, NULL }, { "open", 0, 1, NULL },
    { "status", 0, 0, NULL }, { "takeover", 0, 0, NULL },
    { NULL, 0, 0, NULL }
};

static int
IsGiven(const SsWord *wordPtr)
{
    return wordPtr->objPtr != NULL && Tcl_GetCharLength(wordPtr->objPtr) > 0;
}

/*
 * Asks for a listener where something is told of the pool.  Sets the result of
 * an error to whose it is.
 */
static int
AddTeller(Tcl_Interp *interp, SsServing *servingPtr, const char *use,
    Tcl_Obj *objPtr)
{
    static const SsWord none[SS_WORDS_MOST];
    SsListener listener;
    char why[64];
    int code;

    Tcl_AppendPrintfToObj(servingPtr->textPtr, "use=%s\t", use);
    code = AddListener(interp, servingPtr, objPtr, none, &listener);
    if (code == TCL_OK && listener.numSockets) {
	snprintf(why, sizeof(why), "%s is told over connections, not by UDP",
		use);
	code = BadListener(interp, Tcl_GetString(objPtr), why);
    }
    if (code != TCL_OK) {
	Tcl_SetObjResult(interp, Tcl_ObjPrintf("-%s: %s", use,
		Tcl_GetStringResult(interp)));
    }
    return code;
}

static int
AddExtras(Tcl_Interp *interp, SsServing *servingPtr, Tcl_Obj *extrasPtr)
{
    SsWord extras[SS_WORDS_MOST];
    Tcl_Obj **words;
    Tcl_Size count;

    if (Tcl_ListObjGetElements(interp, extrasPtr, &count, &words) != TCL_OK) {
	return SsUsageError(interp);
    }
    if (SsReadWords(interp, SS_LISTENER_USAGE, extraKinds, 0, (int) count,
	    words, extras) != TCL_OK) {
	return TCL_ERROR;
    }
    if (IsGiven(&extras[HEALTH]) && AddTeller(interp, servingPtr, "health",
	    extras[HEALTH].objPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    if (IsGiven(&extras[STATUS])) {
	Tcl_AppendPrintfToObj(servingPtr->textPtr, "open=%d\t",
		extras[OPEN].number);
	if (AddTeller(interp, servingPtr, "status", extras[STATUS].objPtr)
		!= TCL_OK) {
	    return TCL_ERROR;
	}
    }
    if (IsGiven(&extras[CONTROL])) {
	if (AddPath(interp, servingPtr, "control", extras[CONTROL].objPtr)
		!= TCL_OK) {
	    return TCL_ERROR;
	}
	Tcl_AppendToObj(servingPtr->textPtr, "\n", 1);
    }
    servingPtr->isTakeover = IsGiven(&extras[TAKEOVER]);
    if (servingPtr->isTakeover) {
	if (AddPath(interp, servingPtr, "takeover", extras[TAKEOVER].objPtr)
		!= TCL_OK) {
	    return TCL_ERROR;
	}
	Tcl_AppendPrintfToObj(servingPtr->textPtr, "\ttime=%d\n",
		extras[FIRST_START].number);
    }
    servingPtr->hasMore = servingPtr->isTakeover || IsGiven(&extras[HEALTH])
	    || IsGiven(&extras[STATUS]) || IsGiven(&extras[CONTROL]);
    return TCL_OK;
}

int
SsListenersServe(Tcl_Interp *interp, const SsWord *common, int count,
    Tcl_Obj *const objv[], Tcl_Obj *extrasPtr, int *numberPtr)
{
    SsListener listeners[SS_LISTENERS_MOST];
    SsServing serving = {
	.listeners = listeners, .count = count, .textPtr = Tcl_NewObj()
    };
    int i, code = SsListenerOption(common, "-type")->number
	    ? SsListenerCheckDatagram(interp, common) : TCL_OK;

    Tcl_IncrRefCount(serving.textPtr);
    for (i = 0; i < count && code == TCL_OK; i++) {
	code = AddListener(interp, &serving, objv[i], common, &listeners[i]);
    }
    if (code == TCL_OK && extrasPtr != NULL) {
	code = AddExtras(interp, &serving, extrasPtr);
    }
    if (code == TCL_OK) {
	code = SsServe(interp, &serving, numberPtr);
    }
    SsPassedGiveBack(serving.fds, serving.numFds);
    if (code == TCL_OK && serving.holds) {
	SsLimitRaise(INT_MAX);
    }
    Tcl_DecrRefCount(serving.textPtr);
    return code;
}
