#include "dispositions.h"

#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>

typedef struct Disposition {
    struct sigaction before;	/* What held before Go was loaded. */
    struct sigaction go;	/* What Go made of it. */
    int changed;		/* Whether Go changed it and the change still
				 * stands. */
} Disposition;

static Disposition dispositions[NSIG];

/* Both kinds of handler are in one union: the address tells. */
static int
SameHandler(const struct sigaction *aPtr, const struct sigaction *bPtr)
{
    return (aPtr->sa_flags & SA_SIGINFO) == (bPtr->sa_flags & SA_SIGINFO)
	    && aPtr->sa_handler == bPtr->sa_handler;
}

void
SsDispositionsBefore(int number, struct sigaction *actionPtr)
{
    *actionPtr = dispositions[number].before;
}

/*
 * Where a handler is Go's, of another file of this library that was loaded
 * before, it is as dead in a child as our own: what counts is what held before
 * that one.
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
SsDispositionsSave(void)
{
    struct sigaction now;
    int number;

    for (number = 1; number < NSIG; number++) {
	if (sigaction(number, NULL, &now) == 0) {
	    LookBehindACopy(number, &now);
	    dispositions[number].before = now;
	}
	dispositions[number].changed = 0;
    }
}

void
SsDispositionsCompare(void)
{
    int number;

    for (number = 1; number < NSIG; number++) {
	Disposition *sigPtr = &dispositions[number];

	if (sigaction(number, NULL, &sigPtr->go) < 0
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

void
SsDispositionsOnStack(void)
{
    /*
     * What Go has open on each of its threads, whatever the mask was of the
     * thread that started them.
     */
    static const int open[] = { SIGSTKFLT, SIGCHLD, SIGPROF, SIGURG };
    struct sigaction action;
    size_t i;

    for (i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
	sigaction(open[i], NULL, &action);
	if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
	    action.sa_flags |= SA_ONSTACK;
	    sigaction(open[i], &action, NULL);
	}
    }
}

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
