/* A program that serves a connection, as inetd and tcpserver start it. */

#ifndef SS_PROGRAM_H
#define SS_PROGRAM_H

#include <tcl.h>

/*
 * Starts a program, a list of words, the first a path or a name to look for in
 * PATH, with an open connection of this process as its standard input and
 * output, and waits for its end.  Nothing may have been read.  The channel is
 * good for nothing then but to be closed: who the client talks to is the
 * program alone, and whoever that leaves behind.
 *
 * The program has errorFd as its standard error, no other descriptor, default
 * signal dispositions, an empty mask, and is in this process's group.
 *
 * TCL_ERROR: it could not be started, or a signal other than SIGPIPE, which
 * says that the client is gone, has killed it.
 */
int		SsProgramServe(Tcl_Interp *interp, const char *channel,
		    Tcl_Obj *wordsPtr, int errorFd);

#endif /* SS_PROGRAM_H */
