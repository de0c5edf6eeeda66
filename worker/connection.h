/* A received connection as a Tcl channel. */

#ifndef SS_CONNECTION_H
#define SS_CONNECTION_H

#include "queue.h"

#include <stdint.h>
#include <sys/types.h>
#include <tcl.h>

typedef struct SsConnection {
    Tcl_Channel channel;	/* NULL once it is closed. */
    char name[32];		/* The channel's, which outlives it. */
    uintptr_t number;		/* None is used twice. */
    int fd;			/* The channel's descriptor... */
    dev_t device;		/* ...and the socket that it is... */
    ino_t inode;		/* ...0: not noted yet. */
    int lingers;		/* Whether Tcl was seen to write to it in the
				 * background. */
    int uses;			/* Who refers to this structure. */
    Tcl_CloseProc *closedProc;	/* Called once it is closed, or NULL... */
    void *closedData;		/* ...with this. */
    struct SsConnection *olderPtr, *newerPtr;
				/* This process's open ones, in the order in
				 * which they came; a forked child has none. */
    char address[SS_ADDRESS_SIZE];
				/* The peer's... */
    int port;			/* ...and its port. */
    int listener;		/* By which of its queue's it came. */
    int64_t since;		/* When it came: SsMilliseconds. */
} SsConnection;

/* Once in a process that loads the library. */
void		SsConnectionsPrepare(void);

/*
 * Makes a channel of an arrival and registers it in the interpreter.  The
 * descriptor is the channel's from then on; on failure (NULL, the interpreter's
 * result says why) it is closed.  Call SsConnectionRelease when done with the
 * structure; the channel stays.
 */
SsConnection *	SsConnectionOpen(Tcl_Interp *interp,
		    const SsArrival *arrivalPtr);
void		SsConnectionRelease(SsConnection *connectionPtr);

/*
 * Sets the three words that a handler gets, new values: channel, peer's
 * address, port.
 */
void		SsConnectionArguments(const SsConnection *connectionPtr,
		    Tcl_Obj *objv[3]);

/* NULL once it is closed, by whichever thread. */
Tcl_Channel	SsConnectionChannel(SsConnection *connectionPtr);

/*
 * Has a procedure called, by whichever thread closes it, once a channel is
 * closed that is an open connection of this process.  -1: it is none, or
 * somebody wants to know already.
 */
int		SsConnectionWhenClosed(Tcl_Channel channel,
		    Tcl_CloseProc *closedProc, void *closedData);

/*
 * The number of the listener by which the connection of that channel's name
 * came, from 0; -1: there is none of that name.
 */
int		SsConnectionListener(const char *name);

/*
 * When a channel is closed while it writes in the background, Tcl 8.6 closes it
 * after the last byte and calls no close handler.  Our notifier sees it.
 * Elsewhere SsConnectionsSweep looks at a few connections, the next time at the
 * next few, and returns 0 when it has been at the newest; SsConnectionsNote,
 * called before the event loop waits, notes which sockets the new ones are, so
 * that this can be told, and returns how many are open.
 */
int		SsConnectionsSweep(void);
int		SsConnectionsNote(void);

/*
 * How many of this thread are written to in the background, or were when this
 * was called before.
 */
int		SsConnectionsLingering(void);

/*
 * Closes and counts an arrival that nobody can serve any more; -1: it is lost
 * already.
 */
void		SsConnectionDiscard(int fd);

/*
 * Ends a connection, whatever Tcl still writes to it, perhaps after its channel
 * was closed; -1: there is none of that channel's name.
 */
int		SsConnectionCut(const char *name);

/* How many are open. */
int		SsConnectionsOpen(void);

/* What this process has received since it began, as a worker. */
void		SsConnectionCounts(uint64_t *receivedPtr,
		    uint64_t *discardedPtr);

/* In a forked child, safe between fork and exec: it has none, counts anew. */
void		SsConnectionsForget(void);

#endif /* SS_CONNECTION_H */
