/*
 * The file handlers of one thread, on one epoll descriptor.  What is asked for
 * is noted, and put on the epoll before the thread waits next: Tcl asks for and
 * gives up the same file many times between two waits.  Zeroed, a SsFiles has
 * none.
 */

#ifndef SS_FILES_H
#define SS_FILES_H

#include <stdint.h>
#include <tcl.h>

typedef struct SsFiles {
    struct SsFile *table;	/* By descriptor. */
    int size;
    int *changed;		/* Those to look at before the next wait; room
				 * for as many as are in the table. */
    int numChanged;
} SsFiles;

void		SsFilesSet(SsFiles *filesPtr, int fd, int mask,
		    Tcl_FileProc *proc, void *clientData);
void		SsFilesUnset(SsFiles *filesPtr, int fd);

/*
 * Puts on the epoll what has changed since it was called last; after
 * SsFilesRenew, which is for an epoll that is new and empty, everything.
 * Returns for how many milliseconds to wait at most: 0 after it queued events
 * for regular files, which epoll refuses and which are always ready; a few, if
 * something couldn't be put there for want of memory; else -1, for ever.
 */
#define SS_FILES_SOON 20

int		SsFilesPut(SsFiles *filesPtr, int pollFd);
void		SsFilesRenew(SsFiles *filesPtr);

/*
 * Queue Tcl events: for what the epoll told (data below 1 << 63 is of a file),
 * returning 0 where this is of a file that was closed and can't be got off the
 * epoll, because another process has it open; for all that is ready now,
 * without any epoll.
 */
int		SsFilesReady(SsFiles *filesPtr, uint64_t data,
		    uint32_t events);
void		SsFilesPoll(SsFiles *filesPtr);
void		SsFilesFree(SsFiles *filesPtr);

#endif /* SS_FILES_H */
