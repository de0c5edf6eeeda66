/*
 * names.c --
 *
 *	Signals by their names, as Tcl knows them.
 */

#include "names.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <tcl.h>

static const char *Known(int number);

/*
 *----------------------------------------------------------------------
 *
 * SsSignalName, SsSignalNumber, Known --
 *
 *	See names.h.
 *
 * Results:
 *	SsSignalNumber: a number or 0.  Known: Tcl's name without SIG, or
 *	NULL.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

void
SsSignalName(
    int number,
    char name[SS_SIGNAL_NAME_SIZE])
{
    const char *known = Known(number);

    if (known != NULL) {
	snprintf(name, SS_SIGNAL_NAME_SIZE, "%s", known);
    } else {
	snprintf(name, SS_SIGNAL_NAME_SIZE, "%d", number);
    }
}

int
SsSignalNumber(
    const char *name)
{
    const char *known;
    int number;

    if (strncmp(name, "SIG", 3) == 0) {
	name += 3;
    }
    for (number = 1; number < NSIG; number++) {
	known = Known(number);
	if (known != NULL && strcmp(known, name) == 0) {
	    return number;
	}
    }
    return 0;
}

static const char *
Known(
    int number)
{
    const char *name = Tcl_SignalId(number);

    return (strncmp(name, "SIG", 3) == 0) ? name + 3 : NULL;
}
