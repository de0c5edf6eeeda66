/*
 * named_port.c --
 *
 *	The port that a word of the user's means.
 */

#include "named_port.h"
#include "arguments.h"
#include "fork.h"
#include "result.h"
#include "socket_path.h"

#include <string.h>

/* The names of all listeners of a TCP port, a new list. */
static Tcl_Obj *
NamesOfLocked(int number)
{
    Tcl_Obj *listPtr = Tcl_NewListObj(0, NULL);
    SsPort *portPtr;
    int i;

    for (portPtr = SsPortsFirstLocked(); portPtr != NULL;
	    portPtr = portPtr->nextPtr) {
	for (i = 0; portPtr->serving && i < portPtr->numListeners; i++) {
	    if (portPtr->listeners[i].port == number) {
		Tcl_ListObjAppendElement(NULL, listPtr, Tcl_NewStringObj(
			portPtr->listeners[i].name, -1));
	    }
	}
    }
    return listPtr;
}

static void
NotFoundLocked(Tcl_Interp *interp, const char *name, int number, int count)
{
    Tcl_Obj *namesPtr;

    if (count > 0) {
	namesPtr = NamesOfLocked(number);
	SsErrorOurs(interp, "USAGE", "port %d has %d listeners: give the"
		" name of one of %s", number, count, Tcl_GetString(namesPtr));
	Tcl_DecrRefCount(namesPtr);
    } else if (number == 0) {
	SsErrorOurs(interp, "NOPORT", "listener \"%.100s\" is not served:"
		" serve it before the fork", name);
    } else {
	SsErrorOurs(interp, "NOPORT", "port %d is not served: call"
		" \"::socketserver::socket server %d\" before the fork",
		number, number);
    }
}

/*
 * A relative path is of the same listener as the whole one.  Tcl's file systems
 * are asked, so not with the fork lock.
 */
static Tcl_Obj *
WholeName(Tcl_Obj *namePtr)
{
    const char *name = Tcl_GetString(namePtr);
    Tcl_Obj *wholePtr, *pathPtr;

    if (strncmp(name, "unix:", 5) != 0 || name[5] == '/' || name[5] == '@'
	    || SsSocketPath(name + 5, &pathPtr) != NULL) {
	return namePtr;
    }
    wholePtr = Tcl_ObjPrintf("unix:%s", Tcl_GetString(pathPtr));
    Tcl_DecrRefCount(pathPtr);
    return wholePtr;
}

static SsPort *
FindLocked(Tcl_Interp *interp, Tcl_Obj *namePtr, int number)
{
    SsPort *portPtr;
    int count;

    if (namePtr == NULL) {
	portPtr = SsPortFindLocked(0);
	if (portPtr == NULL) {
	    SsErrorOurs(interp, "NOPORT", "no port is served: call"
		    " \"::socketserver::socket server\" before the fork");
	}
	return portPtr;
    }
    portPtr = SsPortNamedLocked(Tcl_GetString(namePtr), number, &count);
    if (portPtr == NULL) {
	NotFoundLocked(interp, Tcl_GetString(namePtr), number, count);
    }
    return portPtr;
}

SsPort *
SsNamedPortUse(Tcl_Interp *interp, Tcl_Obj *namePtr, SsPortUse *usePtr)
{
    SsPort *portPtr;
    int number = 0;

    if (namePtr != NULL && strchr(Tcl_GetString(namePtr), ':') == NULL
	    && SsGetNumber(interp, namePtr, "-port", 1, 65535, &number)
	    != TCL_OK) {
	return NULL;
    }
    if (namePtr != NULL) {
	namePtr = WholeName(namePtr);
	Tcl_IncrRefCount(namePtr);
    }
    SsForkLock();
    portPtr = FindLocked(interp, namePtr, number);
    if (portPtr != NULL) {
	SsPortUseLocked(usePtr, portPtr);
    }
    SsForkUnlock();
    if (namePtr != NULL) {
	Tcl_DecrRefCount(namePtr);
    }
    return portPtr;
}

void
SsNamedPortDrop(SsPortUse *usePtr)
{
    SsForkLock();
    SsPortDropLocked(usePtr);
    SsForkUnlock();
}
