#include "files.h"

#include <errno.h>
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
    uint32_t generation;	/* Tells the files apart that have had this
				 * number on the epoll. */
    char changed;		/* It is among those to look at. */
    char doubtful;		/* It may be another file by now. */
    char always;		/* It is always ready. */
} SsFile;

typedef struct FileEvent {
    Tcl_Event header;
    SsFiles *filesPtr;
    int fd;
} FileEvent;

static void	Grow(SsFiles *filesPtr, int fd);
static void *	Resize(void *old, size_t bytes);
static void	NoteChange(SsFiles *filesPtr, int fd);
static int	Put(SsFiles *filesPtr, int pollFd, int fd);
static void	SetAlways(SsFiles *filesPtr, int fd, int always);
static void	QueueFile(SsFiles *filesPtr, int fd, int readyMask);
static int	FileEventProc(Tcl_Event *evPtr, int flags);
static uint32_t	EventsOf(int mask);

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
    SsFile *filePtr;

    if (fd < 0 || fd >= filesPtr->size
	    || filesPtr->table[fd].proc == NULL) {
	return;
    }
    filePtr = &filesPtr->table[fd];
    filePtr->proc = NULL;
    filePtr->mask = filePtr->readyMask = 0;
    filePtr->doubtful = 1;
    NoteChange(filesPtr, fd);
}

static void
NoteChange(SsFiles *filesPtr, int fd)
{
    if (!filesPtr->table[fd].changed) {
	filesPtr->table[fd].changed = 1;
	filesPtr->changed[filesPtr->numChanged++] = fd;
    }
}

static void
Grow(SsFiles *filesPtr, int fd)
{
    int size = filesPtr->size;

    if (fd < size) {
	return;
    }
    size = (fd < 32) ? 64 : 2 * fd;
    filesPtr->table = Resize(filesPtr->table, size * sizeof(SsFile));
    filesPtr->changed = Resize(filesPtr->changed, size * sizeof(int));
    filesPtr->always = Resize(filesPtr->always, size * sizeof(int));
    memset(filesPtr->table + filesPtr->size, 0,
	    (size - filesPtr->size) * sizeof(SsFile));
    filesPtr->size = size;
}

/* Not with Tcl's allocator, whose locks a fork may leave locked. */
static void *
Resize(void *old, size_t bytes)
{
    void *new = realloc(old, bytes);

    if (new == NULL) {
	Tcl_Panic("out of memory for file handlers");
    }
    return new;
}

int
SsFilesPut(SsFiles *filesPtr, int pollFd)
{
    int i, fd, number = filesPtr->numChanged;

    filesPtr->numChanged = 0;
    for (i = 0; i < number; i++) {
	fd = filesPtr->changed[i];
	filesPtr->table[fd].changed = 0;
	if (!Put(filesPtr, pollFd, fd)) {
	    NoteChange(filesPtr, fd);
	}
    }
    return filesPtr->numChanged == 0;
}

/*
 * Whatever is doubtful may still be the file that the epoll knows, or have been
 * closed, which took it off the epoll unless another process has it open.
 */
static int
Put(SsFiles *filesPtr, int pollFd, int fd)
{
    SsFile *filePtr = &filesPtr->table[fd];
    struct epoll_event event = { .events = EventsOf(filePtr->mask) };
    uint32_t before = filePtr->events;

    if (before == event.events && !filePtr->doubtful) {
	return 1;
    }
    filePtr->doubtful = 0;
    filePtr->events = 0;
    SetAlways(filesPtr, fd, 0);
    if (event.events == 0) {
	filePtr->generation++;
	if (before != 0) {
	    epoll_ctl(pollFd, EPOLL_CTL_DEL, fd, &event);
	}
	return 1;
    }
    event.data.u64 = (uint64_t) (filePtr->generation & 0x7fffffff) << 32 | fd;
    if (before != 0 && epoll_ctl(pollFd, EPOLL_CTL_MOD, fd, &event) == 0) {
	filePtr->events = event.events;
	return 1;
    }
    filePtr->generation++;
    event.data.u64 = (uint64_t) (filePtr->generation & 0x7fffffff) << 32 | fd;
    if (epoll_ctl(pollFd, EPOLL_CTL_ADD, fd, &event) == 0 || (errno == EEXIST
	    && epoll_ctl(pollFd, EPOLL_CTL_MOD, fd, &event) == 0)) {
	filePtr->events = event.events;
    } else if (errno == EPERM) {
	SetAlways(filesPtr, fd, 1);
    } else if (errno != EBADF) {
	filePtr->doubtful = 1;
	return 0;
    }
    return 1;
}

static void
SetAlways(SsFiles *filesPtr, int fd, int always)
{
    int i;

    if (filesPtr->table[fd].always == always) {
	return;
    }
    filesPtr->table[fd].always = always;
    if (always) {
	filesPtr->always[filesPtr->numAlways++] = fd;
	return;
    }
    for (i = 0; filesPtr->always[i] != fd; i++) {
	/* To where it stands. */
    }
    filesPtr->always[i] = filesPtr->always[--filesPtr->numAlways];
}

void
SsFilesRenew(SsFiles *filesPtr)
{
    int fd;

    for (fd = 0; fd < filesPtr->size; fd++) {
	filesPtr->table[fd].events = 0;
	if (filesPtr->table[fd].mask != 0) {
	    filesPtr->table[fd].doubtful = 1;
	    NoteChange(filesPtr, fd);
	}
    }
}

static uint32_t
EventsOf(int mask)
{
    return ((mask & TCL_READABLE) ? EPOLLIN : 0)
	    | ((mask & TCL_WRITABLE) ? EPOLLOUT : 0)
	    | ((mask & TCL_EXCEPTION) ? EPOLLPRI : 0);
}

/*
 * An error or hang-up comes unasked: whatever the handler waits for, it is
 * told, or the thread would never sleep again.
 */
int
SsFilesReady(SsFiles *filesPtr, uint64_t data, uint32_t events)
{
    int fd = (int) (data & 0x7fffffff);
    SsFile *filePtr = &filesPtr->table[fd];
    int ready = 0;

    if (filePtr->events == 0
	    || (filePtr->generation & 0x7fffffff) != data >> 32) {
	return 0;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
	ready |= TCL_READABLE;
    }
    if (events & (EPOLLOUT | EPOLLERR)) {
	ready |= TCL_WRITABLE;
    }
    if (events & EPOLLPRI) {
	ready |= TCL_EXCEPTION;
    }
    ready &= filePtr->mask;
    QueueFile(filesPtr, fd, (ready != 0) ? ready : filePtr->mask);
    return 1;
}

void
SsFilesAlwaysReady(SsFiles *filesPtr)
{
    int i, fd;

    for (i = 0; i < filesPtr->numAlways; i++) {
	fd = filesPtr->always[i];
	QueueFile(filesPtr, fd, filesPtr->table[fd].mask
		& (TCL_READABLE | TCL_WRITABLE));
    }
}

void
SsFilesPoll(SsFiles *filesPtr)
{
    SsFile *filePtr;
    int fd;

    for (fd = 0; fd < filesPtr->size; fd++) {
	struct pollfd look = { .fd = fd };

	filePtr = &filesPtr->table[fd];
	look.events = (short) EventsOf(filePtr->mask);
	if (look.events != 0 && poll(&look, 1, 0) == 1
		&& !(look.revents & POLLNVAL)) {
	    QueueFile(filesPtr, fd, filePtr->mask);
	}
    }
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
    if (mask != 0 && filePtr->proc != NULL) {
	filePtr->proc(filePtr->clientData, mask);
    }
    return 1;
}

void
SsFilesFree(SsFiles *filesPtr)
{
    free(filesPtr->table);
    free(filesPtr->changed);
    free(filesPtr->always);
    memset(filesPtr, 0, sizeof(SsFiles));
}
