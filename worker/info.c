#include "info.h"
#include "clock.h"
#include "connection.h"
#include "result.h"
#include "return.h"

#include <time.h>

static void
Put(Tcl_Obj *dictPtr, const char *key, Tcl_Obj *valuePtr)
{
    Tcl_DictObjPut(NULL, dictPtr, Tcl_NewStringObj(key, -1), valuePtr);
}

static Tcl_Obj *
Seconds(double nanoseconds)
{
    return Tcl_NewDoubleObj(nanoseconds / 1e9);
}

/* By the clock on the wall, as that is now. */
static Tcl_Obj *
Accepted(const SsMessage *headPtr)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    return Seconds((double) wall.tv_sec * 1e9 + (double) wall.tv_nsec
	    - ((double) SsNanoseconds() - (double) headPtr->accepted));
}

/* It came from elsewhere: what isn't a dict is none. */
static Tcl_Obj *
Proxy(const SsArrival *arrivalPtr)
{
    Tcl_Obj *dictPtr = Tcl_NewStringObj((arrivalPtr->extra == NULL) ? ""
	    : arrivalPtr->extra + arrivalPtr->head.tag,
	    arrivalPtr->head.proxy);
    Tcl_Size size;

    if (Tcl_DictObjSize(NULL, dictPtr, &size) != TCL_OK) {
	Tcl_SetObjLength(dictPtr, 0);
    }
    return dictPtr;
}

/* Of a Unix peer; else none. */
static Tcl_Obj *
Credentials(const SsArrival *arrivalPtr)
{
    Tcl_Obj *dictPtr = Tcl_NewDictObj();
    SsCredentials peer;

    if (SsArrivalCredentials(arrivalPtr, &peer)) {
	Put(dictPtr, "pid", Tcl_NewWideIntObj((Tcl_WideInt) peer.pid));
	Put(dictPtr, "uid", Tcl_NewWideIntObj((Tcl_WideInt) peer.uid));
	Put(dictPtr, "gid", Tcl_NewWideIntObj((Tcl_WideInt) peer.gid));
    }
    return dictPtr;
}

int
SsConnectionInfo(Tcl_Interp *interp, const char *name)
{
    const SsConnection *connectionPtr = SsConnectionFind(interp, name);
    const SsArrival *arrivalPtr;
    const SsPort *portPtr;
    Tcl_Obj *dictPtr;
    int number;

    if (connectionPtr == NULL) {
	return SsErrorOurs(interp, "USAGE",
		"channel \"%.100s\" is no open connection of this process",
		name);
    }
    arrivalPtr = &connectionPtr->arrival;
    portPtr = connectionPtr->portPtr;
    number = arrivalPtr->head.listener;
    dictPtr = Tcl_NewDictObj();
    Put(dictPtr, "ipaddr", Tcl_NewStringObj(arrivalPtr->address, -1));
    Put(dictPtr, "port", Tcl_NewIntObj(arrivalPtr->port));
    Put(dictPtr, "credentials", Credentials(arrivalPtr));
    Put(dictPtr, "listener", Tcl_NewStringObj(
	    (number < portPtr->numListeners)
		    ? portPtr->listeners[number].name : "", -1));
    Put(dictPtr, "accepted", Accepted(&arrivalPtr->head));
    Put(dictPtr, "waited", Seconds((double) connectionPtr->waited));
    Put(dictPtr, "requests",
	    Tcl_NewWideIntObj((Tcl_WideInt) arrivalPtr->head.requests + 1));
    Put(dictPtr, "tag", Tcl_NewStringObj((arrivalPtr->extra == NULL) ? ""
	    : arrivalPtr->extra, arrivalPtr->head.tag));
    Put(dictPtr, "last", Tcl_NewIntObj(SsReturnIsLast(portPtr)));
    Put(dictPtr, "proxy", Proxy(arrivalPtr));
    Tcl_SetObjResult(interp, dictPtr);
    return TCL_OK;
}
