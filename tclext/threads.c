/*
 * threads.c --
 *
 *	Whether the system lets the process have more threads.
 */

#include "threads.h"

#include <pthread.h>
#include <signal.h>

/*
 * The accept loop's, its herald's, the call's, and some for the goroutines
 * that go on meanwhile.
 */

#define NEEDED 8

static void *	WaitMain(void *clientData);

/*
 *----------------------------------------------------------------------
 *
 * SsThreadsProbe --
 *
 *	See threads.h.
 *
 * Results:
 *	0 or an errno.
 *
 * Side effects:
 *	None that lasts.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsThreadsProbe(void)
{
    pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[NEEDED];
    sigset_t all, before;
    int count = 0, code = 0;

    sigfillset(&all);
    pthread_mutex_lock(&held);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (count < NEEDED && code == 0) {
	code = pthread_create(&threads[count], NULL, WaitMain, &held);
	count += (code == 0);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_unlock(&held);
    while (count > 0) {
	pthread_join(threads[--count], NULL);
    }
    return code;
}

/*
 *----------------------------------------------------------------------
 *
 * WaitMain --
 *
 *	A thread that waits until all of them have been tried.
 *
 * Results:
 *	NULL.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static void *
WaitMain(
    void *clientData)		/* A mutex. */
{
    pthread_mutex_t *heldPtr = (pthread_mutex_t *) clientData;

    pthread_mutex_lock(heldPtr);
    pthread_mutex_unlock(heldPtr);
    return NULL;
}
