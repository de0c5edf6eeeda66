/*
 * linger.h --
 *
 *	Channels that outlive their "close" because Tcl still writes to them in
 *	the background, where our notifier doesn't see their end.
 */

#ifndef SS_LINGER_H
#define SS_LINGER_H

/*
 * From now on this thread's event loop notices when such a channel is closed at
 * last, some milliseconds later, or more where many are open.
 */

void		SsLingerWatch(void);

#endif /* SS_LINGER_H */
