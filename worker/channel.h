/*
 * A connected stream socket as a Tcl channel.  To a script it is what Tcl's own
 * is, with two differences: its name never comes again in a process, and
 * whoever made it is told when it is closed, also after Tcl has written to it
 * in the background, when Tcl 8.6 calls no close handler.  Or a datagram, of
 * which datagram.h tells.
 */

#ifndef SS_CHANNEL_H
#define SS_CHANNEL_H

#include <tcl.h>

/*
 * Whoever opens a channel has one of these, the first member of a structure of
 * its own perhaps.  It belongs to the channel as long as that is open.
 */
typedef struct SsChannel {
    Tcl_Channel channel;
    int fd;			/* The channel's as well. */
    int nonblocking;		/* Whether a script wants it so. */
    struct SsDatagram *datagramPtr;
				/* NULL: a stream. */
    int answered;		/* Whether a reply to the datagram was sent. */
    int isClosing;		/* All of it: Tcl 9 has begun. */

    /*
     * Called once, when Tcl has closed the channel and written the last byte,
     * by whichever thread did it; in a forked child for its copy.  The
     * descriptor, the datagram and this structure are the procedure's from then
     * on.  Returns 0 or an errno.
     */
    int (*closedProc)(struct SsChannel *channelPtr);
} SsChannel;

/*
 * Set all of it.  The channel is not registered yet.  SsChannelOpenAs makes one
 * of another type, of which there is one in a process.
 */
void		SsChannelOpen(SsChannel *channelPtr, int fd,
		    int (*closedProc)(SsChannel *channelPtr));
void		SsChannelOpenAs(SsChannel *channelPtr,
		    const Tcl_ChannelType *typePtr,
		    struct SsDatagram *datagramPtr, int fd,
		    int (*closedProc)(SsChannel *channelPtr));

/*
 * What a channel of this name, in this interpreter, was opened with, whatever
 * is stacked upon it; NULL: it is none of ours.
 */
SsChannel *	SsChannelFind(Tcl_Interp *interp, const char *name);

#endif /* SS_CHANNEL_H */
