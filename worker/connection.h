/* The connections that this process has received, as Tcl channels. */

#ifndef SS_CONNECTION_H
#define SS_CONNECTION_H

#include "arrival.h"
#include "channel.h"
#include "ports.h"

#include <tcl.h>

/*
 * An open one.  It belongs to connection.c; the thread that has the channel may
 * read what doesn't change, and says what becomes of it at the end.
 */

typedef struct SsConnection {
    Tcl_Event header;		/* What it becomes if somebody wants to know
				 * that it is closed. */
    SsChannel socket;
    int process;		/* Whose it is, as SsForkCount tells: a forked
				 * child has copies. */
    struct SsConnection *olderPtr, *newerPtr;
				/* This process's open ones, in the order in
				 * which they came. */
    SsArrival arrival;		/* As it came, nothing of it unread. */
    uint64_t begun;		/* When it was taken, or its handler is called
				 * once more... */
    uint64_t waited;		/* ...and how long it was ready for a worker
				 * before: nanoseconds. */
    SsPort *portPtr;		/* Where it came from, held as long as it is
				 * open; nothing to a forked child. */
    SsBoardPeer peer;
    int lingers;		/* Whether Tcl was seen to write to it in the
				 * background. */
    Tcl_Obj *closedPtr;		/* A command prefix to evaluate then, or
				 * NULL... */
    Tcl_Interp *interp;		/* ...where, preserved... */
    Tcl_ThreadId thread;	/* ...and in which thread. */
    SsArrival *heirPtr;		/* Gets the connection when the channel is
				 * closed, and the hold on the port; NULL: it
				 * is closed, too. */
    int isGiven;		/* The server has it: that it is closed here is
				 * not its end. */
} SsConnection;

/* Once in a process that loads the library. */
void		SsConnectionsPrepare(void);

/*
 * Makes a channel of an arrival and registers it in the interpreter.  What the
 * arrival owns is the channel's from then on, until Tcl closes it; on TCL_ERROR
 * it is closed.  The port is one that the caller uses, or, if the arrival was
 * kept, holds for it: that is given away, too.  Sets the three words that a
 * handler gets, new values: channel, peer's address, port.
 */
int		SsConnectionOpen(Tcl_Interp *interp, SsPort *portPtr,
		    SsArrival *arrivalPtr, Tcl_Obj *words[3]);

/*
 * Closes and counts an arrival that nobody can serve any more; NULL: it was
 * none.
 */
void		SsConnectionDiscard(SsPort *portPtr, SsArrival *arrivalPtr);

/* An open one of this process, by its channel's name; NULL: there is none. */
SsConnection *	SsConnectionFind(Tcl_Interp *interp, const char *name);

/* Whether it is open in another interpreter or thread of this process. */
int		SsConnectionIsElsewhere(const char *name);

/*
 * Of an open connection of this process, by its channel's name in the
 * interpreter; -1: there is none.  SsConnectionWhenClosed has a command prefix
 * evaluated, from this thread's event loop, after the channel is closed, by
 * whichever thread; -1: also where there is such a command already.
 * SsConnectionListener tells by which listener it came, from 0.
 */
int		SsConnectionWhenClosed(Tcl_Interp *interp, const char *name,
		    Tcl_Obj *prefixPtr);
int		SsConnectionListener(Tcl_Interp *interp, const char *name);

/*
 * Ends one, whatever Tcl still writes to it, perhaps after a script has closed
 * its channel; -1: there is none of that name.  A datagram just stays open: its
 * socket is everybody's.
 */
int		SsConnectionCut(const char *name);

/* Takes the open one with this descriptor off an epoll. */
void		SsConnectionLeave(int pollFd, int fd);

/*
 * How many are open; when the oldest of them came, -1: none is; to how many of
 * this thread's Tcl writes unattended.
 */
int		SsConnectionsOpen(void);
int64_t		SsConnectionsSince(void);
int		SsConnectionsLingering(void);

/* What this process has received since it began, as a worker. */
void		SsConnectionCounts(uint64_t *receivedPtr,
		    uint64_t *discardedPtr);

/*
 * A slot of the scoreboard is this process's from now on: shows what is open
 * there, and counts anew.
 */
void		SsConnectionsShowAnew(void);

/* In a forked child, safe between fork and exec: it has none, counts anew. */
void		SsConnectionsForget(void);

#endif /* SS_CONNECTION_H */
