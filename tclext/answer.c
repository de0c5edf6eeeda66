/*
 * answer.c --
 *
 *	What the server answers to "serve".
 */

#include "answer.h"
#include "counters.h"
#include "result.h"

#include <errno.h>
#include <stdio.h>

#define WORDS 4			/* Name, port, addresses, UDP sockets. */

void
SsAnswerListeners(Tcl_Interp *interp, SsListener *listeners, int count)
{
    Tcl_Obj **words;
    Tcl_Size numWords;
    int i;

    Tcl_ListObjGetElements(NULL, Tcl_GetObjResult(interp), &numWords, &words);
    for (i = 0; i < count; i++, words += WORDS) {
	snprintf(listeners[i].name, SS_NAME_SIZE, "%s",
		Tcl_GetString(words[0]));
	Tcl_GetIntFromObj(NULL, words[1], &listeners[i].port);
	snprintf(listeners[i].bound, SS_ADDRESSES_SIZE, "%s",
		Tcl_GetString(words[2]));
	Tcl_GetIntFromObj(NULL, words[3], &listeners[i].numSockets);
    }
    Tcl_SetObjResult(interp, Tcl_NewListObj(numWords - WORDS * count, words));
}

int
SsAnswerSocketsLocked(Tcl_Interp *interp, const SsListener *listeners,
    int count, const SsCall *callPtr, SsSockets **socketsPtrPtr)
{
    SsSocket all[SS_CONTROL_FDS];
    int i, j, found = 0;

    *socketsPtrPtr = NULL;
    for (i = 0; i < count; i++) {
	for (j = 0; j < listeners[i].numSockets; j++, found++) {
	    all[found] = (SsSocket) {
		callPtr->fds[SS_ANSWER_SOCKETS + found], i
	    };
	}
    }
    if (found == 0) {
	return TCL_OK;
    }
    *socketsPtrPtr = SsSocketsMake(callPtr->fds[SS_ANSWER_GATE],
	    callPtr->fds[SS_ANSWER_TALLY], found, all);
    return (*socketsPtrPtr != NULL) ? TCL_OK : SsErrorPosix(interp, errno,
	    "can't copy the sockets of %s: %m", listeners[0].name);
}

int
SsAnswerCountersLocked(Tcl_Interp *interp, const SsCall *callPtr)
{
    return (SsCountersMapLocked(callPtr->fds[SS_ANSWER_COUNTERS], 1) == 0)
	    ? TCL_OK
	    : SsErrorPosix(interp, errno, "can't map the counters: %m");
}
