/*
 * copy.h --
 *
 *	Loading a fresh copy of this library into a process that forked.
 */

#ifndef SS_COPY_H
#define SS_COPY_H

#include "boundary.h"

/*
 * SsCopyInit --
 *
 *	Notes which file this library was loaded from.  Returns 0 or an
 *	errno.
 *
 * SsCopyLoad --
 *
 *	Loads the copy, as a library with variables of its own.  Returns what
 *	dlopen does, never to be closed, or NULL with the error filled.
 *
 * Process: server; the latter in a forked child that becomes one.
 */

int		SsCopyInit(void);
void *		SsCopyLoad(SsGoError *errorPtr);

#endif /* SS_COPY_H */
