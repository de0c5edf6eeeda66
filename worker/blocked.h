/*
 * Where a thread of this process is in the kernel, told by another one: the
 * system call, its descriptor and what that is.  Nothing here knows Tcl, waits,
 * or allocates.
 */

#ifndef SS_BLOCKED_H
#define SS_BLOCKED_H

#include <stddef.h>
#include <sys/types.h>

typedef enum SsBlocked {
    SS_BLOCKED_UNKNOWN,		/* The system doesn't tell. */
    SS_BLOCKED_NOT,		/* It runs. */
    SS_BLOCKED_WAITS,		/* On an epoll, as our loops do. */
    SS_BLOCKED_NAPS,		/* In a call by which Tcl waits for a while and
				 * then looks again, or one of its own loops. */
    SS_BLOCKED_STUCK		/* In another one. */
} SsBlocked;

/*
 * What SsBlockedLook reads, close-on-exec, the caller's; -1 with errno.  Opened
 * before the process becomes another user's: later it may be read still, but
 * not opened.
 */
int		SsBlockedOpen(pid_t thread);

/* But for the first two the text says in what: a line without end. */
SsBlocked	SsBlockedLook(int fd, char *text, size_t size);

#endif /* SS_BLOCKED_H */
