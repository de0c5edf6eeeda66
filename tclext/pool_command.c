/*
 * pool_command.c --
 *
 *	What a pool says to the server: subcommands of ::socketserver::Queue.
 */

#include "commands.h"
#include "board.h"
#include "control.h"
#include "fork.h"
#include "listener_text.h"
#include "pools.h"
#include "result.h"
#include "serve.h"
#include "socket_path.h"

#include <string.h>

static int
BoardDescriptor(Tcl_Interp *interp, const SsWord *wordPtr, int *fdPtr)
{
    *fdPtr = SsBoardFd(wordPtr->number);
    return (*fdPtr >= 0) ? TCL_OK : SsErrorOurs(interp, "USAGE",
	    "no scoreboard %d, or not one of this process", wordPtr->number);
}

/* Whatever becomes of the request, no command comes any more. */
static int
Done(Tcl_Interp *interp, int64_t service)
{
    SsCall call = { .name = "done", .numbers = { service } };
    int code = SsAsk(interp, &call);

    SsForkLock();
    SsPoolDropLocked(service);
    SsForkUnlock();
    return code;
}

/* Nobody looks after the pools of an interpreter that is deleted. */
static void
EndPools(void *clientData, Tcl_Interp *interp)
{
    int64_t service;

    do {
	SsForkLock();
	service = SsPoolOfLocked(interp);
	SsForkUnlock();
	if (service != 0) {
	    Done(interp, service);
	}
    } while (service != 0);
}

int
SsPoolBegin(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    enum { PORT, SUPERVISOR, BOARD, NOTIFY };
    const char *notify = Tcl_GetString(words[NOTIFY].objPtr);
    SsCall call = { .name = "pool", .numSendFds = 1 };
    Tcl_Obj *textPtr;
    int board, code;

    call.numbers[0] = SsServeService(interp, words[PORT].number, name);
    call.numbers[1] = words[SUPERVISOR].number;
    if (call.numbers[0] == 0
	    || BoardDescriptor(interp, &words[BOARD], &board) != TCL_OK) {
	return TCL_ERROR;
    }
    if (strchr(notify, '\n') != NULL) {
	return SsBadValue(interp, words[NOTIFY].objPtr, "notify",
		"the path of a socket");
    }
    textPtr = Tcl_NewObj();
    Tcl_IncrRefCount(textPtr);
    if (notify[0] != '\0') {
	Tcl_AppendToObj(textPtr, "notify=", -1);
	SsSocketPathWrite(textPtr, notify);
	Tcl_AppendToObj(textPtr, "\n", 1);
    }
    call.text = Tcl_GetString(textPtr);
    call.sendFds = &board;
    code = SsAsk(interp, &call);
    Tcl_DecrRefCount(textPtr);
    if (code != TCL_OK) {
	return code;
    }
    SsForkLock();
    SsPoolAddLocked(call.numbers[0], interp);
    SsForkUnlock();
    Tcl_DontCallWhenDeleted(interp, EndPools, NULL);
    Tcl_CallWhenDeleted(interp, EndPools, NULL);
    return SsResultNumber(interp, call.numbers[0]);
}

int
SsPoolAsk(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    SsCall call = {
	.name = name, .numbers = { words[0].number, words[1].number }
    };

    return SsAsk(interp, &call);
}

int
SsPoolStack(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    static const char *const hows[] = { "", "raise", "wait" };
    SsCall call = {
	.name = name, .numbers = { words[0].number, words[1].number },
	.text = hows[words[2].number]
    };

    return SsAsk(interp, &call);
}

int
SsPoolDone(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    return Done(interp, words[0].number);
}

/* Answers a command: why it wasn't done, "": it was, then the text. */
static int
Answer(Tcl_Interp *interp, const SsWord *words, Tcl_Obj *textPtr,
    const int *fds, int numFds)
{
    SsCall call = {
	.name = "commanded", .numbers = { words[0].number },
	.sendFds = fds, .numSendFds = numFds
    };
    Tcl_WideInt token = 0;
    int code;

    Tcl_GetWideIntFromObj(NULL, words[1].objPtr, &token);
    call.numbers[1] = token;
    Tcl_IncrRefCount(textPtr);
    call.text = Tcl_GetString(textPtr);
    code = SsAsk(interp, &call);
    Tcl_DecrRefCount(textPtr);
    return code;
}

int
SsPoolCommanded(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    enum { REASON = 2, TEXT };
    const char *reason = Tcl_GetString(words[REASON].objPtr);

    if (reason[strcspn(reason, " \t\r\n")] != '\0') {
	return SsBadValue(interp, words[REASON].objPtr, "reason",
		"one word, or {}");
    }
    return Answer(interp, words, Tcl_ObjPrintf("%s\n%s", reason,
	    Tcl_GetString(words[TEXT].objPtr)), NULL, 0);
}

/*
 * Puts what UDP needs behind what there is; 0: an error, there is no room.  The
 * server adds the counters.
 */
static int
PutSocketsLocked(Tcl_Interp *interp, const SsPort *portPtr,
    int fds[SS_PACKET_FDS], int count)
{
    const SsSockets *socketsPtr = portPtr->socketsPtr;
    int i, most = SS_PACKET_FDS - count - 3;

    if (socketsPtr == NULL) {
	return count;
    }
    if (socketsPtr->count > most) {
	SsErrorOurs(interp, "USAGE", "%s has %d UDP sockets: a process can"
		" attach where there are %d at most, one for each address",
		portPtr->called, socketsPtr->count, most);
	return 0;
    }
    fds[count++] = socketsPtr->gateFd;
    fds[count++] = socketsPtr->tallyFd;
    for (i = 0; i < socketsPtr->count; i++) {
	fds[count++] = socketsPtr->all[i].fd;
    }
    return count;
}

/*
 * The queue stays open until it is sent, whoever closes the port meanwhile.
 */
int
SsPoolAdmit(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    enum { SERVICE, TOKEN, PORT, BOARD, SLOT, GENERATION, PID };
    Tcl_Obj *textPtr, *listenersPtr;
    SsPort *portPtr;
    SsPortUse use;
    int fds[SS_PACKET_FDS] = { 0 }, count, code;

    if (BoardDescriptor(interp, &words[BOARD], &fds[2]) != TCL_OK) {
	return TCL_ERROR;
    }
    SsForkLock();
    portPtr = SsServeFedLocked(words[SERVICE].number);
    if (portPtr == NULL || portPtr->queueFd < 0 || portPtr->returnFd < 0) {
	SsForkUnlock();
	return SsErrorOurs(interp, "NOTSERVER", "%.100s is not served any"
		" more", Tcl_GetString(words[PORT].objPtr));
    }
    fds[0] = portPtr->queueFd;
    fds[1] = portPtr->returnFd;
    count = PutSocketsLocked(interp, portPtr, fds, 3);
    if (count == 0) {
	SsForkUnlock();
	return TCL_ERROR;
    }
    SsPortUseLocked(&use, portPtr);
    listenersPtr = SsListenersWrite(portPtr);
    SsForkUnlock();
    textPtr = Tcl_ObjPrintf("\n%d %d\n%d\n%s", words[SLOT].number,
	    words[GENERATION].number, words[PID].number,
	    Tcl_GetString(listenersPtr));
    Tcl_DecrRefCount(listenersPtr);
    code = Answer(interp, words, textPtr, fds, count);
    SsForkLock();
    SsPortDropLocked(&use);
    SsForkUnlock();
    return code;
}
