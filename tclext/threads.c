/*
 * threads.c --
 *
 *	Whether this process may have more threads.
 */

#include "threads.h"

#include <pthread.h>

#define NEEDED 8

static void *	WaitMain(void *clientData);

/* Starts as many, which wait for one another, and ends them. */

int
SsThreadsProbe(void)
{
    pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[NEEDED];
    int count = 0, code = 0;

    pthread_mutex_lock(&held);
    while (count < NEEDED && code == 0) {
	code = pthread_create(&threads[count], NULL, WaitMain, &held);
	count += (code == 0);
    }
    pthread_mutex_unlock(&held);
    while (count > 0) {
	pthread_join(threads[--count], NULL);
    }
    return code;
}

static void *
WaitMain(
    void *clientData)		/* A mutex. */
{
    pthread_mutex_lock((pthread_mutex_t *) clientData);
    pthread_mutex_unlock((pthread_mutex_t *) clientData);
    return NULL;
}
