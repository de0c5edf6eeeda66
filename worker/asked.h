/*
 * What the server has asked this worker, one question at a time, and what
 * becomes of it.  The interrupt's thread and the Tcl thread both may answer:
 * who moves it to SS_ASKED_TELLING does, and no one else.  Nothing here knows
 * Tcl.
 */

#ifndef SS_ASKED_H
#define SS_ASKED_H

#include <stdint.h>

typedef enum SsAskedPhase {
    SS_ASKED_NOTHING,
    SS_ASKED_OPEN,		/* Nobody has taken it up. */
    SS_ASKED_TELLING,		/* Who moved it here tells. */
    SS_ASKED_TRACING		/* The Tcl thread has something to tell, and
				 * waits for more. */
} SsAskedPhase;

/*
 * Begins it, with nothing asked; it is this process's then.  A copy of the
 * return is open until the end.  Returns 0 or an errno.  Both are called where
 * there is no thread that asks.
 */
int		SsAskedBegin(int returnFd);
void		SsAskedEnd(void);

/* Whether it was begun in this process: a child has a copy. */
int		SsAskedIsOwn(void);

/* Puts a question.  Returns 0 where the one before is still open. */
int		SsAskedPut(uint32_t number);

/* Waits for the answer to be told.  Returns whether it is. */
int		SsAskedAwait(int milliseconds);

SsAskedPhase	SsAskedNow(void);

/* Returns whether it was in the phase before, and is in the one after now. */
int		SsAskedMove(SsAskedPhase before, SsAskedPhase after);

/* Answers, by who moved it to SS_ASKED_TELLING: then nothing is asked. */
void		SsAskedTell(const char *text, int length);

#endif /* SS_ASKED_H */
