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

#define DEFAULT_BACKLOG 4096	/* The system cuts it to what it allows. */

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
    Tcl_Obj **addressesPtr,	/* What its own -myaddr gave, or NULL.  An
				 * address that is part of it is set, a new
				 * value. */
    SsListener *listenerPtr)
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
    if (*addressesPtr != NULL) {
	return BadListener(interp, text, "it says -myaddr, too");
    }
    if ((size_t) (colon - text) + sizeof(":65535") > SS_NAME_SIZE) {
	return BadListener(interp, text, "too long");
    }
    if (!GetAddress(text, colon, &addressPtr)) {
	return BadListener(interp, text, "write address:port, an IPv6 address"
		" in brackets");
    }
    memcpy(listenerPtr->name, text, (size_t) (colon + 1 - text));
    *addressesPtr = Tcl_NewListObj(1, &addressPtr);
    portPtr = Tcl_NewStringObj(colon + 1, -1);
    Tcl_IncrRefCount(portPtr);
    code = SsGetNumber(interp, portPtr, "port", 0, 65535,
	    &listenerPtr->port);
    Tcl_DecrRefCount(portPtr);
    return code;
}

/* What a listener's option says, or else the command's. */
static int
Either(const SsWord *options, const SsWord *common, int index, int otherwise)
{
    return options[index].objPtr ? options[index].number
	    : common[index].objPtr ? common[index].number : otherwise;
}

static int
GetListener(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr,		/* What the user wrote. */
    const SsWord *common,	/* The command's options. */
    SsListener *listenerPtr)
{
    SsWord options[SS_WORDS_MOST];
    Tcl_Obj *addressesPtr, **words;
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
    if (SsReadWords(interp, SS_LISTENER_USAGE, ssListenerKinds, 1,
	    (int) count, words, options) != TCL_OK) {
	return TCL_ERROR;
    }
    addressesPtr = options[MYADDR].objPtr;
    memset(listenerPtr, 0, sizeof(*listenerPtr));
    code = GetPlace(interp, words[0], &addressesPtr, listenerPtr);
    listenerPtr->backlog = Either(options, common, BACKLOG, DEFAULT_BACKLOG);
    listenerPtr->reusePort = Either(options, common, REUSEPORT, 0);
    if (addressesPtr == NULL) {
	addressesPtr = common[MYADDR].objPtr;
    }
    if (addressesPtr == NULL) {
	return code;
    }
    Tcl_IncrRefCount(addressesPtr);
    if (code == TCL_OK) {
	code = SsResolve(interp, addressesPtr, listenerPtr->asked);
    }
    if (code == TCL_OK) {
	Tcl_ListObjLength(NULL, addressesPtr, &count);
	listenerPtr->each = (count > 1);
    }
    Tcl_DecrRefCount(addressesPtr);
    return code;
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
