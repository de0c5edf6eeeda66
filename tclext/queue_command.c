/*
 * queue_command.c --
 *
 *	The command ::socketserver::Queue.
 */

#include "commands.h"
#include "arguments.h"
#include "fork.h"
#include "interrupt.h"
#include "listener.h"
#include "listener_options.h"
#include "named_port.h"
#include "passed.h"
#include "ports.h"
#include "question.h"
#include "queue.h"
#include "request.h"
#include "result.h"
#include "serve.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* A number is the first listener's, of which there is one. */
static int
NumberKind(Tcl_Interp *interp, SsWord *wordPtr)
{
    int isServed;

    if (SsGetNumber(interp, wordPtr->objPtr, "port", 1, 65535,
	    &wordPtr->number) != TCL_OK) {
	return TCL_ERROR;
    }
    SsForkLock();
    isServed = (SsPortFindLocked(wordPtr->number) != NULL);
    SsForkUnlock();
    return isServed ? TCL_OK : SsErrorOurs(interp, "NOPORT",
	    "port %d is not served", wordPtr->number);
}

static int
PortKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    SsPortUse use;

    if (strchr(Tcl_GetString(wordPtr->objPtr), ':') == NULL) {
	return NumberKind(interp, wordPtr);
    }
    if (SsNamedPortUse(interp, wordPtr->objPtr, &use) == NULL) {
	return TCL_ERROR;
    }
    wordPtr->number = use.portPtr->number;
    SsNamedPortDrop(&use);
    return TCL_OK;
}

/*
 * Appends the listeners where the pool is told of, as the server has answered:
 * use, name, port of each.
 */
static void
AppendTellers(Tcl_Obj *listPtr, Tcl_Obj *toldPtr)
{
    enum { USE, NAME, PORT, NUM_WORDS };
    Tcl_Obj **words, *dictPtr;
    Tcl_Size count;
    int port;

    Tcl_ListObjGetElements(NULL, toldPtr, &count, &words);
    for (; count >= NUM_WORDS; count -= NUM_WORDS, words += NUM_WORDS) {
	dictPtr = Tcl_NewDictObj();
	port = 0;
	Tcl_GetIntFromObj(NULL, words[PORT], &port);
	SsPutText(dictPtr, "name", Tcl_GetString(words[NAME]));
	Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj("port", -1),
		words[port == 0 ? NAME : PORT]);
	SsPutText(dictPtr, "addresses", "");
	SsPutText(dictPtr, "use", Tcl_GetString(words[USE]));
	Tcl_ListObjAppendElement(NULL, listPtr, dictPtr);
    }
}

/* As "socket server", with a list of each. */

static int
ServeSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsWord common[SS_WORDS_MOST];
    Tcl_Obj *listPtr, **options, **listeners;
    Tcl_Size numOptions, count;
    int number;

    if (Tcl_ListObjGetElements(interp, words[0].objPtr, &numOptions,
	    &options) != TCL_OK || Tcl_ListObjGetElements(interp,
	    words[1].objPtr, &count, &listeners) != TCL_OK) {
	return SsUsageError(interp);
    }
    if (count < 1 || count > SS_LISTENERS_MOST) {
	return SsErrorOurs(interp, "USAGE", "a queue has 1 to %d listeners",
		SS_LISTENERS_MOST);
    }
    if (SsReadWords(interp, SS_LISTENER_USAGE, ssListenerKinds, 0,
	    (int) numOptions, options, common) != TCL_OK
	    || SsListenersServe(interp, common, (int) count, listeners,
	    words[2].objPtr, &number) != TCL_OK) {
	return TCL_ERROR;
    }
    SsForkLock();
    listPtr = SsListenersDescribe(SsPortFindLocked(number));
    SsForkUnlock();
    AppendTellers(listPtr, Tcl_GetObjResult(interp));
    Tcl_SetObjResult(interp, listPtr);
    return TCL_OK;
}

/* What the server does has the same name there. */

static int
AskSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsServeAsk(interp, words[0].number, name, words[1].number);
}

/*
 * Datagrams that wait count as one.  -1: the queue has ended; then it is
 * closed, and the port may be freed.
 */
static int
QueueLengthLocked(SsPort *portPtr)
{
    if (portPtr->ended
	    || (!portPtr->serving && SsPortAtEndLocked(portPtr))) {
	return -1;
    }
    return SsQueueLength(portPtr->queueFd)
	    + SsSocketsWaiting(portPtr->socketsPtr);
}

static int
ListSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    SsPort *portPtr, *nextPtr;
    int queue, length;

    SsForkLock();
    for (portPtr = SsPortsFirstLocked(); portPtr != NULL; portPtr = nextPtr) {
	nextPtr = portPtr->nextPtr;
	queue = portPtr->queue;
	if (portPtr->number == words[0].number
		&& (length = QueueLengthLocked(portPtr)) >= 0) {
	    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewIntObj(queue),
		    Tcl_NewIntObj(length));
	}
    }
    SsForkUnlock();
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}

/* Takes what came to UDP sockets that are closed. */
static int
DiscardDatagrams(SsSockets *socketsPtr)
{
    SsArrival arrival;
    int count = 0;

    while (SsSocketsLeft(socketsPtr)
	    && SsSocketsReceive(socketsPtr, &arrival) == SS_RECEIVE_GOT) {
	SsArrivalClose(&arrival);
	count++;
    }
    return count;
}

/*
 * Closes what is queued.  A descriptor for which there is no room the system
 * closes itself.
 */
static int
DiscardLocked(
    SsPort *portPtr)		/* Freed if its queue has ended. */
{
    SsReceiveStatus status;
    SsArrival arrival;
    int count = 0;

    do {
	status = SsQueueReceive(portPtr->queueFd, &arrival);
	count += (status == SS_RECEIVE_GOT || status == SS_RECEIVE_LOST);
	if (status == SS_RECEIVE_GOT) {
	    SsArrivalClose(&arrival);
	}
    } while (status != SS_RECEIVE_EMPTY && status != SS_RECEIVE_END
	    && status != SS_RECEIVE_FAILED);
    if (status == SS_RECEIVE_END) {
	count += DiscardDatagrams(portPtr->socketsPtr);
	SsPortEndLocked(portPtr);
    }
    return count;
}

static int
DiscardSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsPort *portPtr, *nextPtr;
    int count = 0;

    SsForkLock();
    for (portPtr = SsPortsFirstLocked(); portPtr != NULL; portPtr = nextPtr) {
	nextPtr = portPtr->nextPtr;
	if (portPtr->number == words[0].number && !portPtr->ended) {
	    count += DiscardLocked(portPtr);
	}
    }
    SsForkUnlock();
    return SsResultNumber(interp, count);
}

static int
UseSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsPort *portPtr;
    int usable;

    SsForkLock();
    portPtr = SsPortQueueLocked(words[0].number, words[1].number);
    usable = (portPtr != NULL && SsPortInherited(portPtr));
    if (usable) {
	SsPortKeepLocked(portPtr);
    }
    SsForkUnlock();
    return usable ? TCL_OK : SsErrorOurs(interp, "NOQUEUE",
	    "%.100s has no queue %d, or is served by this process, which"
	    " needs all", Tcl_GetString(words[0].objPtr), words[1].number);
}

static int
HeedSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsPort *portPtr;
    int error;

    SsForkLock();
    portPtr = SsPortQueueLocked(words[0].number, words[1].number);
    SsForkUnlock();
    error = (portPtr != NULL) ? SsInterruptBegin(interp, portPtr) : ENOENT;
    return (error == 0) ? TCL_OK : SsErrorPosix(interp, error,
	    "the server can't ask for the stack of process %d: %m",
	    (int) getpid());
}

static int
WithdrawSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsResultNumber(interp,
	    SsRequestWithdraw(interp, words[0].number));
}

static int
AskStatusSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return SsQuestionAsk(interp, words[0].objPtr, "status");
}

static int
PassedSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    Tcl_SetObjResult(interp, SsPassedNames());
    if (words[0].objPtr != NULL) {
	SsPassedClose();
    }
    return TCL_OK;
}

static int
CloseKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    return (strcmp(Tcl_GetString(wordPtr->objPtr), "close") == 0) ? TCL_OK
	    : SsBadValue(interp, wordPtr->objPtr, kindPtr->name, "close");
}

/* The server counts with more bits than a word's number has. */
static int
TokenKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    Tcl_WideInt token;

    return (Tcl_GetWideIntFromObj(NULL, wordPtr->objPtr, &token) == TCL_OK)
	    ? TCL_OK : SsBadValue(interp, wordPtr->objPtr, kindPtr->name,
	    "a number");
}

/* How a stack is asked for, as the server has it. */
static int
HowKind(Tcl_Interp *interp, const SsKind *kindPtr, SsWord *wordPtr)
{
    static const char *const hows[] = { "0", "1", "wait", NULL };

    return SsGetIndex(interp, wordPtr->objPtr, hows, sizeof(hows[0]),
	    kindPtr->name, &wordPtr->number);
}

static const SsKind kinds[] = {
    { "board", 0, INT_MAX, NULL },
    { "close", 0, 0, CloseKind },
    { "generation", 0, INT_MAX, NULL },
    { "how", 0, 0, HowKind },
    { "listener", 0, 0, NULL },
    { "n", 0, 65535, NULL },
    { "pid", 1, INT_MAX, NULL },
    { "port", 0, 0, PortKind },
    { "queue", 1, INT_MAX, NULL },
    { "service", 1, INT_MAX, NULL },
    { "slot", 0, INT_MAX, NULL },
    { "supervisor", 0, INT_MAX, NULL },
    { "token", 0, 0, TokenKind },
    { NULL, 0, 0, NULL }
};

const SsSubcommand ssQueueSubcommands[] = {
    { "abandon", AskSubcommand, "port", kinds },
    { "admit", SsPoolAdmit, "service token port board slot generation pid",
	kinds },
    { "commanded", SsPoolCommanded, "service token reason text", kinds },
    { "detach", SsPoolAsk, "service pid", kinds },
    { "discard", DiscardSubcommand, "port", kinds },
    { "done", SsPoolDone, "service", kinds },
    { "heed", HeedSubcommand, "port queue", kinds },
    { "list", ListSubcommand, "port", kinds },
    { "passed", PassedSubcommand, "?close?", kinds },
    { "pool", SsPoolBegin, "port supervisor board notify", kinds },
    { "ready", SsPoolAsk, "service", kinds },
    { "renew", AskSubcommand, "port", kinds },
    { "retire", AskSubcommand, "port n", kinds },
    { "serve", ServeSubcommand, "options listeners ?extras?", kinds },
    { "stack", SsPoolStack, "service pid how", kinds },
    { "status", AskStatusSubcommand, "?listener?", kinds },
    { "switch", AskSubcommand, "port", kinds },
    { "use", UseSubcommand, "port queue", kinds },
    { "withdraw", WithdrawSubcommand, "port", kinds },
    { NULL, NULL, NULL, NULL }
};
