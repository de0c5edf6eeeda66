/*
 * A child as the leader of a process group: what it starts can be ended with
 * it.  Nothing here knows Tcl.
 */

#ifndef SS_GROUP_H
#define SS_GROUP_H

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

/*
 * To be called on both sides of the fork, for either may be first: 0 in the
 * child, its pid in the parent.
 */
static inline void
SsGroupLead(
    pid_t pid)
{
    setpgid(pid, pid);
}

/*
 * The child must not have been waited for.  Returns 0 or -1 with errno set.
 */
static inline int
SsGroupKill(
    pid_t pid,			/* Above 0. */
    int number)
{
    return (kill(-pid, number) == 0) ? 0 : kill(pid, number);
}

#endif /* SS_GROUP_H */
