/*
 * copy.h --
 *
 *	A fresh copy of this library, for a forked child that becomes a
 *	server: a library with variables of its own.
 */

#ifndef SS_COPY_H
#define SS_COPY_H

#include "boundary.h"

/*
 * Notes which file this library was loaded from, as soon as it is.  Returns 0
 * or an errno.
 */

int		SsCopyInit(void);

/*
 * In the child.  Returns what dlopen does, never to be closed, or NULL with
 * the error filled.
 */

void *		SsCopyLoad(SsStarted *startedPtr);

/* Fills the error of a start, as printf would; returns -1. */

int		SsStartFailed(SsStarted *startedPtr, int posix,
		    const char *format, ...);

#endif /* SS_COPY_H */
