/*
 * What the server is told of connections that it counts: that this worker has
 * taken one, at once; that one has ended, with the next such report or before
 * the worker sleeps.  What can't be sent is kept and tried again.
 */

#ifndef SS_REPORT_H
#define SS_REPORT_H

#include "ports.h"

#define SS_REPORT_RETRY 50	/* Milliseconds. */

/*
 * For a port that the caller holds; with an id of 0 nothing is told.  Nothing
 * is sent if the reports don't lead anywhere any more.
 */
void		SsReportTaken(SsPort *portPtr, uint32_t id);
void		SsReportEndedLocked(SsPort *portPtr, uint32_t id);

/*
 * Before a thread sleeps; in the event loop of a thread that has taken
 * connections this is done.  Returns for how long it may sleep, as with poll.
 */
int		SsReportsSend(int timeout);

#endif /* SS_REPORT_H */
