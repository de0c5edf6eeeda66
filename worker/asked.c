#include "asked.h"
#include "fork.h"
#include "return.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * The process and the descriptor change in the Tcl thread alone, while there is
 * no other one.
 */
static struct {
    int process;		/* Whose it is, as SsForkCount tells. */
    int returnFd;		/* On the list of those a child closes; -1. */
    uint32_t number;		/* Written where nothing is asked, read by who
				 * tells: guarded by the phase. */
    _Atomic SsAskedPhase phase;
    atomic_uint told;		/* A futex: changes when it is answered. */
} asked = { .returnFd = -1 };

int
SsAskedBegin(int returnFd)
{
    int error = 0;

    asked.process = SsForkCount();
    atomic_store(&asked.phase, SS_ASKED_NOTHING);
    SsForkLock();
    asked.returnFd = fcntl(returnFd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (asked.returnFd < 0) {
	error = errno;
    } else {
	SsForkCloses(asked.returnFd);
    }
    SsForkUnlock();
    return error;
}

void
SsAskedEnd(void)
{
    SsForkLock();
    if (asked.returnFd >= 0 && SsAskedIsOwn()) {
	SsForkKeeps(asked.returnFd);
	close(asked.returnFd);
    }
    asked.returnFd = -1;
    SsForkUnlock();
}

int
SsAskedIsOwn(void)
{
    return asked.process == SsForkCount();
}

int
SsAskedPut(uint32_t number)
{
    if (SsAskedNow() != SS_ASKED_NOTHING) {
	return 0;
    }
    asked.number = number;
    atomic_store(&asked.phase, SS_ASKED_OPEN);
    return 1;
}

int
SsAskedAwait(int milliseconds)
{
    struct timespec time = { 0, milliseconds * 1000000L };
    unsigned told = atomic_load(&asked.told);

    if (SsAskedNow() != SS_ASKED_NOTHING) {
	syscall(SYS_futex, &asked.told, FUTEX_WAIT_PRIVATE, told, &time, NULL,
		0);
    }
    return SsAskedNow() == SS_ASKED_NOTHING;
}

SsAskedPhase
SsAskedNow(void)
{
    return atomic_load(&asked.phase);
}

int
SsAskedMove(SsAskedPhase before, SsAskedPhase after)
{
    return atomic_compare_exchange_strong(&asked.phase, &before, after);
}

void
SsAskedTell(const char *text, int length)
{
    SsReturnAnswer(asked.returnFd, asked.number, text, length);
    atomic_store(&asked.phase, SS_ASKED_NOTHING);
    atomic_fetch_add(&asked.told, 1);
    syscall(SYS_futex, &asked.told, FUTEX_WAKE_PRIVATE, 1);
}
