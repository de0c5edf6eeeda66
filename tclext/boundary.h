/*
 * boundary.h --
 *
 *	What crosses between C and Go: integers and character arrays, no Tcl
 *	type and no Go type.  gate.c fills a request and reads the reply,
 *	exports.go does the opposite.
 */

#ifndef SS_BOUNDARY_H
#define SS_BOUNDARY_H

#include <stdint.h>

#define SS_MAX_LISTENERS 8	/* Addresses that one port may listen on. */

/*
 * What ssGoServe is asked to listen on.
 */

typedef struct SsServeRequest {
    const char *addresses;	/* Numeric addresses, separated by commas;
				 * "" means all, IPv6 and IPv4 alike. */
    int port;			/* 0 takes a free one. */
    int backlog;		/* Length of the listen backlog. */
    int reusePort;		/* Not 0: SO_REUSEPORT. */
} SsServeRequest;

/*
 * What it answers.  After a success the descriptors here are the caller's to
 * close: listenFds before ssGoClose, controlFd after it, and queueFd when
 * nobody in this process waits on the queue any more.
 */

typedef struct SsServeReply {
    int handle;			/* Names the service in later calls, > 0. */
    int port;			/* The port that listens. */
    int queueFd;		/* The queue's receive end. */
    int controlFd;		/* Tells the accept loop what to do. */
    int numListenFds;		/* 0 where the accept loop could not get a
				 * descriptor table of its own and so owns the
				 * only copies. */
    int listenFds[SS_MAX_LISTENERS];
				/* This process's copies of the listening
				 * sockets. */
} SsServeReply;

/*
 * A second queue, made by ssGoRenew; both ends are the caller's.  The send end
 * goes to ssGoSwitch, or is closed.
 */

typedef struct SsRenewReply {
    int sendFd;
    int queueFd;		/* The receive end. */
} SsRenewReply;

/*
 * What the accept loop of a service has counted since it began.
 */

typedef struct SsServeCounts {
    uint64_t accepted;		/* Connections accepted. */
    uint64_t handedOver;	/* Connections put on the queue. */
    uint64_t held;		/* Accepted, not yet on the queue. */
    uint64_t lost;		/* Accepted, but could not be handed over by
				 * any means; closed. */
    uint64_t waits;		/* Times the queue was full. */
    uint64_t retries;		/* Transient errors of accept and sendmsg. */
    uint64_t pauses;		/* Times it paused for want of descriptors or
				 * memory. */
} SsServeCounts;

/*
 * Why a call failed.
 */

#define SS_ERROR_SIZE 256

typedef struct SsGoError {
    int posix;			/* An errno, or 0 when the error is ours. */
    char message[SS_ERROR_SIZE];/* One line, NUL-terminated. */
} SsGoError;

/*
 * What the accept loop tells the application while it runs; delivered as a
 * background error to the interpreter that called "server".
 */

#define SS_NOTICE_PAUSED 1	/* accept: no descriptors or no memory; goes
				 * on by itself. */
#define SS_NOTICE_HELD	 2	/* sendmsg: a connection can't be sent for
				 * want of memory or descriptors in flight; it
				 * is held and sent later. */
#define SS_NOTICE_FAILED 3	/* The loop ended for an error that no retry
				 * mends. */

/*
 * What Go may call in the process that loaded it, given to ssGoStart.  A
 * fresh copy of this library, loaded in a forked child, has variables of its
 * own; through these it reaches those of the library that Tcl loaded.
 *
 * The last four serve an accept loop whose descriptors are in the process's
 * table.  Between lock and unlock no fork happens; what is on the list is
 * closed in every forked child.
 */

typedef struct SsHost {
    void (*notice)(int handle, int notice, int posix);
    void (*forkLock)(void);
    void (*forkUnlock)(void);
    void (*forkCloses)(int fd);	/* Puts a descriptor on the list; call it
				 * with the lock held. */
    void (*forkKeeps)(int fd);	/* Takes it off; the same. */
} SsHost;

#endif /* SS_BOUNDARY_H */
