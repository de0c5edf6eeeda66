/*
 * The UDP sockets of a queue, which its workers share and take datagrams from
 * themselves.  A gate, an eventfd, keeps them from it until the queue is the
 * one that is fed: once it is readable it stays so.
 */

#ifndef SS_SOCKETS_H
#define SS_SOCKETS_H

#include "arrival.h"

#include <stdatomic.h>
#include <stdint.h>

#define SS_LISTENERS_MOST 64	/* Of a queue. */

/*
 * What all workers of a service count of a listener, in shared memory, which
 * internal/tally makes and reads.
 */

typedef struct SsTally {
    _Atomic uint64_t received;
    _Atomic uint64_t answered;
} SsTally;

#define SS_TALLY_SIZE (SS_LISTENERS_MOST * sizeof(SsTally))

typedef struct SsSocket {
    int fd;			/* The queue's own copy; never made
				 * non-blocking, nor shut down: others have
				 * the socket, too. */
    int listener;
} SsSocket;

typedef struct SsSockets {
    int gateFd;
    int tallyFd;
    SsTally *tallyPtr;		/* By listener. */
    atomic_int isOpen;		/* The gate was seen open. */
    atomic_int turn;		/* They are looked at before the queue... */
    atomic_int next;		/* ...this one first. */
    int count;
    SsSocket all[];
} SsSockets;

/*
 * Copies the sockets and takes over both descriptors; NULL with errno, when all
 * is as it was.
 */
SsSockets *	SsSocketsMake(int gateFd, int tallyFd, int count,
		    const SsSocket *all);

/* The same sockets and tally for another queue, whose gate this is. */
SsSockets *	SsSocketsCopy(const SsSockets *socketsPtr, int gateFd);

/* Closes what is open, frees nothing: safe between fork and exec. */
void		SsSocketsClose(SsSockets *socketsPtr);

/* These take NULL for no sockets. */

/* Whether datagrams may be taken: looks at the gate. */
int		SsSocketsLook(SsSockets *socketsPtr);

/* Takes a datagram without waiting, if it may, from each in turn. */
SsReceiveStatus	SsSocketsReceive(SsSockets *socketsPtr,
		    SsArrival *arrivalPtr);

/* Whether one waits that may be taken. */
int		SsSocketsWaiting(SsSockets *socketsPtr);

/*
 * Whether the server takes no more datagrams, and one is left that came before.
 * Without this the sockets may be another queue's, or server's.
 */
int		SsSocketsLeft(SsSockets *socketsPtr);

/* Whether a descriptor is one of its copies. */
int		SsSocketsHas(const SsSockets *socketsPtr, int fd);

/* Counts, for a listener. */
void		SsSocketsCount(SsSockets *socketsPtr, int listener,
		    int received, int answered);

#endif /* SS_SOCKETS_H */
