/*
 * question.h --
 *
 *	What a worker asks its server.
 */

#ifndef SS_QUESTION_H
#define SS_QUESTION_H

#include <tcl.h>

/*
 * Asks by way of the return of a port, a word of the user's or NULL, and waits
 * for the answer, which is the result.  Go isn't entered.  TCL_ERROR leaves a
 * message in the interpreter.
 */

int		SsQuestionAsk(Tcl_Interp *interp, Tcl_Obj *namePtr,
		    const char *request);

#endif /* SS_QUESTION_H */
