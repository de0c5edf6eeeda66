/*
 * listener_options.c --
 *
 *	The options of listeners, and how the server is told them.
 */

#include "listener_options.h"
#include "identity.h"
#include "ports.h"
#include "result.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_REPLY 2000		/* Bytes of a busy reply. */

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

/* The number tells whether it is UDP. */
static int
TypeKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    const char *text = Tcl_GetString(wordPtr->objPtr);

    wordPtr->number = (strcmp(text, "udp") == 0);
    return (wordPtr->number || strcmp(text, "tcp") == 0) ? TCL_OK
	    : SsBadValue(interp, wordPtr->objPtr, kindPtr->name, "tcp or udp");
}

/* What {} leaves to the system has no number. */
static int
IsLeft(SsWord *wordPtr)
{
    int isLeft = (Tcl_GetString(wordPtr->objPtr)[0] == '\0');

    wordPtr->number = isLeft ? -1 : 0;
    return isLeft;
}

static int
ModeKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    const char *text = Tcl_GetString(wordPtr->objPtr);
    size_t length = strlen(text);

    if (IsLeft(wordPtr)) {
	return TCL_OK;
    }
    if (length > 4 || text[strspn(text, "01234567")] != '\0'
	    || (length == 4 && text[0] != '0')) {
	return SsBadValue(interp, wordPtr->objPtr, kindPtr->name,
		"octal permissions, as 0660");
    }
    wordPtr->number = (int) strtol(text, NULL, 8);
    return TCL_OK;
}

static void
WriteMode(Tcl_Obj *textPtr, const SsWord *wordPtr)
{
    Tcl_AppendPrintfToObj(textPtr, "%o", wordPtr->number);
}

/* Whom a Unix socket is given to. */
static int
AccountKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    const char *text = Tcl_GetString(wordPtr->objPtr);
    int isUser = (strcmp(kindPtr->name, "-unixuser") == 0);

    if (IsLeft(wordPtr)) {
	return TCL_OK;
    }
    wordPtr->number = isUser ? SsIdentityUser(text) : SsIdentityGroup(text);
    return (wordPtr->number >= 0) ? TCL_OK : SsBadValue(interp,
	    wordPtr->objPtr, kindPtr->name, isUser
	    ? "the name or the number of a user"
	    : "the name or the number of a group");
}

static int
GetKeepAlive(Tcl_Obj *objPtr, int times[3])
{
    Tcl_Obj **words;
    Tcl_Size i, count;

    if (Tcl_ListObjGetElements(NULL, objPtr, &count, &words) != TCL_OK
	    || count != 3) {
	return TCL_ERROR;
    }
    for (i = 0; i < 3; i++) {
	if (Tcl_GetIntFromObj(NULL, words[i], &times[i]) != TCL_OK
		|| times[i] < 1 || times[i] > ((i < 2) ? 32767 : 127)) {
	    return TCL_ERROR;
	}
    }
    return TCL_OK;
}

static int
KeepAliveKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    int times[3];

    return (IsLeft(wordPtr) || GetKeepAlive(wordPtr->objPtr, times) == TCL_OK)
	    ? TCL_OK : SsBadValue(interp, wordPtr->objPtr, kindPtr->name,
	    "{idle interval count}: seconds from 1 to 32767, and 1 to 127");
}

static void
WriteKeepAlive(Tcl_Obj *textPtr, const SsWord *wordPtr)
{
    int times[3] = { 0, 0, 0 };

    GetKeepAlive(wordPtr->objPtr, times);
    Tcl_AppendPrintfToObj(textPtr, "%d,%d,%d", times[0], times[1], times[2]);
}

const SsKind ssListenerKinds[SS_LISTENER_OPTIONS + 1] = {
    { "-backlog", 1, INT_MAX, NULL },
    { "-busyreply", 0, MOST_REPLY, BytesKind },
    { "-defer", 0, 0, BooleanKind },
    { "-firstbyte", 0, 0, SsSecondsKind },
    { "-head", 0, SS_HEAD_SIZE, BytesKind },
    { "-headtime", 0, 0, SsSecondsKind },
    { "-keepalive", 0, 0, KeepAliveKind },
    { "-maxperaddr", 0, INT_MAX, NULL },
    { "-maxqueue", 0, INT_MAX, NULL },
    { "-myaddr", 0, 0, AddressesKind },
    { "-nodelay", 0, 0, BooleanKind },
    { "-parktimeout", 0, 0, SsSecondsKind },
    { "-proxyfrom", 0, 0, NetworksKind },
    { "-proxytime", 0, 0, SsSecondsKind },
    { "-queuetime", 0, 0, SsSecondsKind },
    { "-rateperaddr", 0, 0, RateKind },
    { "-rcvbuf", 0, INT_MAX, NULL },
    { "-reuseport", 0, 0, BooleanKind },
    { "-skipgone", 0, 0, GoneKind },
    { "-type", 0, 0, TypeKind },
    { "-unixgroup", 0, 0, AccountKind },
    { "-unixmode", 0, 0, ModeKind },
    { "-unixuser", 0, 0, AccountKind },
    { "-usertimeout", 0, 0, SsSecondsKind },
    { NULL, 0, 0, NULL }
};

/*
 * How the server is told a value: as the number that its kind made of it, or as
 * this.  Addresses it is told otherwise, resolved, and so it is the type.
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
    { TypeKind, NULL },
    { ModeKind, WriteMode },
    { KeepAliveKind, WriteKeepAlive },
    { NULL, WriteNumber }
};

/*
 * The server knows an option by the same name, without the dash, but for these,
 * which are those of Unix sockets.
 */

static const struct Field {
    const char *option;
    const char *name;
} fields[] = {
    { "-unixgroup", "gid" }, { "-unixmode", "mode" }, { "-unixuser", "uid" },
    { NULL, NULL }
};

void
SsListenerWrite(Tcl_Obj *textPtr, const SsWord *options, int isUnix)
{
    const struct Writer *writerPtr;
    const struct Field *fieldPtr;
    const char *option;
    int i;

    for (i = 0; i < SS_LISTENER_OPTIONS; i++) {
	option = ssListenerKinds[i].name;
	writerPtr = writers;
	while (writerPtr->kindProc != NULL
		&& writerPtr->kindProc != ssListenerKinds[i].proc) {
	    writerPtr++;
	}
	fieldPtr = fields;
	while (fieldPtr->option != NULL
		&& strcmp(fieldPtr->option, option) != 0) {
	    fieldPtr++;
	}
	if (options[i].objPtr != NULL && options[i].number >= 0
		&& writerPtr->proc != NULL
		&& (isUnix || fieldPtr->option == NULL)) {
	    Tcl_AppendPrintfToObj(textPtr, "\t%s=", (fieldPtr->name != NULL)
		    ? fieldPtr->name : option + 1);
	    writerPtr->proc(textPtr, &options[i]);
	}
    }
}

const SsWord *
SsListenerOption(const SsWord *options, const char *name)
{
    int i = 0;

    while (strcmp(ssListenerKinds[i].name, name) != 0) {
	i++;
    }
    return &options[i];
}

/* All other options are about connections. */
static int
IsForDatagrams(const char *option)
{
    static const char *const names[] = {
	"-myaddr", "-rcvbuf", "-reuseport", "-type", NULL
    };
    int i = 0;

    while (names[i] != NULL && strcmp(names[i], option) != 0) {
	i++;
    }
    return names[i] != NULL;
}

int
SsListenerCheckDatagram(Tcl_Interp *interp, const SsWord *options)
{
    const char *option;
    int i;

    for (i = 0; i < SS_LISTENER_OPTIONS; i++) {
	option = ssListenerKinds[i].name;
	if (options[i].objPtr != NULL && !IsForDatagrams(option)) {
	    return SsErrorOurs(interp, "USAGE", "%s is for connections: a UDP"
		    " listener has none", option);
	}
    }
    return TCL_OK;
}

/* What is said in the end: a listener's own options go first. */
void
SsListenerOverride(SsWord *options, const SsWord *common, int isDatagram)
{
    int i;

    for (i = 0; i < SS_LISTENER_OPTIONS; i++) {
	if (options[i].objPtr == NULL && (!isDatagram
		|| IsForDatagrams(ssListenerKinds[i].name))) {
	    options[i] = common[i];
	}
    }
}

int
SsListenerHolds(const SsWord *options)
{
    static const char *const names[] = {
	"-firstbyte", "-head", "-maxqueue", "-parktimeout", "-proxyfrom",
	"-queuetime", NULL
    };
    int i, holds = 0;

    for (i = 0; names[i] != NULL; i++) {
	holds |= (SsListenerOption(options, names[i])->objPtr != NULL);
    }
    return holds;
}
