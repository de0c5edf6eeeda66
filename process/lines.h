/*
 * What other programs write to stderr, read line by line in the process that
 * made the pipe.  Children have the write end, close-on-exec, as a number that
 * no channel stands for; whoever starts a program there puts it where the
 * program looks for it.
 */

#ifndef SS_LINES_H
#define SS_LINES_H

#include <tcl.h>

/*
 * Makes a pipe, for this thread's event loop, which calls the prefix with a
 * list of lines: some at a time, so that a flood of them neither fills memory
 * nor keeps others waiting; whoever writes waits.  What is longer than 1,000
 * bytes comes in pieces.  The result is the write end, which stands for both.
 */
int		SsLinesOpen(Tcl_Interp *interp, Tcl_Obj *prefixPtr);

/* Closes both ends.  The result is the lines that nobody was told yet. */
int		SsLinesClose(Tcl_Interp *interp, int writeFd);

/* In a forked child, safe between fork and exec: the read ends are gone. */
void		SsLinesForget(void);

#endif /* SS_LINES_H */
