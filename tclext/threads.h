/*
 * threads.h --
 *
 *	Whether the system lets the process have more threads.
 */

#ifndef SS_THREADS_H
#define SS_THREADS_H

/*
 * SsThreadsProbe --
 *
 *	Starts as many threads at a time as Go may need for a service, and
 *	ends them.  Go itself ends the process when it can't start one.
 *	Returns 0, or an errno: there is not enough room for them.
 *
 * Process: server.
 */

int		SsThreadsProbe(void);

#endif /* SS_THREADS_H */
