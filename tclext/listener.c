/*
 * listener.c --
 *
 *	Listeners as the user writes them.
 */

#include "listener.h"
#include "address.h"
#include "limit.h"
#include "result.h"
#include "serve.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define MOST_REPLY 2000		/* Bytes of a busy reply. */
#define PARK_TIMEOUT 60000	/* Milliseconds. */

static int
BadListener(Tcl_Interp *interp, const char *text, const char *why)
{
    return SsErrorOurs(interp, "USAGE", "bad listener \"%.100s\": %s", text,
	    why);
}

static int
AddressesKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    Tcl_Size count;

    return (Tcl_ListObjLength(NULL, wordPtr->objPtr, &count) == TCL_OK)
	    ? TCL_OK : SsBadValue(interp, wordPtr->objPtr, kindPtr->name,
	    "a list of addresses");
}

static int
BooleanKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    return (Tcl_GetBooleanFromObj(NULL, wordPtr->objPtr, &wordPtr->number)
	    == TCL_OK) ? TCL_OK : SsBadValue(interp, wordPtr->objPtr,
	    kindPtr->name, "a boolean");
}

static void
WriteNumber(Tcl_Obj *textPtr, const SsWord *wordPtr)
{
    Tcl_AppendPrintfToObj(textPtr, "%d", wordPtr->number);
}

/* Tcl would cut a character that is no byte to one. */
static int
BytesKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    char expected[60];
    Tcl_Size i, length;
    const Tcl_UniChar *chars = Tcl_GetUnicodeFromObj(wordPtr->objPtr, &length);

    for (i = 0; i < length && chars[i] <= 0xff; i++) {
	/* To one that is none. */
    }
    if (i == length && length <= kindPtr->most) {
	return TCL_OK;
    }
    snprintf(expected, sizeof(expected),
	    "at most %d bytes, no character above \\xff", kindPtr->most);
    return SsBadValue(interp, wordPtr->objPtr, kindPtr->name, expected);
}

static void
WriteBytes(Tcl_Obj *textPtr, const SsWord *wordPtr)
{
    Tcl_Size i, length;
    const unsigned char *bytes = Tcl_GetByteArrayFromObj(wordPtr->objPtr,
	    &length);

    for (i = 0; i < length; i++) {
	Tcl_AppendPrintfToObj(textPtr, "%02x", bytes[i]);
    }
}

/* The server knows whether they are any; here it is what they are split at. */
static int
NetworksKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    const char *word;
    Tcl_Obj **words;
    Tcl_Size i, count;
    int isList = (Tcl_ListObjGetElements(NULL, wordPtr->objPtr, &count, &words)
	    == TCL_OK);

    for (i = 0; isList && i < count; i++) {
	word = Tcl_GetString(words[i]);
	isList = (word[0] != '\0' && word[strcspn(word, ", \t\r\n")] == '\0');
    }
    return isList ? TCL_OK : SsBadValue(interp, wordPtr->objPtr, kindPtr->name,
	    "a list of networks, as 10.0.0.0/8, or unix");
}

static void
WriteNetworks(Tcl_Obj *textPtr, const SsWord *wordPtr)
{
    Tcl_Obj **words;
    Tcl_Size i, count;

    Tcl_ListObjGetElements(NULL, wordPtr->objPtr, &count, &words);
    for (i = 0; i < count; i++) {
	Tcl_AppendStringsToObj(textPtr, (i > 0) ? "," : "",
		Tcl_GetString(words[i]), NULL);
    }
}

/* A number, perhaps with "/s" behind it. */
static int
GetRate(Tcl_Obj *objPtr, double *ratePtr)
{
    Tcl_Size length;
    const char *text = Tcl_GetStringFromObj(objPtr, &length);
    Tcl_Obj *numberPtr;
    int code;

    if (length > 2 && strcmp(text + length - 2, "/s") == 0) {
	length -= 2;
    }
    numberPtr = Tcl_NewStringObj(text, length);
    Tcl_IncrRefCount(numberPtr);
    code = Tcl_GetDoubleFromObj(NULL, numberPtr, ratePtr);
    Tcl_DecrRefCount(numberPtr);
    return code;
}

static int
RateKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    double rate;

    return (GetRate(wordPtr->objPtr, &rate) == TCL_OK
	    && (rate == 0 || (rate >= 0.001 && rate <= 1e6))) ? TCL_OK
	    : SsBadValue(interp, wordPtr->objPtr, kindPtr->name,
	    "0 or a number a second from 0.001 to 1000000, as 10 or 10/s");
}

static void
WriteRate(Tcl_Obj *textPtr, const SsWord *wordPtr)
{
    char number[TCL_DOUBLE_SPACE];
    double rate = 0;

    GetRate(wordPtr->objPtr, &rate);
    Tcl_PrintDouble(NULL, rate, number);
    Tcl_AppendToObj(textPtr, number, -1);
}

static int
GoneKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    const char *text = Tcl_GetString(wordPtr->objPtr);

    return (strcmp(text, "none") == 0 || strcmp(text, "reset") == 0
	    || strcmp(text, "halfclosed") == 0) ? TCL_OK
	    : SsBadValue(interp, wordPtr->objPtr, kindPtr->name,
	    "none, reset or halfclosed");
}

static void
WriteText(Tcl_Obj *textPtr, const SsWord *wordPtr)
{
    Tcl_AppendObjToObj(textPtr, wordPtr->objPtr);
}

/* The server knows an option by the same name, without the dash. */

const SsKind ssListenerKinds[SS_LISTENER_OPTIONS + 1] = {
    { "-backlog", 1, INT_MAX, NULL },
    { "-busyreply", 0, MOST_REPLY, BytesKind },
    { "-defer", 0, 0, BooleanKind },
    { "-firstbyte", 0, 0, SsSecondsKind },
    { "-head", 0, SS_HEAD_SIZE, BytesKind },
    { "-headtime", 0, 0, SsSecondsKind },
    { "-maxperaddr", 0, INT_MAX, NULL },
    { "-maxqueue", 0, INT_MAX, NULL },
    { "-myaddr", 0, 0, AddressesKind },
    { "-parktimeout", 0, 0, SsSecondsKind },
    { "-proxyfrom", 0, 0, NetworksKind },
    { "-proxytime", 0, 0, SsSecondsKind },
    { "-queuetime", 0, 0, SsSecondsKind },
    { "-rateperaddr", 0, 0, RateKind },
    { "-reuseport", 0, 0, BooleanKind },
    { "-skipgone", 0, 0, GoneKind },
    { NULL, 0, 0, NULL }
};

/*
 * How the server is told a value: as the number that its kind made of it, or as
 * this.  Addresses it is told otherwise, resolved.
 */

static const struct Writer {
    SsKindProc *kindProc;
    void (*proc)(Tcl_Obj *textPtr, const SsWord *wordPtr);
} writers[] = {
    { AddressesKind, NULL },
    { BytesKind, WriteBytes },
    { NetworksKind, WriteNetworks },
    { RateKind, WriteRate },
    { GoneKind, WriteText },
    { NULL, WriteNumber }
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

/* What is said in the end: a listener's own options go first. */
static void
Override(SsWord *options, const SsWord *common)
{
    int i;

    for (i = 0; i < SS_LISTENER_OPTIONS; i++) {
	if (options[i].objPtr == NULL) {
	    options[i] = common[i];
	}
    }
}

/* An option by its name. */
static const SsWord *
Option(const SsWord *options, const char *name)
{
    int i = 0;

    while (strcmp(ssListenerKinds[i].name, name) != 0) {
	i++;
    }
    return &options[i];
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
    const char *colon = strrchr(text, ':');
    const SsWord *addressesPtr = Option(own, "-myaddr");

    if (colon != NULL) {
	return GetPlace(interp, text, colon, addressesPtr->objPtr != NULL,
		listenerPtr);
    }
    if (GetPort(interp, text, listenerPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    if (addressesPtr->objPtr == NULL) {
	addressesPtr = Option(common, "-myaddr");
    }
    return (addressesPtr->objPtr == NULL) ? TCL_OK
	    : SsResolve(interp, addressesPtr->objPtr, listenerPtr);
}

static int
GetListener(
    Tcl_Interp *interp,
    Tcl_Obj *objPtr,		/* What the user wrote. */
    const SsWord *common,	/* The command's options. */
    SsWord *options,		/* Set: the listener's. */
    SsListener *listenerPtr)
{
    const SsWord *timeoutPtr = Option(options, "-parktimeout");
    const SsWord *headPtr = Option(options, "-head");
    const unsigned char *bytes;
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
	    (int) count, words, options) != TCL_OK
	    || GetWhere(interp, Tcl_GetString(words[0]), options, common,
	    listenerPtr) != TCL_OK) {
	return TCL_ERROR;
    }
    Override(options, common);
    listenerPtr->parkTimeout = (timeoutPtr->objPtr != NULL)
	    ? timeoutPtr->number : PARK_TIMEOUT;
    if (headPtr->objPtr != NULL) {
	bytes = Tcl_GetByteArrayFromObj(headPtr->objPtr, &count);
	memcpy(listenerPtr->head, bytes, (size_t) count);
	listenerPtr->headSize = (int) count;
    }
    return TCL_OK;
}

/* Appends what the server is asked for: a line of name=value, with tabs. */
static void
WriteListener(Tcl_Obj *textPtr, const SsListener *listenerPtr,
    const SsWord *options)
{
    const struct Writer *writerPtr;
    int i;

    Tcl_AppendPrintfToObj(textPtr, "port=%d\teach=%d\tname=%s\taddresses=%s",
	    listenerPtr->port, listenerPtr->each, listenerPtr->name,
	    listenerPtr->asked);
    for (i = 0; i < SS_LISTENER_OPTIONS; i++) {
	writerPtr = writers;
	while (writerPtr->kindProc != NULL
		&& writerPtr->kindProc != ssListenerKinds[i].proc) {
	    writerPtr++;
	}
	if (options[i].objPtr != NULL && writerPtr->proc != NULL) {
	    Tcl_AppendPrintfToObj(textPtr, "\t%s=",
		    ssListenerKinds[i].name + 1);
	    writerPtr->proc(textPtr, &options[i]);
	}
    }
    Tcl_AppendToObj(textPtr, "\n", 1);
}

/* Whether the server will hold connections, a descriptor each. */
static int
Holds(const SsWord *options)
{
    static const char *const names[] = {
	"-firstbyte", "-head", "-maxqueue", "-parktimeout", "-proxyfrom",
	"-queuetime", NULL
    };
    int i, holds = 0;

    for (i = 0; names[i] != NULL; i++) {
	holds |= (Option(options, names[i])->objPtr != NULL);
    }
    return holds;
}

int
SsListenersServe(Tcl_Interp *interp, const SsWord *common, int count,
    Tcl_Obj *const objv[])
{
    SsListener listeners[SS_LISTENERS_MOST];
    SsWord options[SS_WORDS_MOST];
    Tcl_Obj *textPtr = Tcl_NewObj();
    int i, holds = 0, code = TCL_OK;

    Tcl_IncrRefCount(textPtr);
    for (i = 0; i < count && code == TCL_OK; i++) {
	code = GetListener(interp, objv[i], common, options, &listeners[i]);
	if (code == TCL_OK) {
	    WriteListener(textPtr, &listeners[i], options);
	    holds |= Holds(options);
	}
    }
    if (code == TCL_OK) {
	code = SsServe(interp, listeners, count, Tcl_GetString(textPtr));
    }
    if (code == TCL_OK && holds) {
	SsLimitRaise(INT_MAX);
    }
    Tcl_DecrRefCount(textPtr);
    return code;
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
