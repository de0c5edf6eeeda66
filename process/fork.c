#include "fork.h"
#include "dispositions.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static pthread_mutex_t forkMutex = PTHREAD_MUTEX_INITIALIZER;

static int *serverFds = NULL;	/* What a child closes; guarded by forkMutex. */
static int numServerFds = 0;
static int maxServerFds = 0;

static __thread int sparedFd
	__attribute__((tls_model("initial-exec"))) = -1;

static int forkCount = 0;

static SsForkSteps steps;
static __thread int isOurs
	__attribute__((tls_model("initial-exec"))) = 0;
				/* SsForkProcess has done what comes before. */

static void
Before(void)
{
    if (!isOurs) {
	SsForkLock();
	steps.beforeProc(0);
    }
}

static void
InParent(void)
{
    steps.parentProc();
    SsForkUnlock();
}

/*
 * The child has one thread, this one, and a copy of the lock, which that thread
 * took before it forked.
 */
static void
InChild(void)
{
    int i;

    forkCount++;
    steps.closingProc(serverFds, numServerFds);
    for (i = 0; i < numServerFds; i++) {
	if (serverFds[i] != sparedFd) {
	    close(serverFds[i]);
	}
    }
    numServerFds = 0;
    SsDispositionsGiveBack();
    steps.childProc();
    pthread_mutex_init(&forkMutex, NULL);
}

int
SsForkInstall(const SsForkSteps *stepsPtr)
{
    steps = *stepsPtr;
    return pthread_atfork(Before, InParent, InChild);
}

pid_t
SsForkProcess(int *refusedPtr)
{
    pid_t pid = -1;
    int error;

    SsForkLock();
    error = steps.beforeProc(1);
    *refusedPtr = (error != 0);
    if (error != 0) {
	InParent();
    } else {
	isOurs = 1;
	pid = fork();
	error = errno;
	isOurs = 0;
    }
    errno = error;
    return pid;
}

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

void
SsForkSpares(int fd)
{
    sparedFd = fd;
}

void
SsForkSilence(int fd)
{
    int silent = (fd < 0) ? -1 : eventfd(0, EFD_CLOEXEC);

    if (silent >= 0 && silent != fd) {
	dup3(silent, fd, O_CLOEXEC);
	close(silent);
    }
}

int
SsForkCount(void)
{
    return forkCount;
}

void
SsForkCloses(int fd)
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
SsForkKeeps(int fd)
{
    int i;

    for (i = 0; i < numServerFds; i++) {
	if (serverFds[i] == fd) {
	    serverFds[i] = serverFds[--numServerFds];
	    return;
	}
    }
}
