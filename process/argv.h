/* A list of Tcl's as the system's exec wants it. */

#ifndef SS_ARGV_H
#define SS_ARGV_H

#include "result.h"

#include <tcl.h>

typedef struct SsArgv {
    char **words;		/* In the system's encoding; NULL ends them. */
    Tcl_DString *texts;
    Tcl_Size count;
} SsArgv;

/* TCL_ERROR: it is no list, and there is nothing to free. */
int		SsArgvMake(Tcl_Interp *interp, Tcl_Obj *listPtr,
		    SsArgv *argvPtr);
void		SsArgvFree(SsArgv *argvPtr);

#endif /* SS_ARGV_H */
