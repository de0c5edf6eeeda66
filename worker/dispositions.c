/*
 * dispositions.c --
 *
 *	The signal dispositions that Go's runtime changes when it starts.
 */

#include "dispositions.h"

#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>

typedef struct Disposition {
    struct sigaction before;	/* What held before Go was loaded. */
    struct sigaction go;	/* What Go made of it. */
    int known;			/* Whether "before" holds. */
    int changed;		/* Whether Go changed it and the change still
				 * stands. */
} Disposition;

static Disposition dispositions[NSIG];

/*
 * What Go has open on each of its threads, whatever the mask was of the thread
 * that started them.
 */

static const int openInGo[] = {
#ifdef SIGSTKFLT
    SIGSTKFLT,
#endif
    SIGCHLD, SIGPROF, SIGURG
};

static void	LookBehindACopy(int number, struct sigaction *actionPtr);
static int	SameHandler(const struct sigaction *aPtr,
		    const struct sigaction *bPtr);

/*
 *----------------------------------------------------------------------
 *
 * SsDispositionsSave --
 *
 *	See dispositions.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	None but on the variable above.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

void
SsDispositionsSave(void)
{
    struct sigaction now;
    int number;

    for (number = 1; number < NSIG; number++) {
	Disposition *sigPtr = &dispositions[number];

	sigPtr->known = (sigaction(number, NULL, &now) == 0);
	if (sigPtr->known) {
	    LookBehindACopy(number, &now);
	    sigPtr->before = now;
	}
	sigPtr->changed = 0;
    }
}

/*
 *----------------------------------------------------------------------
 *
 * SsDispositionsCompare --
 *
 *	See dispositions.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Signals that were ignored are ignored again.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

void
SsDispositionsCompare(void)
{
    int number;

    for (number = 1; number < NSIG; number++) {
	Disposition *sigPtr = &dispositions[number];

	if (!sigPtr->known || sigaction(number, NULL, &sigPtr->go) < 0
		|| SameHandler(&sigPtr->before, &sigPtr->go)) {
	    continue;
	}
	if (sigPtr->before.sa_handler == SIG_IGN) {
	    sigaction(number, &sigPtr->before, NULL);
	} else {
	    sigPtr->changed = 1;
	}
    }
}

/*
 *----------------------------------------------------------------------
 *
 * SsDispositionsOnStack --
 *
 *	See dispositions.h.  A handler that runs on the small stack of a
 *	goroutine overwrites what lies beyond, which is another's stack.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Signal dispositions get the flag SA_ONSTACK.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

void
SsDispositionsOnStack(void)
{
    struct sigaction action;
    size_t i;

    for (i = 0; i < sizeof(openInGo) / sizeof(openInGo[0]); i++) {
	if (sigaction(openInGo[i], NULL, &action) < 0
		|| (action.sa_flags & SA_ONSTACK)) {
	    continue;
	}
	if (!(action.sa_flags & SA_SIGINFO)
		&& (action.sa_handler == SIG_DFL
		|| action.sa_handler == SIG_IGN)) {
	    continue;
	}
	action.sa_flags |= SA_ONSTACK;
	sigaction(openInGo[i], &action, NULL);
    }
}

/*
 *----------------------------------------------------------------------
 *
 * SsDispositionsGiveBack --
 *
 *	See dispositions.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Signal dispositions change.
 *
 * Process:
 *	Worker, in the child's fork handler.
 *
 *----------------------------------------------------------------------
 */

void
SsDispositionsGiveBack(void)
{
    struct sigaction now;
    int number;

    for (number = 1; number < NSIG; number++) {
	Disposition *sigPtr = &dispositions[number];

	if (sigPtr->changed && sigaction(number, NULL, &now) == 0
		&& SameHandler(&now, &sigPtr->go)) {
	    sigaction(number, &sigPtr->before, NULL);
	}
	sigPtr->changed = 0;
    }
}

/*
 *----------------------------------------------------------------------
 *
 * LookBehindACopy, SsDispositionsBefore --
 *
 *	Where a handler is Go's, of another file of this library that was
 *	loaded before, it is as dead in a child as our own: what counts is
 *	what held before that one.  The second is how it is asked.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Replaces the action.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static void
LookBehindACopy(
    int number,			/* A signal... */
    struct sigaction *actionPtr)/* ...and what is done about it. */
{
    __typeof__(&SsDispositionsBefore) before;
    Dl_info info;
    void *library;

    if (!(actionPtr->sa_flags & SA_SIGINFO)
	    || dladdr((void *) actionPtr->sa_sigaction, &info) == 0) {
	return;
    }
    library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (library == NULL) {
	return;
    }
    before = (__typeof__(before)) dlsym(library, "SsDispositionsBefore");
    if (before != NULL) {
	before(number, actionPtr);
    }
    dlclose(library);		/* Only what dlopen has just counted. */
}

void
SsDispositionsBefore(
    int number,
    struct sigaction *actionPtr)/* Set, if anything is known. */
{
    if (dispositions[number].known) {
	*actionPtr = dispositions[number].before;
    }
}

/*
 *----------------------------------------------------------------------
 *
 * SameHandler --
 *
 *	Compares what two dispositions do; the handler's address tells,
 *	whichever of the two members holds it.
 *
 * Results:
 *	1 or 0.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

static int
SameHandler(
    const struct sigaction *aPtr,
    const struct sigaction *bPtr)
{
    return (aPtr->sa_flags & SA_SIGINFO) == (bPtr->sa_flags & SA_SIGINFO)
	    && ((aPtr->sa_flags & SA_SIGINFO)
		    ? aPtr->sa_sigaction == bPtr->sa_sigaction
		    : aPtr->sa_handler == bPtr->sa_handler);
}
