/*
 * The way back: what a worker sends to the server about connections that came
 * by a queue.  Nothing here waits.
 */

#ifndef SS_RETURN_H
#define SS_RETURN_H

#include "arrival.h"
#include "ports.h"

/*
 * Gives a connection back as a message of this kind, SS_KIND_PARK or
 * SS_KIND_UNSERVED.  The server has a copy of its descriptor then; this one is
 * the caller's either way.  Returns 0; EAGAIN: not now; or another errno: there
 * is no server that takes it.  The caller holds the port.
 */
int		SsReturnGive(const SsPort *portPtr, int kind,
		    const SsArrival *arrivalPtr);

/*
 * Gives the server an end of a SEQPACKET pair, on which this process asks what
 * workers may ask (internal/reactor/observe.go).  As SsReturnGive.
 */
int		SsReturnAsk(const SsPort *portPtr, int fd);

/* Tells so many connections' numbers, as message.h has them; the same way. */
int		SsReturnReport(const SsPort *portPtr, const uint32_t *numbers,
		    int count);

/*
 * Answers a question, by a descriptor as a port has it: as much of the text, in
 * whole lines, as there is room for, SS_ANSWER_MOST bytes at most.  In any
 * thread.
 */
int		SsReturnAnswer(int returnFd, uint32_t number,
		    const char *text, int length);

/*
 * Whether the server stops, or is gone, so that what is given back is not
 * parked any more.
 */
int		SsReturnIsLast(const SsPort *portPtr);

#endif /* SS_RETURN_H */
