/*
 * listener.c --
 *
 *	Listeners as the user writes them.
 */

#include "listener.h"
#include "address.h"
#include "arguments.h"
#include "result.h"

#include <limits.h>
#include <string.h>

#define DEFAULT_BACKLOG 4096	/* The system cuts it to what it allows. */

/* What the options of a command or of one listener say. */

typedef struct Options {
    int backlog;
    int reusePort;
    Tcl_Obj *addressPtr;	/* NULL: all addresses. */
} Options;

static int
BadListener(Tcl_Interp *interp, const char *text, const char *why)
{
    return SsErrorOurs(interp, "USAGE", "bad listener \"%.100s\": %s", text,
	    why);
}

static int
GetOption(Tcl_Interp *interp, Tcl_Obj *namePtr, Tcl_Obj *valuePtr,
    Options *optionsPtr)
{
    static const char *const names[] = {
	"-backlog", "-myaddr", "-reuseport", NULL
    };
    enum { BACKLOG, MYADDR, REUSEPORT };
    int index;

    if (SsGetIndex(interp, namePtr, names, "option", &index) != TCL_OK) {
	return TCL_ERROR;
    }
    switch (index) {
    case BACKLOG:
	return SsGetNumber(interp, valuePtr, "-backlog", 1, INT_MAX,
		&optionsPtr->backlog);
    case MYADDR:
	optionsPtr->addressPtr = valuePtr;
	return TCL_OK;
    default:
	if (Tcl_GetBooleanFromObj(NULL, valuePtr, &optionsPtr->reusePort)
		!= TCL_OK) {
	    return SsBadValue(interp, valuePtr, "-reuseport", "a boolean");
	}
	return TCL_OK;
    }
}

static int
GetOptions(
    Tcl_Interp *interp,
    int count,			/* An even number. */
    Tcl_Obj *const words[],
    Options *optionsPtr)
{
    int i;

    for (i = 0; i < count; i += 2) {
	if (GetOption(interp, words[i], words[i + 1], optionsPtr) != TCL_OK) {
	    return TCL_ERROR;
	}
    }
    return TCL_OK;
}

/* Kinds that there will be. */
static int
CheckKind(Tcl_Interp *interp, const char *text)
{
    if (strncmp(text, "unix:", 5) == 0) {
	return BadListener(interp, text,
		"Unix sockets can't be listened on yet: give a port");
    }
    if (strncmp(text, "fd:", 3) == 0) {
	return BadListener(interp, text,
		"sockets that were passed in can't be used yet: give a port");
    }
    return TCL_OK;
}

/*
 * Takes the address out of address:port or [address]:port.  Returns 0 where
 * there is none.
 */
static int
GetAddress(
    const char *text,
    const char *colon,		/* That before the port. */
    Tcl_Obj **addressPtr)	/* Set to a new value. */
{
    const char *end = colon;

    if (text[0] == '[') {
	text++;
	end--;
	if (end <= text || *end != ']') {
	    return 0;
	}
    } else if (memchr(text, ':', (size_t) (end - text)) != NULL) {
	return 0;
    }
    if (end == text) {
	return 0;
    }
    *addressPtr = Tcl_NewStringObj(text, (int) (end - text));
    return 1;
}

/* Reads a listener without its options. */
static int
GetPlace(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr,
    Options *optionsPtr,	/* Its own; an address that is part of it is
				 * set, a new value. */
    SsServeOptions *listenerPtr)
{
    const char *text = Tcl_GetString(objPtr);
    const char *colon = strrchr(text, ':');
    Tcl_Obj *portPtr, *addressPtr;
    int code;

    if (colon == NULL) {
	return SsGetNumber(interp, objPtr, "port", 0, 65535,
		&listenerPtr->port);
    }
    if (CheckKind(interp, text) != TCL_OK) {
	return TCL_ERROR;
    }
    if (optionsPtr->addressPtr != NULL) {
	return BadListener(interp, text, "it says -myaddr, too");
    }
    if ((size_t) (colon - text) + sizeof(":65535") > SS_NAME_SIZE) {
	return BadListener(interp, text, "too long");
    }
    if (!GetAddress(text, colon, &addressPtr)) {
	return BadListener(interp, text, "write address:port, an IPv6 address"
		" in brackets");
    }
    memcpy(listenerPtr->where, text, (size_t) (colon + 1 - text));
    optionsPtr->addressPtr = Tcl_NewListObj(1, &addressPtr);
    portPtr = Tcl_NewStringObj(colon + 1, -1);
    Tcl_IncrRefCount(portPtr);
    code = SsGetNumber(interp, portPtr, "port", 0, 65535,
	    &listenerPtr->port);
    Tcl_DecrRefCount(portPtr);
    return code;
}

static int
GetListener(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr,		/* What the user wrote. */
    Options options,		/* The command's. */
    SsServeOptions *listenerPtr)
{
    Tcl_Obj *commonPtr = options.addressPtr;
    Tcl_Obj **words;
    Tcl_Size count;
    int code;

    if (Tcl_ListObjGetElements(NULL, objPtr, &count, &words) != TCL_OK) {
	return BadListener(interp, Tcl_GetString(objPtr), "not a list");
    }
    if (count == 0 || (count > 1 && Tcl_GetString(words[1])[0] != '-')) {
	return SsGetNumber(interp, objPtr, "port", 0, 65535,
		&listenerPtr->port);
    }
    if (count % 2 == 0) {
	return BadListener(interp, Tcl_GetString(objPtr),
		"each option has a value");
    }
    options.addressPtr = NULL;
    if (GetOptions(interp, (int) count - 1, words + 1, &options) != TCL_OK) {
	return TCL_ERROR;
    }
    memset(listenerPtr, 0, sizeof(*listenerPtr));
    listenerPtr->backlog = options.backlog;
    listenerPtr->reusePort = options.reusePort;
    code = GetPlace(interp, words[0], &options, listenerPtr);
    if (options.addressPtr == NULL) {
	options.addressPtr = commonPtr;
    }
    if (options.addressPtr == NULL) {
	return code;
    }
    Tcl_IncrRefCount(options.addressPtr);
    if (code == TCL_OK) {
	code = SsResolve(interp, options.addressPtr, listenerPtr->addresses);
    }
    if (code == TCL_OK) {
	Tcl_ListObjLength(NULL, options.addressPtr, &count);
	listenerPtr->each = (count > 1);
    }
    Tcl_DecrRefCount(options.addressPtr);
    return code;
}

int
SsListenersGet(Tcl_Interp *interp, int objc, Tcl_Obj *const objv[], int count,
    SsServeOptions *listeners)
{
    Options options = { .backlog = DEFAULT_BACKLOG };
    int i;

    if (GetOptions(interp, objc - count, objv, &options) != TCL_OK) {
	return TCL_ERROR;
    }
    for (i = 0; i < count; i++) {
	if (GetListener(interp, objv[objc - count + i], options,
		&listeners[i]) != TCL_OK) {
	    return TCL_ERROR;
	}
    }
    return TCL_OK;
}

Tcl_Obj *
SsListenersDescribe(const SsPort *portPtr)
{
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);
    Tcl_Obj *dictPtr, *addressesPtr;
    const SsListener *listenerPtr;
    const char *text;
    size_t length;
    int i;

    for (i = 0; i < portPtr->numListeners; i++) {
	listenerPtr = &portPtr->listeners[i];
	addressesPtr = Tcl_NewListObj(0, NULL);
	text = listenerPtr->bound[0] ? listenerPtr->bound
		: listenerPtr->asked;
	for (; *text != '\0'; text += length + (text[length] == ',')) {
	    length = strcspn(text, ",");
	    Tcl_ListObjAppendElement(NULL, addressesPtr,
		    Tcl_NewStringObj(text, (int) length));
	}
	dictPtr = Tcl_NewDictObj();
	SsPutText(dictPtr, "name", listenerPtr->name);
	SsPutNumber(dictPtr, "port", listenerPtr->port);
	Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj("addresses", -1),
		addressesPtr);
	Tcl_ListObjAppendElement(NULL, listPtr, dictPtr);
    }
    return listPtr;
}
