/*
 * fork.h --
 *
 *	What happens around fork: a lock that keeps fork away for a moment, a
 *	list of descriptors that a child must not keep, and the child's first
 *	steps.  Nothing here knows Tcl.
 */

#ifndef SS_FORK_H
#define SS_FORK_H

/*
 * SsForkInstall --
 *
 *	Arranges for all this, once per process; returns 0 or an errno.
 *	childProc is called at the end of the child's steps, between fork and
 *	exec perhaps: nothing but system calls and its own variables.
 *
 * Process: both.
 */

int		SsForkInstall(void (*childProc)(void));

/*
 * SsForkLock, SsForkUnlock --
 *
 *	Between the two no fork happens in this process.  Hold it for moments
 *	only, never while waiting for a worker or a peer.  The lock also
 *	guards what the threads of this process share: the list below, the
 *	queues, the requests.
 *
 * Process: both.
 */

void		SsForkLock(void);
void		SsForkUnlock(void);

/*
 * SsForkCount --
 *
 *	How many forks lie between the process that loaded this library and
 *	this one.  Whoever remembers it can tell later whether what it noted
 *	is its own or came through a fork; unlike a pid it never comes again.
 *
 * Process: both.
 */

int		SsForkCount(void);

/*
 * SsForkCloses, SsForkKeeps --
 *
 *	Put a descriptor of the server on the list of those that a child
 *	closes, and take it off.  The lock is held.
 *
 * Process: server.
 */

void		SsForkCloses(int fd);
void		SsForkKeeps(int fd);

#endif /* SS_FORK_H */
