/*
 * listener.c --
 *
 *	Listeners as the user writes them.
 */

#include "listener.h"
#include "address.h"
#include "result.h"

#include <limits.h>
#include <string.h>

/* The order of ssListenerKinds. */

enum { BACKLOG, MYADDR, REUSEPORT };

static int
BadListener(Tcl_Interp *interp, const char *text, const char *why)
{
    return SsErrorOurs(interp, "USAGE", "bad listener \"%.100s\": %s", text,
	    why);
}

static int
BooleanKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    return (Tcl_GetBooleanFromObj(NULL, wordPtr->objPtr, &wordPtr->number)
	    == TCL_OK) ? TCL_OK : SsBadValue(interp, wordPtr->objPtr,
	    kindPtr->name, "a boolean");
}

const SsKind ssListenerKinds[] = {
    { "-backlog", 1, INT_MAX, NULL },
    { "-myaddr", 0, 0, NULL },
    { "-reuseport", 0, 0, BooleanKind },
    { NULL, 0, 0, NULL }
};

/* Why this can't be in front of a listener's colon; NULL: it can. */
static const char *
WhyNot(const char *text, size_t length, int hasAddress)
{
    if (strncmp(text, "unix:", 5) == 0) {
	return "Unix sockets can't be listened on yet: give a port";
    }
    if (strncmp(text, "fd:", 3) == 0) {
	return "sockets that were passed in can't be used yet: give a port";
    }
    if (hasAddress) {
	return "it says -myaddr, too";
    }
    if (length + sizeof(":65535") > SS_NAME_SIZE) {
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

/* Reads address:port or [address]:port. */
static int
GetPlace(
    Tcl_Interp *interp,
    const char *text,
    const char *colon,		/* That before the port. */
    int hasAddress,		/* It has got one already. */
    SsListener *listenerPtr)
{
    size_t length = (size_t) (colon - text);
    int bracket = (text[0] == '['), code;
    const char *why = WhyNot(text, length, hasAddress);
    Tcl_Obj *listPtr, *addressPtr;

    if (why != NULL) {
	return BadListener(interp, text, why);
    }
    memcpy(listenerPtr->name, text, length + 1);
    if (GetPort(interp, colon + 1, listenerPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    addressPtr = Tcl_NewStringObj(text + bracket, (int) length - 2 * bracket);
    listPtr = Tcl_NewListObj(1, &addressPtr);
    Tcl_IncrRefCount(listPtr);
    code = SsResolve(interp, listPtr, listenerPtr);
    Tcl_DecrRefCount(listPtr);
    return code;
}

/* What a listener's option says, or else the command's. */
static const SsWord *
Either(const SsWord *options, const SsWord *common, int index)
{
    return (options[index].objPtr != NULL) ? &options[index] : &common[index];
}

static int
GetListener(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr,		/* What the user wrote. */
    const SsWord *common,	/* The command's options. */
    SsListener *listenerPtr)
{
    SsWord options[SS_WORDS_MOST];
    const SsWord *addressesPtr;
    const char *text, *colon;
    Tcl_Obj **words;
    Tcl_Size count;

    if (Tcl_ListObjGetElements(NULL, objPtr, &count, &words) != TCL_OK) {
	return BadListener(interp, Tcl_GetString(objPtr), "not a list");
    }
    memset(listenerPtr, 0, sizeof(*listenerPtr));
    if (count == 0 || (count > 1 && Tcl_GetString(words[1])[0] != '-')) {
	return GetPort(interp, Tcl_GetString(objPtr), listenerPtr);
    }
    if (count % 2 == 0) {
	return BadListener(interp, Tcl_GetString(objPtr),
		"each option has a value");
    }
    if (SsReadWords(interp, SS_LISTENER_USAGE, ssListenerKinds, 1,
	    (int) count, words, options) != TCL_OK) {
	return TCL_ERROR;
    }
    listenerPtr->backlog = Either(options, common, BACKLOG)->number;
    listenerPtr->reusePort = Either(options, common, REUSEPORT)->number;
    text = Tcl_GetString(words[0]);
    colon = strrchr(text, ':');
    if (colon != NULL) {
	return GetPlace(interp, text, colon, options[MYADDR].objPtr != NULL,
		listenerPtr);
    }
    if (GetPort(interp, text, listenerPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    addressesPtr = Either(options, common, MYADDR);
    return (addressesPtr->objPtr == NULL) ? TCL_OK
	    : SsResolve(interp, addressesPtr->objPtr, listenerPtr);
}

int
SsListenersGet(Tcl_Interp *interp, const SsWord *common, int count,
    Tcl_Obj *const objv[], SsListener *listeners)
{
    int i;

    for (i = 0; i < count; i++) {
	if (GetListener(interp, objv[i], common, &listeners[i]) != TCL_OK) {
	    return TCL_ERROR;
	}
    }
    return TCL_OK;
}

Tcl_Obj *
SsListenersDescribe(const SsPort *portPtr)
{
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);
    Tcl_Obj *dictPtr;
    const SsListener *listenerPtr;
    char addresses[SS_ADDRESSES_SIZE], *comma;
    int i;

    for (i = 0; i < portPtr->numListeners; i++) {
	listenerPtr = &portPtr->listeners[i];
	strcpy(addresses, listenerPtr->bound);
	while ((comma = strchr(addresses, ',')) != NULL) {
	    *comma = ' ';
	}
	dictPtr = Tcl_NewDictObj();
	SsPutText(dictPtr, "name", listenerPtr->name);
	SsPutNumber(dictPtr, "port", listenerPtr->port);
	SsPutText(dictPtr, "addresses", addresses);
	Tcl_ListObjAppendElement(NULL, listPtr, dictPtr);
    }
    return listPtr;
}
