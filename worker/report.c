#include "report.h"
#include "fork.h"
#include "message.h"
#include "return.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tcl.h>

static __thread int process
	__attribute__((tls_model("initial-exec"))) = -1;
				/* In which this thread has the event source,
				 * as SsForkCount tells. */
static int unsentIn = -1;	/* In which something may be unsent; guarded by
				 * the fork lock. */

/* What nobody receives any more is not to be told. */
static void
SendLocked(SsPort *portPtr)
{
    int count, error = 0, sent = 0;

    while (sent < portPtr->numReports && error != EAGAIN) {
	count = portPtr->numReports - sent;
	count = (count > SS_REPORT_MOST) ? SS_REPORT_MOST : count;
	error = SsReturnReport(portPtr, portPtr->reports + sent, count);
	sent += (error == EAGAIN) ? 0 : count;
    }
    portPtr->numReports -= sent;
    memmove(portPtr->reports, portPtr->reports + sent,
	    (size_t) portPtr->numReports * sizeof(uint32_t));
}

static void
AddLocked(SsPort *portPtr, uint32_t number)
{
    uint32_t *grown;
    int room;

    if (portPtr->returnFd < 0) {
	return;
    }
    if (portPtr->numReports == portPtr->maxReports) {
	room = 2 * portPtr->maxReports + SS_REPORT_MOST;
	grown = realloc(portPtr->reports, (size_t) room * sizeof(uint32_t));
	if (grown == NULL) {
	    Tcl_Panic("out of memory for %d reports", room);
	}
	portPtr->reports = grown;
	portPtr->maxReports = room;
    }
    portPtr->reports[portPtr->numReports++] = number;
    unsentIn = SsForkCount();
}

int
SsReportsSend(int timeout)
{
    SsPort *portPtr, *nextPtr;
    int unsent = 0;

    SsForkLock();
    if (unsentIn == SsForkCount()) {
	for (portPtr = SsPortsFirstLocked(); portPtr != NULL;
		portPtr = nextPtr) {
	    nextPtr = portPtr->nextPtr;
	    if (portPtr->numReports > 0) {
		SendLocked(portPtr);
		unsent |= (portPtr->numReports > 0);
		SsPortTidyLocked(portPtr);
	    }
	}
	unsentIn = unsent ? unsentIn : -1;
    }
    SsForkUnlock();
    return (unsent && (timeout < 0 || timeout > SS_REPORT_RETRY))
	    ? SS_REPORT_RETRY : timeout;
}

/* The event loop is about to wait. */
static void
SetupProc(void *clientData, int flags)
{
    static const Tcl_Time soon = { 0, SS_REPORT_RETRY * 1000 };

    (void) clientData;
    (void) flags;
    if (process == SsForkCount() && SsReportsSend(-1) >= 0) {
	Tcl_SetMaxBlockTime(&soon);
    }
}

static void
CheckProc(void *clientData, int flags)
{
    (void) clientData;
    (void) flags;
}

void
SsReportTaken(SsPort *portPtr, uint32_t id)
{
    if (id == 0) {
	return;
    }
    if (process < 0) {
	Tcl_CreateEventSource(SetupProc, CheckProc, NULL);
    }
    process = SsForkCount();
    SsForkLock();
    AddLocked(portPtr, id & ~SS_REPORT_ENDED);
    SendLocked(portPtr);
    SsForkUnlock();
}

/* A thread that took none may never tell, nor wake one that does. */
void
SsReportEndedLocked(SsPort *portPtr, uint32_t id)
{
    if (id == 0) {
	return;
    }
    AddLocked(portPtr, id | SS_REPORT_ENDED);
    if (process != SsForkCount()) {
	SendLocked(portPtr);
    }
}
