/*
 * listener_text.c --
 *
 *	Listeners as others are told them.
 */

#include "listener_text.h"
#include "arguments.h"
#include "boundary.h"
#include "result.h"

#include <string.h>

/*
 * A line is a list of Tcl's: name, port, milliseconds for parked connections,
 * a head's end as hexadecimal digits, addresses that are bound and those that
 * were asked for, and 1 for datagrams, else 0.
 */

#define WORDS 7

Tcl_Obj *
SsListenerPort(const SsListener *listenerPtr)
{
    return (listenerPtr->port > 0) ? Tcl_NewIntObj(listenerPtr->port)
	    : Tcl_NewStringObj(listenerPtr->name, -1);
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
	Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj("port", -1),
		SsListenerPort(listenerPtr));
	SsPutText(dictPtr, "addresses", addresses);
	Tcl_ListObjAppendElement(NULL, listPtr, dictPtr);
    }
    return listPtr;
}

static void
AppendText(Tcl_Obj *listPtr, const char *text)
{
    Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewStringObj(text, -1));
}

static void
AppendNumber(Tcl_Obj *listPtr, int number)
{
    Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewIntObj(number));
}

Tcl_Obj *
SsListenersWrite(const SsPort *portPtr)
{
    Tcl_Obj *textPtr = Tcl_NewObj(), *linePtr, *headPtr;
    const SsListener *listenerPtr;
    int i, j;

    for (i = 0; i < portPtr->numListeners; i++) {
	listenerPtr = &portPtr->listeners[i];
	headPtr = Tcl_NewObj();
	for (j = 0; j < listenerPtr->headSize; j++) {
	    Tcl_AppendPrintfToObj(headPtr, "%02x",
		    (unsigned char) listenerPtr->head[j]);
	}
	linePtr = Tcl_NewListObj(0, NULL);
	AppendText(linePtr, listenerPtr->name);
	AppendNumber(linePtr, listenerPtr->port);
	AppendNumber(linePtr, listenerPtr->parkTimeout);
	Tcl_ListObjAppendElement(NULL, linePtr, headPtr);
	AppendText(linePtr, listenerPtr->bound);
	AppendText(linePtr, listenerPtr->asked);
	AppendNumber(linePtr, listenerPtr->numSockets);
	Tcl_AppendStringsToObj(textPtr, Tcl_GetString(linePtr), "\n", NULL);
	Tcl_DecrRefCount(linePtr);
    }
    return textPtr;
}

/* Returns whether there is room. */
static int
Copy(char *to, size_t size, const char *from)
{
    size_t length = strlen(from);

    if (length >= size) {
	return 0;
    }
    memcpy(to, from, length + 1);
    return 1;
}

static int
DigitOf(char character)
{
    static const char digits[] = "0123456789abcdef";
    const char *foundPtr = (character == '\0') ? NULL
	    : strchr(digits, character);

    return (foundPtr == NULL) ? -1 : (int) (foundPtr - digits);
}

static int
ReadHead(const char *text, SsListener *listenerPtr)
{
    size_t i, length = strlen(text);
    int high, low;

    if (length % 2 != 0 || length > 2 * SS_HEAD_SIZE) {
	return 0;
    }
    for (i = 0; i < length; i += 2) {
	high = DigitOf(text[i]);
	low = DigitOf(text[i + 1]);
	if (high < 0 || low < 0) {
	    return 0;
	}
	listenerPtr->head[i / 2] = (char) (16 * high + low);
    }
    listenerPtr->headSize = (int) length / 2;
    return 1;
}

/* The words of a line.  Returns whether this is a listener. */
static int
ReadListener(const char *const words[WORDS], SsListener *listenerPtr)
{
    memset(listenerPtr, 0, sizeof(*listenerPtr));
    return words[0][0] != '\0'
	    && Copy(listenerPtr->name, SS_NAME_SIZE, words[0])
	    && Tcl_GetInt(NULL, words[1], &listenerPtr->port) == TCL_OK
	    && listenerPtr->port >= 0 && listenerPtr->port <= 65535
	    && Tcl_GetInt(NULL, words[2], &listenerPtr->parkTimeout) == TCL_OK
	    && listenerPtr->parkTimeout >= 0
	    && ReadHead(words[3], listenerPtr)
	    && Copy(listenerPtr->bound, SS_ADDRESSES_SIZE, words[4])
	    && Copy(listenerPtr->asked, SS_ADDRESSES_SIZE, words[5])
	    && Tcl_GetInt(NULL, words[6], &listenerPtr->numSockets) == TCL_OK
	    && listenerPtr->numSockets >= 0
	    && listenerPtr->numSockets <= SS_PACKET_FDS;
}

static int
ReadLine(const char *line, int length, SsListener *listenerPtr)
{
    Tcl_DString copy;
    const char **words;
    Tcl_Size count;
    int isRead = 0;

    Tcl_DStringInit(&copy);
    Tcl_DStringAppend(&copy, line, length);
    if (Tcl_SplitList(NULL, Tcl_DStringValue(&copy), &count, &words)
	    == TCL_OK) {
	isRead = (count == WORDS && ReadListener(words, listenerPtr));
	Tcl_Free((char *) words);
    }
    Tcl_DStringFree(&copy);
    return isRead;
}

int
SsListenersRead(const char *text, SsListener *listeners, int *countPtr)
{
    size_t length;

    for (*countPtr = 0; *text != '\0';
	    text += length + (text[length] != '\0')) {
	length = strcspn(text, "\n");
	if (*countPtr == SS_LISTENERS_MOST
		|| !ReadLine(text, (int) length, &listeners[*countPtr])) {
	    return -1;
	}
	++*countPtr;
    }
    return (*countPtr > 0) ? 0 : -1;
}
