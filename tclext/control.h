/*
 * control.h --
 *
 *	The commands' side of the control sockets: one per Tcl thread that
 *	asks, opened when it first does.  The first of a process starts Go.
 */

#ifndef SS_CONTROL_H
#define SS_CONTROL_H

#include "boundary.h"

#include <tcl.h>

/*
 * A request and its answer.  internal/reactor/requests.go says what may be
 * asked and what the numbers mean.
 */

typedef struct SsCall {
    const char *name;
    int64_t numbers[SS_CONTROL_NUMBERS];
				/* The request's, then the answer's. */
    const char *text;		/* Goes with the request; NULL: none. */
    char *reply;		/* Came with the answer, to be freed; NULL:
				 * none. */
    int fds[SS_CONTROL_FDS];	/* Came with it, the caller's, and on the list
				 * of those that a forked child closes. */
    int numFds;
    int done;			/* Whether the server has done it; after an
				 * error, too, if there was no room here for
				 * the descriptors of its answer. */
    char reason[16];		/* Of an error that isn't the system's. */
    SsGoError error;
} SsCall;

/* Asks and waits for the answer.  Returns 0, or -1 with the error filled. */

int		SsAsk(SsCall *callPtr);

/* Makes that error Tcl's; returns TCL_ERROR. */

int		SsAskError(Tcl_Interp *interp, const SsCall *callPtr);

/*
 * Whom to call, in a thread that has asked, when the server has something to
 * tell it: what, with which number, and an errno or 0.
 */

typedef void (SsNoticeProc)(const char *name, int64_t number, int posix);

void		SsControlNotices(SsNoticeProc *proc);

/*
 * In a forked child the sockets are the parent's.  The first is safe between
 * fork and exec; the second does what is left where Tcl may be called.  The
 * event loop calls it by itself.
 */

void		SsControlForget(void);
void		SsControlTidy(void);

#endif /* SS_CONTROL_H */
