#include "run.h"
#include "argv.h"
#include "fork.h"
#include "limit.h"
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void
CloseEnd(int fd)
{
    SsForkLock();
    SsForkKeeps(fd);
    close(fd);
    SsForkUnlock();
}

/*
 * Makes a pipe, which no child of another thread shall hold open: both ends are
 * on the list of those that a child closes.  Returns 0 or an errno.
 */
static int
OpenPipe(int ends[2])
{
    int i, error = 0;

    SsForkLock();
    if (pipe2(ends, O_CLOEXEC) < 0) {
	error = errno;
	ends[0] = ends[1] = -1;
    }
    for (i = 0; i < 2 && error == 0; i++) {
	ends[i] = SsAboveStdio(ends[i]);
	error = (ends[i] < 0) ? errno : 0;
    }
    for (i = 0; i < 2; i++) {
	if (ends[i] >= 0 && error == 0) {
	    SsForkCloses(ends[i]);
	} else if (ends[i] >= 0) {
	    close(ends[i]);
	}
    }
    SsForkUnlock();
    return error;
}

/*
 * In the child.  System calls only, but for the search in PATH.  Tcl ignores
 * SIGPIPE, and what its exec runs doesn't.
 */
static void
Become(
    char *const argv[],
    int stderrFd,		/* -1: as here. */
    int tellFd,			/* Where to write why it failed. */
    const sigset_t *maskPtr)
{
    int error;
    ssize_t written;

    if (stderrFd >= 0) {
	dup2(stderrFd, STDERR_FILENO);
    }
    signal(SIGPIPE, SIG_DFL);
    syscall(SYS_close_range, 3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    pthread_sigmask(SIG_SETMASK, maskPtr, NULL);
    execvp(argv[0], argv);
    error = errno;
    written = write(tellFd, &error, sizeof(error));
    (void) written;
    _exit(127);
}

/* Waits for the exec.  Returns 0, or the errno with which it failed. */
static int
Await(int tellFd)
{
    int error = 0;
    ssize_t length;

    do {
	length = read(tellFd, &error, sizeof(error));
    } while (length < 0 && errno == EINTR);
    return (length == (ssize_t) sizeof(error)) ? error : 0;
}

/*
 * Signals are blocked until the child's fork handler has given back the
 * dispositions.  Returns 0 or an errno.
 */
static int
Start(char *const argv[], int stderrFd, pid_t *pidPtr)
{
    sigset_t all, before;
    int ends[2], error = OpenPipe(ends);

    if (error != 0) {
	return error;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    SsForkSpares(ends[1]);
    *pidPtr = fork();
    error = errno;
    SsForkSpares(-1);
    if (*pidPtr == 0) {
	Become(argv, stderrFd, ends[1], &before);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    CloseEnd(ends[1]);
    if (*pidPtr > 0) {
	error = Await(ends[0]);
    }
    CloseEnd(ends[0]);
    if (*pidPtr > 0 && error != 0) {
	while (waitpid(*pidPtr, NULL, 0) < 0 && errno == EINTR) {
	    /* Again: it has ended. */
	}
    }
    return error;
}

int
SsRun(Tcl_Interp *interp, Tcl_Obj *wordsPtr, int errorFd)
{
    SsArgv argv;
    pid_t pid;
    int error;

    if (SsArgvMake(interp, wordsPtr, &argv) != TCL_OK) {
	return TCL_ERROR;
    }
    error = Start(argv.words, errorFd, &pid);
    if (error != 0) {
	SsErrorPosix(interp, error, "can't run \"%.200s\": %m",
		argv.words[0]);
    }
    SsArgvFree(&argv);
    if (error != 0) {
	return TCL_ERROR;
    }
    Tcl_SetObjResult(interp, Tcl_NewIntObj((int) pid));
    return TCL_OK;
}
