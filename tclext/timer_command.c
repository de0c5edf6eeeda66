/*
 * The command ::socketserver::Timer: "after" on a clock that nobody sets.
 * Timers of Tcl 8.6 stand still for as long as the wall clock was set back.
 */

#include "commands.h"
#include "arguments.h"
#include "callback.h"
#include "fork.h"
#include "limit.h"

#include <limits.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define KEY "socketserver::Timer %" TCL_LL_MODIFIER "d"
#define KEY_SIZE 48

typedef struct Timer {		/* Associated with its interpreter. */
    Tcl_Interp *interp;
    char key[KEY_SIZE];		/* By this name. */
    Tcl_Obj *prefixPtr;		/* Evaluated when it fires. */
    int process;		/* Whose it is, as SsForkCount tells. */
    int fd;			/* A timerfd, owned; -1: none was to be had,
				 * so the wall clock has to do... */
    Tcl_TimerToken token;	/* ...with this. */
} Timer;

/* In a forked child the timerfd is the parent's, too: only this copy closes. */
static void
DeleteProc(void *clientData, Tcl_Interp *interp)
{
    Timer *timerPtr = (Timer *) clientData;

    if (timerPtr->fd >= 0) {
	Tcl_DeleteFileHandler(timerPtr->fd);
	close(timerPtr->fd);
    }
    Tcl_DeleteTimerHandler(timerPtr->token);
    Tcl_DecrRefCount(timerPtr->prefixPtr);
    Tcl_Free((char *) timerPtr);
}

static void
TimerProc(void *clientData)
{
    Timer *timerPtr = (Timer *) clientData;
    Tcl_Interp *interp = timerPtr->interp;
    Tcl_Obj *prefixPtr = timerPtr->prefixPtr;
    int isOurs = (timerPtr->process == SsForkCount());

    Tcl_IncrRefCount(prefixPtr);
    Tcl_DeleteAssocData(interp, timerPtr->key);
    if (isOurs) {
	SsCallbackTell(interp, prefixPtr, NULL);
    }
    Tcl_DecrRefCount(prefixPtr);
}

static void
FileProc(void *clientData, int mask)
{
    TimerProc(clientData);
}

/* Half of what select can wait for is left to others. */
static int
OpenTimerfd(int milliseconds)
{
    struct itimerspec when = {
	.it_value.tv_sec = milliseconds / 1000,
	.it_value.tv_nsec = milliseconds % 1000 * 1000000L
		+ (milliseconds == 0)	/* 0 would be none. */
    };
    int bound = SsDescriptorBound();
    int fd = SsAboveStdio(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));

    if (bound > 0 && fd >= bound / 2) {
	close(fd);
	return -1;
    }
    timerfd_settime(fd, 0, &when, NULL);
    return fd;
}

static int
StartSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    static Tcl_WideInt latest = 0;
    Tcl_WideInt number = __atomic_add_fetch(&latest, 1, __ATOMIC_RELAXED);
    Timer *timerPtr = (Timer *) Tcl_Alloc(sizeof(Timer));

    timerPtr->interp = interp;
    snprintf(timerPtr->key, KEY_SIZE, KEY, number);
    timerPtr->prefixPtr = words[1].objPtr;
    Tcl_IncrRefCount(timerPtr->prefixPtr);
    timerPtr->process = SsForkCount();
    timerPtr->fd = OpenTimerfd(words[0].number);
    timerPtr->token = NULL;
    if (timerPtr->fd >= 0) {
	Tcl_CreateFileHandler(timerPtr->fd, TCL_READABLE, FileProc, timerPtr);
    } else {
	timerPtr->token = Tcl_CreateTimerHandler(words[0].number, TimerProc,
		timerPtr);
    }
    Tcl_SetAssocData(interp, timerPtr->key, DeleteProc, timerPtr);
    return SsResultNumber(interp, number);
}

/* As with "after cancel", one that has fired or never was is no error. */
static int
CancelSubcommand(Tcl_Interp *interp, const char *name, const SsWord *words)
{
    Tcl_WideInt number;
    char key[KEY_SIZE];

    if (Tcl_GetWideIntFromObj(NULL, words[0].objPtr, &number) == TCL_OK) {
	snprintf(key, KEY_SIZE, KEY, number);
	Tcl_DeleteAssocData(interp, key);
    }
    return TCL_OK;
}

static const SsKind kinds[] = {
    { "ms", 0, INT_MAX, NULL },
    { "cmdPrefix", 1, 0, SsPrefixKind },
    { NULL, 0, 0, NULL }
};

const SsSubcommand ssTimerSubcommands[] = {
    { "cancel", CancelSubcommand, "id", kinds },
    { "start", StartSubcommand, "ms cmdPrefix", kinds },
    { NULL, NULL, NULL, NULL }
};
