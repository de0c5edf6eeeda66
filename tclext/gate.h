/*
 * gate.h --
 *
 *	The one way into Go.  A forked child has the Go runtime's memory but
 *	none of its threads: what enters it there hangs.  So each call compares
 *	pids first, and in a child it loads a fresh copy of this library, whose
 *	runtime is whole.
 */

#ifndef SS_GATE_H
#define SS_GATE_H

#include "boundary.h"

/*
 * SsGateInit --
 *
 *	Waits until the Go runtime of this library has started.  Returns 0 or
 *	an errno.
 *
 * SsGateServe, SsGateClose, SsGateCounts, SsGateRenew, SsGateSwitch,
 * SsGateRetire --
 *
 *	What exports.go documents.  Return 0, or -1 with the error filled.
 *	A handle is good in the process that got it.
 *
 * SsGateSuperviseNew, SsGateSuperviseStep, SsGateSuperviseEnd --
 *
 *	What supervise.go documents.  Return 0, the first a number above 0; or
 *	-1 with the error filled.  The step's reply is the caller's to free.
 *
 * SsGateForget --
 *
 *	In a forked child: Go is dead.  Safe between fork and exec.
 *
 * Process: any; they lead into Go in the server only.
 */

int		SsGateInit(void);
int		SsGateServe(SsServeRequest *requestPtr,
		    SsServeReply *replyPtr, SsGoError *errorPtr);
int		SsGateClose(int handle, SsGoError *errorPtr);
int		SsGateCounts(int handle, SsServeCounts *countsPtr,
		    SsGoError *errorPtr);
int		SsGateRenew(int handle, SsRenewReply *replyPtr,
		    SsGoError *errorPtr);
int		SsGateSwitch(int handle, int sendFd, SsGoError *errorPtr);
int		SsGateRetire(int handle, int workers, SsGoError *errorPtr);
int		SsGateSuperviseNew(const char *config,
		    SsGoError *errorPtr);
int		SsGateSuperviseStep(int number, const char *snapshot,
		    char **replyPtr, SsGoError *errorPtr);
int		SsGateSuperviseEnd(int number, SsGoError *errorPtr);
void		SsGateForget(void);

#endif /* SS_GATE_H */
