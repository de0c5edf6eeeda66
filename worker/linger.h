/*
 * linger.h --
 *
 *	Channels that outlive their "close" because Tcl still writes to them
 *	in the background.
 */

#ifndef SS_LINGER_H
#define SS_LINGER_H

/*
 * SsLingerWatch --
 *
 *	From now on this thread's event loop notices when such a channel is
 *	closed at last, some milliseconds later.
 *
 * Process: worker.
 */

void		SsLingerWatch(void);

#endif /* SS_LINGER_H */
