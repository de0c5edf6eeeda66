/*
 * The ports that this process knows: those that it serves and those that were
 * served when it was forked.  A port stands for a queue and all listeners that
 * feed it; its number is the first one's.
 */

#ifndef SS_PORTS_H
#define SS_PORTS_H

#include <pthread.h>

#define SS_LISTENERS_MOST 64	/* Of a queue. */
#define SS_ADDRESSES_SIZE 512	/* Eight numeric addresses and commas. */
#define SS_NAME_SIZE	  256

typedef struct SsListener {
    int port;			/* The TCP port; 0 before it has one. */
    char name[SS_NAME_SIZE];	/* As the user wrote it, 0 replaced by the
				 * port that it got; before, what is written in
				 * front of the port. */
    char asked[SS_ADDRESSES_SIZE];
				/* Where it was to listen, numeric addresses
				 * with commas between them; "": everywhere,
				 * IPv6 and IPv4 alike. */
    char bound[SS_ADDRESSES_SIZE];
				/* What of that this machine has. */
    int each;			/* Not 0: it must have all of them. */
    int backlog;		/* 0: the default. */
    int reusePort;		/* Not 0: SO_REUSEPORT. */
} SsListener;

typedef struct SsPort {
    struct SsPort *nextPtr;	/* In the order in which they were served. */
    int number;			/* The first listener's TCP port. */
    int queue;			/* Tells its queues apart: higher is newer. */
    int queueFd;		/* The queue's receive end; -1 once it ended
				 * and nobody uses it. */
    int returnFd;		/* The workers' end of the way back
				 * (return.h), which all queues of a service
				 * share; 0: none. */
    int server;			/* The process that served it, as
				 * SsForkCount tells. */
    struct SsService *servicePtr;
				/* What feeds the queue in this process
				 * (tclext/serve.c), or NULL. */
    int serving;		/* Whether that process listens, as far as
				 * this one knows. */
    int ended;			/* The queue's end was seen. */
    struct SsPortUse *firstUsePtr;
				/* Who in this process waits or may wait. */
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
 * Makes a port known, which takes over the descriptor and copies the listeners.
 */
SsPort *	SsPortAddLocked(const SsListener *listeners, int numListeners,
		    int queueFd);

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

/* The port of this number with that queue, or NULL. */
SsPort *	SsPortQueueLocked(int number, int queue);

/* The list. */
SsPort *	SsPortsFirstLocked(void);

/*
 * Keep its descriptor open; the last to drop a port that ended closes it, and
 * frees the port if another one has its number.
 */
void		SsPortUseLocked(SsPortUse *usePtr, SsPort *portPtr);
void		SsPortDropLocked(SsPortUse *usePtr);

/*
 * Notes that the queue has ended, or came to nothing.  If nobody uses the port,
 * its descriptor is closed, and it may be freed; so it is with the next two.
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
 * parent use is used no more.
 */
void		SsPortsForget(void);

#endif /* SS_PORTS_H */
