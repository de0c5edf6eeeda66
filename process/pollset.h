/*
 * What an epoll of this process waits for, as /proc tells it, and another epoll
 * with the same.  Nothing here knows Tcl.
 */

#ifndef SS_POLLSET_H
#define SS_POLLSET_H

#include <stdint.h>

typedef struct SsPollMember {
    int fd;
    uint32_t events;		/* As epoll_ctl was given them... */
    uint64_t data;		/* ...and this. */
} SsPollMember;

/* Zeroed, it is empty. */
typedef struct SsPollSet {
    SsPollMember *members;
    int count, room;
} SsPollSet;

/*
 * Reads what an epoll of the calling thread's table waits for, through one
 * descriptor.  Returns 0 or an errno; ENOSYS: /proc tells nothing.
 */
int		SsPollSetRead(SsPollSet *setPtr, int pollFd);
void		SsPollSetFree(SsPollSet *setPtr);

/* The member with this descriptor, or NULL. */
const SsPollMember *SsPollSetFind(const SsPollSet *setPtr, int fd);

/*
 * Has an epoll wait for something, as the member says.  Safe between fork and
 * exec.  Returns 0 or an errno.
 */
int		SsPollMemberAdd(const SsPollMember *memberPtr, int pollFd);

/*
 * Finds the epoll of the calling thread's table that waits for a descriptor,
 * and leaves what it waits for in the set; -1 with errno, 0 when there is none.
 */
int		SsPollFind(SsPollSet *setPtr, int memberFd);

/* How much an eventfd counts, or -1. */
int64_t		SsEventCount(int fd);

#endif /* SS_POLLSET_H */
