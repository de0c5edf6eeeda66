/*
 * The ports that this process knows: those that it serves and those that were
 * served when it was forked.  A port stands for a queue and all listeners that
 * feed it, and is known by a number.
 */

#ifndef SS_PORTS_H
#define SS_PORTS_H

#include "sockets.h"

#include <pthread.h>
#include <stdint.h>

#define SS_ADDRESSES_SIZE 512	/* Eight numeric addresses and commas. */
#define SS_NAME_SIZE	  256
#define SS_HEAD_SIZE	  64
#define SS_HEAD_LONGEST	  16384	/* A longer head is served as it is. */

typedef struct SsListener {
    int port;			/* The TCP port; 0 before it has one, and of
				 * what is no TCP socket. */
    char name[SS_NAME_SIZE];	/* As the user wrote it, 0 replaced by the
				 * port that it got; before, what is written in
				 * front of the port.  One that begins with
				 * "unix:" or "fd:" is whole from the start, one
				 * with "udp:" as soon as its port isn't 0. */
    char asked[SS_ADDRESSES_SIZE];
				/* Where it was to listen, numeric addresses
				 * with commas between them; "": everywhere,
				 * IPv6 and IPv4 alike. */
    char bound[SS_ADDRESSES_SIZE];
				/* What of that this machine has. */
    int numSockets;		/* UDP sockets, which workers take datagrams
				 * from; 0: it takes connections.  Not 0 before
				 * it is known how many. */
    int each;			/* Not 0: it must have all of them. */
    int parkTimeout;		/* Milliseconds that a connection may be
				 * parked where nothing else is said. */
    int headSize;		/* Bytes that end a request's head, which is
				 * awaited before it is served; 0: none. */
    char head[SS_HEAD_SIZE];
} SsListener;

typedef struct SsPort {
    struct SsPort *nextPtr;	/* In the order in which they were served. */
    int number;			/* The first listener's TCP port, or where it
				 * has none one above all ports, which is only
				 * known here. */
    char called[SS_NAME_SIZE];	/* In texts: "port 8888", or the name of the
				 * first listener where it has no port. */
    int queue;			/* Tells its queues apart: higher is newer. */
    int queueFd;		/* The queue's receive end; -1 once it ended
				 * and nobody uses it. */
    int returnFd;		/* The workers' end of the way back (return.h),
				 * this queue's own copy; -1: none, or both
				 * are closed. */
    SsSockets *socketsPtr;	/* Its own copies of the UDP sockets; NULL:
				 * it has none. */
    int server;			/* The process that served it, as
				 * SsForkCount tells. */
    struct SsService *servicePtr;
				/* What feeds the queue in this process
				 * (tclext/serve.c), or NULL. */
    int serving;		/* Whether that process listens, as far as
				 * this one knows. */
    int ended;			/* The queue's end was seen. */
    int retired;		/* This process was asked to retire, and serves
				 * first what it has unread. */
    struct SsPortUse *firstUsePtr;
				/* Who in this process waits or may wait. */
    int held;			/* How many of its connections this process
				 * has open or keeps. */
    uint32_t *reports;		/* What is to be told of them (report.h)... */
    int numReports;		/* ...how much it is... */
    int maxReports;		/* ...and could be. */
    int numListeners;
    SsListener listeners[];	/* In the order of their numbers. */
} SsPort;

/* Belongs to who uses a port, from one thread. */

typedef struct SsPortUse {
    struct SsPortUse *nextPtr;	/* Of the same port. */
    SsPort *portPtr;
    pthread_t thread;
} SsPortUse;

/* All of these want the fork lock held, but SsPortsForget. */

/*
 * Makes a port known, which takes over both descriptors (-1: no return) and the
 * sockets (NULL: none), and copies the listeners.
 */
SsPort *	SsPortAddLocked(const SsListener *listeners, int numListeners,
		    int queueFd, int returnFd, SsSockets *socketsPtr);

/*
 * The port of this number, with the newest of its queues that have not ended,
 * or else of all; with 0 the first port that was served and has not ended, or
 * else the first.  NULL when there is none.
 */
SsPort *	SsPortFindLocked(int number);

/*
 * The port with a listener of this name, or else of this number, 0 being
 * nobody's; one that ends only if there is no other.  NULL when there is none,
 * or the number is that of several listeners: *countPtr tells how many.
 */
SsPort *	SsPortNamedLocked(const char *name, int number, int *countPtr);

/* Whether a listener that is to be served is one that is. */
int		SsListenerIs(const SsListener *wantedPtr,
		    const SsListener *servedPtr);

/* How a listener is called in texts. */
void		SsListenerCall(const SsListener *listenerPtr,
		    char called[SS_NAME_SIZE]);

/* The port of this number with that queue, or NULL. */
SsPort *	SsPortQueueLocked(int number, int queue);

/* The list. */
SsPort *	SsPortsFirstLocked(void);

/*
 * Keep its descriptors open; the last to drop a port that ended closes them,
 * and frees the port if another one has its number.  Connections are only
 * counted.
 */
void		SsPortUseLocked(SsPortUse *usePtr, SsPort *portPtr);
void		SsPortDropLocked(SsPortUse *usePtr);
void		SsPortHoldLocked(SsPort *portPtr);
void		SsPortReleaseLocked(SsPort *portPtr);

/* Does so where nothing is to be told any more. */
void		SsPortTidyLocked(SsPort *portPtr);

/*
 * Notes that the queue has ended, or came to nothing.  If nobody uses the port,
 * its descriptors are closed, and it may be freed; so it is with the next two.
 */
void		SsPortEndLocked(SsPort *portPtr);

/* Whether the server is gone and nothing is queued any more; notes it. */
int		SsPortAtEndLocked(SsPort *portPtr);

/* This process wants no other queue of this port's number. */
void		SsPortKeepLocked(SsPort *portPtr);

/* Whether it is this process that listens. */
int		SsPortServedHere(const SsPort *portPtr);

/* Whether this process was forked from the one that served it. */
int		SsPortInherited(const SsPort *portPtr);

/*
 * In a forked child, between fork and exec perhaps.  What other threads of the
 * parent use is used no more, and its connections are not the child's.
 */
void		SsPortsForget(void);

#endif /* SS_PORTS_H */
