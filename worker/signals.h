/*
 * signals.h --
 *
 *	Signals that steer a server or a worker: heard of in the event loop,
 *	given back to the application afterwards.
 */

#ifndef SS_SIGNALS_H
#define SS_SIGNALS_H

#include <tcl.h>

/*
 * SsSignalsCatch --
 *
 *	Calls a command prefix with a signal's name, from the event loop, for
 *	each of these signals that comes.  One interpreter of a process may
 *	do so at a time.  TCL_ERROR leaves a message in the interpreter.
 *
 * Process: server.
 *
 * SsSignalsWorker --
 *
 *	A worker finishes what it serves, whoever sends a signal to its
 *	process group: INT, HUP, TTIN, TTOU and USR1 do nothing, TERM asks it
 *	to stop (SsSignalsStopping) and calls the prefix, if one is given
 *	(NULL: none), from the event loop.  A second TERM kills.  TCL_ERROR
 *	leaves a message in the interpreter.
 *
 * SsSignalsStopping --
 *
 *	Whether TERM asked this worker to stop.
 *
 * Process: worker.
 *
 * SsSignalsRestore --
 *
 *	Ends either where this interpreter began it: dispositions are as they
 *	were, but for those that somebody else has changed since.  A signal
 *	that came and wasn't told is dropped.
 *
 * SsSignalsGiveBack --
 *
 *	In a forked child: the same, as far as system calls can do it.  Safe
 *	between fork and exec.
 *
 * SsSignalsForget --
 *
 *	In a forked child, when it is back in Tcl: the rest.  A child that
 *	doesn't call it does the rest when it hears of a signal of its
 *	parent's.
 *
 * Process: both.
 */

int		SsSignalsCatch(Tcl_Interp *interp, int count,
		    const int *numbers, Tcl_Obj *prefixPtr);
int		SsSignalsWorker(Tcl_Interp *interp, Tcl_Obj *prefixPtr);
int		SsSignalsStopping(void);
void		SsSignalsRestore(Tcl_Interp *interp);
void		SsSignalsGiveBack(void);
void		SsSignalsForget(void);

#endif /* SS_SIGNALS_H */
