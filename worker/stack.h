/*
 * The stack of an interpreter as text: a line for each command that is being
 * evaluated, innermost first.  Evaluates Tcl's own "info frame" there, and
 * leaves the interpreter as it was.
 *
 * What Tcl knows of a loop whose commands are all compiled is the procedure
 * alone: no command is called that would have a place.  Then the text names the
 * lines where the body has loops, counted from its beginning.
 */

#ifndef SS_STACK_H
#define SS_STACK_H

#include "message.h"

#include <tcl.h>

#define SS_STACK_MOST	SS_ANSWER_MOST	/* Bytes of a text. */
#define SS_STACK_FRAMES 64

typedef struct SsStack {
    int length;
    int isOurs;			/* The innermost procedure is this package's,
				 * or there is none and no command. */
    int isInline;		/* It is in commands that are not called: the
				 * next one that is would tell more. */
    char text[SS_STACK_MOST];	/* UTF-8, lines with ends. */
} SsStack;

/*
 * How many commands are being evaluated, this one included: what stands above
 * them is what was called since.  0: it can't be told.
 */
int		SsStackDepth(Tcl_Interp *interp);

/*
 * Appends what the interpreter does above that depth, but for what this package
 * does at the outer end of it.
 */
void		SsStackAppend(SsStack *stackPtr, Tcl_Interp *interp,
		    int depth);

/*
 * Appends a line of its own; what is no text becomes blanks, a line end with
 * those behind it one.
 */
void		SsStackLine(SsStack *stackPtr, const char *line);

#endif /* SS_STACK_H */
