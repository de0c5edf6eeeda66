/*
 * dispositions.c --
 *
 *	The signal dispositions that Go's runtime changes when it starts.
 */

#include "dispositions.h"

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
