/*
 * Signals that steer a server or a worker: heard of in the event loop, given
 * back to the application afterwards.
 */

#ifndef SS_SIGNALS_H
#define SS_SIGNALS_H

#include <tcl.h>

#define SS_SIGNAL_NAME_SIZE 16

/*
 * In a server: calls a command prefix with a signal's name, from the event
 * loop, for each TERM, INT, HUP, TTIN, TTOU, USR1 or USR2 that comes.  A worker
 * finishes what it serves, whoever sends a signal to its process group: only
 * the first TERM calls the prefix and asks it to stop (SsSignalsStopping); a
 * second one kills.  It hears of others that it wants, too (wanted ends with
 * 0), and where several of a kind come, perhaps once.  One interpreter of a
 * process at a time may begin this.  TCL_ERROR leaves a message in the
 * interpreter.
 */
int		SsSignalsCatch(Tcl_Interp *interp, Tcl_Obj *prefixPtr,
		    int worker, const int *wanted);
int		SsSignalsStopping(void);

/* Whether it is one of those. */
int		SsSignalsSteer(int number);

/*
 * For a worker without event loop: whether something has come for this thread
 * that it wants; calls the prefix.
 */
int		SsSignalsWaiting(void);
void		SsSignalsTell(void);

/*
 * Ends it where this interpreter began it: dispositions are as they were,
 * but for those that somebody else has changed since.  A signal that came and
 * wasn't told is dropped.  In a forked child it ends what the parent began,
 * whoever did; one that doesn't call it does so when it hears of a signal of
 * its parent's.
 */
void		SsSignalsRestore(Tcl_Interp *interp);

/*
 * In a forked child: the same, as far as system calls can do it.  Safe between
 * fork and exec; the fork lock is held.
 */
void		SsSignalsGiveBack(void);

/*
 * Names, as Tcl knows them: without SIG, or the number where there is none.
 * SsSignalNumber takes them with SIG or without; 0 says that there is none of
 * this name.
 */
void		SsSignalName(int number, char name[SS_SIGNAL_NAME_SIZE]);
int		SsSignalNumber(const char *name);

#endif /* SS_SIGNALS_H */
