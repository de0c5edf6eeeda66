/*
 * group.h --
 *
 *	A child as the leader of a process group: what it starts can be ended
 *	with it.  Nothing here knows Tcl.
 */

#ifndef SS_GROUP_H
#define SS_GROUP_H

#include <sys/types.h>

/*
 * To be called on both sides of the fork, for either may be first: 0 in the
 * child, its pid in the parent.
 */
void		SsGroupLead(pid_t pid);

/*
 * The child must not have been waited for.  Returns 0 or -1 with errno set.
 */
int		SsGroupKill(pid_t pid, int number);

#endif /* SS_GROUP_H */
