//go:build !tcl9

#include "files.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

typedef struct SsFile {
    Tcl_FileProc *proc;		/* NULL: no handler. */
    void *clientData;
    int mask;			/* What the handler wants... */
    int readyMask;		/* ...and what it will be told: an event is
				 * queued unless this is 0. */
    uint32_t events;		/* What the epoll was asked for, 0: nothing. */
    uint32_t generation : 31;	/* Tells the files apart that have had this
				 * number on the epoll. */
    uint32_t changed : 1;	/* It is among those to look at... */
    char doubtful;		/* ...and may be another file by now. */
} SsFile;

typedef struct FileEvent {
    Tcl_Event header;
    SsFiles *filesPtr;
    int fd;
} FileEvent;

/* Not with Tcl's allocator, whose locks a fork may leave locked. */
static void
Grow(SsFiles *filesPtr, int fd)
{
    int size = (fd < 32) ? 64 : 2 * fd;

    if (fd < filesPtr->size) {
	return;
    }
    filesPtr->table = realloc(filesPtr->table, size * sizeof(SsFile));
    filesPtr->changed = realloc(filesPtr->changed, size * sizeof(int));
    if (filesPtr->table == NULL || filesPtr->changed == NULL) {
	Tcl_Panic("out of memory for file handlers");
    }
    memset(filesPtr->table + filesPtr->size, 0,
	    (size - filesPtr->size) * sizeof(SsFile));
    filesPtr->size = size;
}

static void
NoteChange(SsFiles *filesPtr, int fd)
{
    if (!filesPtr->table[fd].changed) {
	filesPtr->table[fd].changed = 1;
	filesPtr->changed[filesPtr->numChanged++] = fd;
    }
}

void
SsFilesSet(SsFiles *filesPtr, int fd, int mask, Tcl_FileProc *proc,
    void *clientData)
{
    SsFile *filePtr;

    Grow(filesPtr, fd);
    filePtr = &filesPtr->table[fd];
    if (filePtr->proc != proc || filePtr->clientData != clientData) {
	filePtr->readyMask = 0;
	filePtr->doubtful = 1;
    }
    if (filePtr->mask != mask || filePtr->doubtful) {
	NoteChange(filesPtr, fd);
    }
    filePtr->proc = proc;
    filePtr->clientData = clientData;
    filePtr->mask = mask;
}

void
SsFilesUnset(SsFiles *filesPtr, int fd)
{
    if (fd < 0 || fd >= filesPtr->size
	    || filesPtr->table[fd].proc == NULL) {
	return;
    }
    SsFilesSet(filesPtr, fd, 0, NULL, NULL);
}

static uint32_t
EventsOf(int mask)
{
    return ((mask & TCL_READABLE) ? EPOLLIN : 0)
	    | ((mask & TCL_WRITABLE) ? EPOLLOUT : 0)
	    | ((mask & TCL_EXCEPTION) ? EPOLLPRI : 0);
}

/*
 * Whatever is doubtful may still be the file that the epoll knows, or have been
 * closed, which took it off the epoll unless another process has it open.
 * Returns 0 or an errno.
 */
static int
Put(SsFiles *filesPtr, int pollFd, int fd)
{
    SsFile *filePtr = &filesPtr->table[fd];
    struct epoll_event event = { .events = EventsOf(filePtr->mask) };
    int known = (filePtr->events != 0);
    int status = 0;

    if (filePtr->events == event.events && !filePtr->doubtful) {
	return 0;
    }
    event.data.u64 = (uint64_t) ++filePtr->generation << 32 | (uint32_t) fd;
    filePtr->doubtful = 0;
    filePtr->events = 0;
    if (event.events != 0) {
	status = epoll_ctl(pollFd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd,
		&event);
	if (status < 0 && (errno == ENOENT || errno == EEXIST)) {
	    status = epoll_ctl(pollFd, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
		    fd, &event);
	}
    } else if (known) {
	epoll_ctl(pollFd, EPOLL_CTL_DEL, fd, &event);
    }
    if (status < 0) {
	return errno;
    }
    filePtr->events = event.events;
    return 0;
}

static int
FileEventProc(Tcl_Event *evPtr, int flags)
{
    FileEvent *eventPtr = (FileEvent *) evPtr;
    SsFile *filePtr;
    int mask;

    if (!(flags & TCL_FILE_EVENTS)) {
	return 0;
    }
    filePtr = &eventPtr->filesPtr->table[eventPtr->fd];
    mask = filePtr->readyMask & filePtr->mask;
    filePtr->readyMask = 0;
    if (mask != 0) {
	filePtr->proc(filePtr->clientData, mask);
    }
    return 1;
}

/*
 * One event at most is queued for a file.  It finds the handler when its turn
 * has come: that may have changed, or be another file's.
 */
static void
QueueFile(SsFiles *filesPtr, int fd, int readyMask)
{
    FileEvent *eventPtr;

    if (filesPtr->table[fd].readyMask == 0 && readyMask != 0) {
	eventPtr = (FileEvent *) Tcl_Alloc(sizeof(FileEvent));
	eventPtr->header.proc = FileEventProc;
	eventPtr->filesPtr = filesPtr;
	eventPtr->fd = fd;
	Tcl_QueueEvent(&eventPtr->header, TCL_QUEUE_TAIL);
    }
    filesPtr->table[fd].readyMask = readyMask;
}

int
SsFilesPut(SsFiles *filesPtr, int pollFd)
{
    int i, fd, error, number = filesPtr->numChanged, timeout = -1;

    filesPtr->numChanged = 0;
    for (i = 0; i < number; i++) {
	fd = filesPtr->changed[i];
	filesPtr->table[fd].changed = 0;
	error = Put(filesPtr, pollFd, fd);
	if (error == 0 || error == EBADF) {
	    continue;
	}
	filesPtr->table[fd].doubtful = 1;
	NoteChange(filesPtr, fd);
	if (error == EPERM) {
	    QueueFile(filesPtr, fd, filesPtr->table[fd].mask
		    & (TCL_READABLE | TCL_WRITABLE));
	    timeout = 0;
	} else if (timeout < 0) {
	    timeout = SS_FILES_SOON;
	}
    }
    return timeout;
}

void
SsFilesRenew(SsFiles *filesPtr)
{
    int fd;

    for (fd = 0; fd < filesPtr->size; fd++) {
	filesPtr->table[fd].events = 0;
	NoteChange(filesPtr, fd);
    }
}

/*
 * An error or hang-up comes unasked: whatever the handler waits for, it is
 * told, or the thread would never sleep again.
 */
int
SsFilesReady(SsFiles *filesPtr, uint64_t data, uint32_t events)
{
    int fd = (int) (data & INT_MAX);
    SsFile *filePtr = &filesPtr->table[fd];
    int ready = ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) ? TCL_READABLE : 0)
	    | ((events & (EPOLLOUT | EPOLLERR)) ? TCL_WRITABLE : 0)
	    | ((events & EPOLLPRI) ? TCL_EXCEPTION : 0);

    if (filePtr->events == 0 || filePtr->generation != data >> 32) {
	return 0;
    }
    ready &= filePtr->mask;
    QueueFile(filesPtr, fd, (ready != 0) ? ready : filePtr->mask);
    return 1;
}

void
SsFilesPoll(SsFiles *filesPtr)
{
    struct pollfd look;
    int mask;

    for (look.fd = 0; look.fd < filesPtr->size; look.fd++) {
	mask = filesPtr->table[look.fd].mask;
	look.events = (short) EventsOf(mask);
	if (mask != 0 && poll(&look, 1, 0) == 1
		&& !(look.revents & POLLNVAL)) {
	    QueueFile(filesPtr, look.fd, mask);
	}
    }
}

void
SsFilesFree(SsFiles *filesPtr)
{
    free(filesPtr->table);
    free(filesPtr->changed);
}
