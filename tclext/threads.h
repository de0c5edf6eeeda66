/*
 * threads.h --
 *
 *	Whether this process may have more threads.
 */

#ifndef SS_THREADS_H
#define SS_THREADS_H

/*
 * Go aborts a process in which it can't start the threads that it wants for
 * the reactor.  Returns 0, or the errno with which it would fail.  Call it with
 * all signals blocked.
 */
int		SsThreadsProbe(void);

#endif /* SS_THREADS_H */
