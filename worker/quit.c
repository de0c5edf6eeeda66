#include "quit.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define MOST_SECONDS 2		/* For what is done at the end. */

void
SsQuit(Tcl_Interp *interp, int status)
{
    char script[32];

    SsQuitSoon(status);
    if (!Tcl_InterpDeleted(interp)) {
	snprintf(script, sizeof(script), "::exit %d", status);
	if (Tcl_EvalEx(interp, script, -1, TCL_EVAL_GLOBAL) != TCL_OK) {
	    Tcl_BackgroundException(interp, TCL_ERROR);
	    while (Tcl_DoOneEvent(TCL_IDLE_EVENTS | TCL_DONT_WAIT)) {
		/* The application hears of it. */
	    }
	}
    }
    Tcl_Exit(status);
    _exit(status);
}

static void *
LimitMain(
    void *clientData)		/* The exit status. */
{
    struct timespec left = { MOST_SECONDS, 0 };

    while (nanosleep(&left, &left) != 0) {
	/* On. */
    }
    _exit((int) (intptr_t) clientData);
}

/* A thread, because whatever hangs may have all signals blocked. */
void
SsQuitSoon(int status)
{
    static int begun = 0;
    pthread_t thread;
    sigset_t all, before;

    if (begun) {
	return;
    }
    begun = 1;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, LimitMain, (void *) (intptr_t) status)
	    != 0) {
	signal(SIGALRM, SIG_DFL);
	alarm(MOST_SECONDS);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
