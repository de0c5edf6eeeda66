/*
 * One datagram that came to a shared UDP socket, and the reply to it.  To a
 * script it is a channel that has the datagram to read, then the end of file,
 * and never waits.  What is written is gathered, and goes back as one datagram,
 * from the address that was asked, when the channel is closed for writing;
 * where nothing was written there is no reply.
 *
 * The socket is everybody's, so nothing here changes it.
 */

#ifndef SS_DATAGRAM_H
#define SS_DATAGRAM_H

#include "arrival.h"
#include "channel.h"

#include <tcl.h>

typedef struct SsDatagram SsDatagram;

/*
 * Receives without waiting from a socket that tells the address which was asked
 * (IP_PKTINFO, IPV6_RECVPKTINFO; of another the system chooses where replies
 * come from).  The caller made sure of room for a descriptor, a copy of the
 * socket.  SS_RECEIVE_GOT sets all of the arrival; of its head only the peer.
 * The others are SS_RECEIVE_EMPTY, SS_RECEIVE_LOST and SS_RECEIVE_FAILED.
 */
SsReceiveStatus	SsDatagramReceive(int socketFd, SsArrival *arrivalPtr);

/* As SsChannelOpen. */
void		SsDatagramOpen(SsChannel *channelPtr,
		    SsDatagram *datagramPtr, int fd,
		    int (*closedProc)(SsChannel *channelPtr));

/*
 * In a forked child, safe between fork and exec, for a channel of the thread
 * that forked: what Tcl hasn't flushed is for the parent to send.
 */
void		SsDatagramInherit(SsChannel *channelPtr);

#endif /* SS_DATAGRAM_H */
