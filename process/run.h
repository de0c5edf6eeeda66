/* Other programs. */

#ifndef SS_RUN_H
#define SS_RUN_H

#include <tcl.h>

/*
 * Runs a program, by fork, so that it has the signal dispositions and limits
 * that this process had before; of the descriptors it has 0 to 2 alone, the
 * last of which is errorFd where that isn't -1.  The words are a list, the
 * program's path or a name to look for in PATH first.
 * The result is its pid, a child that somebody has to wait for.  TCL_ERROR,
 * where it could not be run, leaves a message in the interpreter.
 */
int		SsRun(Tcl_Interp *interp, Tcl_Obj *wordsPtr, int errorFd);

#endif /* SS_RUN_H */
