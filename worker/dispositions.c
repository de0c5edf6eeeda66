/*
 * dispositions.c --
 *
 *	The signal dispositions that Go's runtime changes when it starts.
 */

#include "dispositions.h"

#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

typedef struct Disposition {
    struct sigaction before;	/* What held before Go was loaded. */
    struct sigaction go;	/* What Go made of it. */
    int known;			/* Whether "before" holds. */
    int changed;		/* Whether Go changed it and the change still
				 * stands. */
} Disposition;

static Disposition dispositions[NSIG];

static int	IsOfACopy(const struct sigaction *actionPtr);
static const char *FileName(const void *address);
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
    int number;

    for (number = 1; number < NSIG; number++) {
	Disposition *sigPtr = &dispositions[number];

	sigPtr->known = (sigaction(number, NULL, &sigPtr->before) == 0);
	if (sigPtr->known && IsOfACopy(&sigPtr->before)) {
	    sigPtr->before.sa_handler = SIG_DFL;
	    sigPtr->before.sa_flags = 0;
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
 * IsOfACopy, FileName --
 *
 *	Whether a handler is Go's, of another file of this library that was
 *	loaded before: it is as dead in a child as our own.
 *
 * Results:
 *	1 or 0; the last part of the name of the file that an address is in,
 *	or "".
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

static int
IsOfACopy(
    const struct sigaction *actionPtr)
{
    const char *name = FileName(dispositions);

    if (!(actionPtr->sa_flags & SA_SIGINFO) || name[0] == '\0') {
	return 0;
    }
    return strcmp(FileName((const void *) actionPtr->sa_sigaction), name)
	    == 0;
}

static const char *
FileName(
    const void *address)
{
    Dl_info info;
    const char *slash;

    if (dladdr(address, &info) == 0 || info.dli_fname == NULL) {
	return "";
    }
    slash = strrchr(info.dli_fname, '/');
    return (slash == NULL) ? info.dli_fname : slash + 1;
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
