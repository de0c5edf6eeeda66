/*
 * fork.c --
 *
 *	What happens around fork.
 */

#include "fork.h"
#include "dispositions.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t forkMutex = PTHREAD_MUTEX_INITIALIZER;

static int *serverFds = NULL;	/* What a child closes; guarded by forkMutex. */
static int numServerFds = 0;
static int maxServerFds = 0;

static int forkCount = 0;

static void (*childLastProc)(void) = NULL;

static void	BeforeFork(void);
static void	InParent(void);
static void	InChild(void);

/*
 *----------------------------------------------------------------------
 *
 * SsForkInstall --
 *
 *	See fork.h.
 *
 * Results:
 *	0 or an errno.
 *
 * Side effects:
 *	Registers fork handlers.  They run before Tcl's own in the parent,
 *	which Tcl registered earlier, so a thread may call Tcl's notifier with
 *	the lock held.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

int
SsForkInstall(
    void (*childProc)(void))	/* The child's last step. */
{
    childLastProc = childProc;
    return pthread_atfork(BeforeFork, InParent, InChild);
}

/*
 *----------------------------------------------------------------------
 *
 * SsForkLock, SsForkUnlock --
 *
 *	See fork.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Keeps fork out, lets it in.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

void
SsForkLock(void)
{
    pthread_mutex_lock(&forkMutex);
}

void
SsForkUnlock(void)
{
    pthread_mutex_unlock(&forkMutex);
}

/*
 *----------------------------------------------------------------------
 *
 * SsForkCount --
 *
 *	See fork.h.
 *
 * Results:
 *	A number, 0 in the process that loaded this library.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

int
SsForkCount(void)
{
    return forkCount;
}

/*
 *----------------------------------------------------------------------
 *
 * SsForkCloses, SsForkKeeps --
 *
 *	See fork.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The list changes.  Without memory it can't grow: the child then keeps
 *	a descriptor that does it no good, which is no reason to fail.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

void
SsForkCloses(
    int fd)			/* Open, the server's. */
{
    if (numServerFds == maxServerFds) {
	int room = 2 * maxServerFds + 16;
	int *grown = realloc(serverFds, room * sizeof(int));

	if (grown == NULL) {
	    return;
	}
	serverFds = grown;
	maxServerFds = room;
    }
    serverFds[numServerFds++] = fd;
}

void
SsForkKeeps(
    int fd)			/* About to be closed. */
{
    int i;

    for (i = 0; i < numServerFds; i++) {
	if (serverFds[i] == fd) {
	    serverFds[i] = serverFds[--numServerFds];
	    return;
	}
    }
}

/*
 *----------------------------------------------------------------------
 *
 * BeforeFork, InParent --
 *
 *	The parent's steps: no other thread is in the middle of something.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The lock is held across the fork.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

static void
BeforeFork(void)
{
    SsForkLock();
}

static void
InParent(void)
{
    SsForkUnlock();
}

/*
 *----------------------------------------------------------------------
 *
 * InChild --
 *
 *	The child's first steps.  It has one thread, this one, and a copy
 *	of the lock, which that thread took before it forked.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Closes what is the server's, gives back the signal dispositions that
 *	held before Go was loaded, and frees the lock.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
InChild(void)
{
    int i;

    forkCount++;
    for (i = 0; i < numServerFds; i++) {
	close(serverFds[i]);
    }
    numServerFds = 0;
    SsDispositionsGiveBack();
    childLastProc();
    pthread_mutex_init(&forkMutex, NULL);
}
