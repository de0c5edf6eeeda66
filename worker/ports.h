/*
 * ports.h --
 *
 *	The ports that this process knows: those that it serves and those that
 *	were served when it was forked.  Nothing here knows Tcl.
 */

#ifndef SS_PORTS_H
#define SS_PORTS_H

typedef struct SsPort {
    struct SsPort *nextPtr;	/* In the order in which they were served. */
    int number;			/* The TCP port. */
    int queue;			/* Tells its queues apart: higher is newer. */
    int queueFd;		/* The queue's receive end; -1 once it ended
				 * and nobody uses it. */
    int server;			/* The process that served it, as
				 * SsForkCount tells. */
    int serving;		/* Whether that process listens, as far as
				 * this one knows. */
    int ended;			/* The queue's end was seen. */
    int uses;			/* Who in this process waits or may wait... */
    struct SsPortUse *firstUsePtr;
				/* ...by thread; what there was no memory to
				 * note is only counted. */
} SsPort;

/*
 * All of these want the fork lock held.
 *
 * SsPortAddLocked --
 *
 *	Makes a port known, which takes over the descriptor.  NULL without
 *	memory; the descriptor is then still the caller's.
 *
 * SsPortFindLocked --
 *
 *	The port of this number, with the newest of its queues that have not
 *	ended, or else of all; with 0 the first port that was served and has
 *	not ended, or else the first.  NULL when there is none.
 *
 * SsPortQueueLocked --
 *
 *	The port of this number with that queue, or NULL.
 *
 * SsPortUseLocked, SsPortDropLocked --
 *
 *	Keep its descriptor open; the last to drop a port that ended closes
 *	it.
 *
 * SsPortAtEndLocked --
 *
 *	Whether the server is gone and nothing is queued any more; notes it.
 *
 * SsPortEndLocked --
 *
 *	Notes that the queue's end was received.
 *
 * SsPortGiveUpLocked --
 *
 *	Ends a queue that came to nothing; the one before is the newest again.
 *
 * SsPortKeepLocked --
 *
 *	This process wants no other queue of this port's number.
 *
 * SsPortServedHere --
 *
 *	Whether it is this process that listens.
 *
 * SsPortInherited --
 *
 *	Whether this process was forked from the one that served it.
 *
 * SsPortsFirstLocked --
 *
 *	The list.
 *
 * SsPortsForget: in a forked child, between fork and exec perhaps.  What other
 * threads of the parent use is used no more.
 *
 * Process: both.
 */

SsPort *	SsPortAddLocked(int number, int queueFd);
SsPort *	SsPortFindLocked(int number);
SsPort *	SsPortQueueLocked(int number, int queue);
void		SsPortUseLocked(SsPort *portPtr);
void		SsPortDropLocked(SsPort *portPtr);
int		SsPortAtEndLocked(SsPort *portPtr);
void		SsPortEndLocked(SsPort *portPtr);
void		SsPortGiveUpLocked(SsPort *portPtr);
void		SsPortKeepLocked(SsPort *portPtr);
int		SsPortServedHere(const SsPort *portPtr);
int		SsPortInherited(const SsPort *portPtr);
SsPort *	SsPortsFirstLocked(void);
void		SsPortsForget(void);

#endif /* SS_PORTS_H */
