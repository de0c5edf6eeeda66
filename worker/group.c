/*
 * group.c --
 *
 *	A child as the leader of a process group.
 */

#include "group.h"

#include <signal.h>
#include <unistd.h>

void
SsGroupLead(
    pid_t pid)
{
    setpgid(pid, pid);
}

int
SsGroupKill(
    pid_t pid,			/* Above 0. */
    int number)
{
    if (kill(-pid, number) < 0) {
	return kill(pid, number);
    }
    return 0;
}
