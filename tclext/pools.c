/*
 * pools.c --
 *
 *	Which interpreter has a service's pool.
 */

#include "pools.h"

typedef struct Pool {
    struct Pool *nextPtr;
    int64_t service;
    Tcl_Interp *interp;
} Pool;

static Pool *firstPtr = NULL;

void
SsPoolDropLocked(int64_t service)
{
    Pool *poolPtr, **linkPtr = &firstPtr;

    while ((poolPtr = *linkPtr) != NULL && poolPtr->service != service) {
	linkPtr = &poolPtr->nextPtr;
    }
    if (poolPtr != NULL) {
	*linkPtr = poolPtr->nextPtr;
	Tcl_Free((char *) poolPtr);
    }
}

void
SsPoolAddLocked(int64_t service, Tcl_Interp *interp)
{
    Pool *poolPtr;

    SsPoolDropLocked(service);
    poolPtr = (Pool *) Tcl_Alloc(sizeof(Pool));
    *poolPtr = (Pool) { firstPtr, service, interp };
    firstPtr = poolPtr;
}

int64_t
SsPoolOfLocked(const Tcl_Interp *interp)
{
    const Pool *poolPtr = firstPtr;

    while (poolPtr != NULL && poolPtr->interp != interp) {
	poolPtr = poolPtr->nextPtr;
    }
    return (poolPtr != NULL) ? poolPtr->service : 0;
}

Tcl_Interp *
SsPoolInterpLocked(int64_t service)
{
    const Pool *poolPtr = firstPtr;

    while (poolPtr != NULL && poolPtr->service != service) {
	poolPtr = poolPtr->nextPtr;
    }
    return (poolPtr != NULL) ? poolPtr->interp : NULL;
}

void
SsPoolsForget(void)
{
    firstPtr = NULL;
}
