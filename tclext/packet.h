/*
 * packet.h --
 *
 *	Packets of the control protocol (boundary.h) and descriptors beside
 *	them, for whoever is at the other end: this process's reactor, or
 *	another process.
 */

#ifndef SS_PACKET_H
#define SS_PACKET_H

#include "boundary.h"

#include <stddef.h>

/* One that came. */

typedef struct SsPacket {
    SsControlHeader header;	/* Its name ends with a NUL. */
    char text[SS_PACKET_TEXT + 1];
				/* And so does its text... */
    size_t length;		/* ...which has so many bytes. */
} SsPacket;

/* Where descriptors that come along are kept. */

typedef struct SsPacketFds {
    int *fds;			/* The caller's to close, 3 or above, and on
				 * the list of those that a child closes. */
    int most;			/* For how many there is room... */
    int count;			/* ...and how many have come. */
    int isCut;			/* There was no room for all, or no
				 * descriptor: the others are closed. */
} SsPacketFds;

/*
 * Sends a message in as many packets as it takes; its id, name and numbers are
 * the header's.  Descriptors, SS_PACKET_FDS at most, go along with the first
 * one, for they may be refused, and stay the caller's.  Returns 0 or an errno.
 */

int		SsPacketsSend(int socket, const SsControlHeader *headerPtr,
		    const char *text, const int *fds, int numFds);

/*
 * Takes a packet without waiting.  Returns 0 or an errno: EPIPE: the other end
 * is gone; EPROTO: what came is no packet.  Descriptors may have come whatever
 * is returned.
 */

int		SsPacketReceive(int socket, SsPacket *packetPtr,
		    SsPacketFds *fdsPtr);

/* Closes those on the list. */

void		SsPacketFdsClose(SsPacketFds *fdsPtr);

#endif /* SS_PACKET_H */
