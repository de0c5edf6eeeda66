/*
 * served.c --
 *
 *	Whether listeners that are to be served are served already.
 */

#include "served.h"
#include "address.h"
#include "result.h"

static int
Has(const SsPort *portPtr, const SsListener *wantedPtr)
{
    int i = 0;

    while (i < portPtr->numListeners
	    && !SsListenerIs(wantedPtr, &portPtr->listeners[i])) {
	i++;
    }
    return i < portPtr->numListeners;
}

SsPort *
SsServedLocked(const SsListener *wanted, int count)
{
    SsPort *portPtr, *nextPtr;
    int i;

    for (i = 0; i < count; i++) {
	for (portPtr = SsPortsFirstLocked(); portPtr != NULL;
		portPtr = nextPtr) {
	    nextPtr = portPtr->nextPtr;
	    if (Has(portPtr, &wanted[i]) && (SsPortServedHere(portPtr)
		    || (SsPortInherited(portPtr)
			    && !SsPortAtEndLocked(portPtr)))) {
		return portPtr;
	    }
	}
    }
    return NULL;
}

/* Whether a listener listens where it is wanted. */
static int
CompareAddresses(Tcl_Interp *interp, const SsListener *listenerPtr,
    const char *asked)
{
    char called[SS_NAME_SIZE];

    if (asked[0] == '\0' || (SsAddressesIn(listenerPtr->bound, asked)
	    && SsAddressesIn(asked, listenerPtr->asked))) {
	return TCL_OK;
    }
    SsListenerCall(listenerPtr, called);
    return SsErrorOurs(interp, "USAGE", "%s is served already, on %.150s:"
	    " close it first, to serve it on %.150s", called,
	    (listenerPtr->bound[0] == '\0') ? "all addresses"
	    : listenerPtr->bound, asked);
}

int
SsServedCompareLocked(Tcl_Interp *interp, const SsPort *portPtr,
    const SsListener *wanted, int count, int hasMore)
{
    int i;

    for (i = 0; i < count; i++) {
	if (count != portPtr->numListeners
		|| !SsListenerIs(&wanted[i], &portPtr->listeners[i])) {
	    return SsErrorOurs(interp, "USAGE", "%s is served already,"
		    " not with the same listeners: close it first",
		    portPtr->called);
	}
	if (CompareAddresses(interp, &portPtr->listeners[i], wanted[i].asked)
		!= TCL_OK) {
	    return TCL_ERROR;
	}
    }
    return !hasMore ? TCL_OK : SsErrorOurs(interp, "USAGE", "%s is served"
	    " already: close it first, to serve it with a control path, a"
	    " health listener or a status page, or to take it over",
	    portPtr->called);
}
