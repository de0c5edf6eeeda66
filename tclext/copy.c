/*
 * copy.c --
 *
 *	Loading a fresh copy of this library.  The linker takes a file that it
 *	has loaded already for the same library; a copy in memory
 *	(memfd_create) is another file.
 */

#include "copy.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[PATH_MAX];	/* Where this library was loaded from... */
static struct stat identity;	/* ...and which file that was. */
static int lastFd = 2;		/* No copy that this process has, from those
				 * that it was forked from too, was loaded
				 * through a descriptor above. */

/*
 * What a start of Go takes of address space at most, as library/load.tcl has
 * it; or it aborts the process.
 */

#define GO_SPACE ((size_t) 1792000 << 10)
#define GO_THREADS 8

/* Fills an error from errno; returns -1. */

static int
Failed(SsGoError *errorPtr, const char *what)
{
    errorPtr->posix = errno;
    snprintf(errorPtr->message, SS_ERROR_SIZE,
	    "a forked process needs a copy of %.100s to listen: %s: %s", path,
	    what, strerror(errno));
    return -1;
}

static int
CheckSpace(SsGoError *errorPtr)
{
    pthread_attr_t attributes;
    size_t size = 0;
    void *room;

    pthread_attr_init(&attributes);
    pthread_attr_getstacksize(&attributes, &size);
    pthread_attr_destroy(&attributes);
    size = GO_SPACE + GO_THREADS * size;
    room = mmap(NULL, size, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
	errorPtr->posix = errno;
	snprintf(errorPtr->message, SS_ERROR_SIZE,
		"a forked process that serves needs another %zu MB of address"
		" space: raise the limit (ulimit -v), or serve before the"
		" fork", size >> 20);
	return -1;
    }
    munmap(room, size);
    return 0;
}

/*
 * Opens the file that this library was loaded from, if it still is that; the
 * caller's, as is the copy of it.
 */

static int
OpenLibrary(SsGoError *errorPtr)
{
    struct stat now;
    int fd;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
	return Failed(errorPtr, "can't open it");
    }
    if (fstat(fd, &now) < 0 || now.st_dev != identity.st_dev
	    || now.st_ino != identity.st_ino
	    || now.st_size != identity.st_size
	    || now.st_mtime != identity.st_mtime) {
	close(fd);
	errno = ESTALE;
	return Failed(errorPtr, "it was replaced; start the program anew");
    }
    return fd;
}

static int
CopyToMemory(
    int fd,			/* The library's file. */
    SsGoError *errorPtr)
{
    off_t done = 0;
    ssize_t sent = 1;
    int memoryFd;

    memoryFd = memfd_create("socketserver", MFD_CLOEXEC);
    if (memoryFd < 0) {
	return Failed(errorPtr, "can't make a memory file");
    }
    while (done < identity.st_size && sent > 0) {
	sent = sendfile(memoryFd, fd, &done, identity.st_size - done);
    }
    if (done < identity.st_size) {
	if (sent == 0) {
	    errno = EIO;
	}
	Failed(errorPtr, "can't copy it");
	close(memoryFd);
	return -1;
    }
    return memoryFd;
}

/*
 * Gives a copy a descriptor that no other was loaded through; owns the one
 * that it is given.  The linker takes a name that it knows for the library
 * that it loaded under this name, whatever file has it now: a child that
 * serves would get the dead Go runtime of a parent that was such a child
 * itself.
 */

static int
Renumber(
    int fd,			/* Of the copy; owned by the caller so far. */
    SsGoError *errorPtr)
{
    int renumbered = fcntl(fd, F_DUPFD_CLOEXEC, lastFd + 1);

    if (renumbered < 0) {
	Failed(errorPtr, "no descriptor is free for it");
    } else {
	lastFd = renumbered;
    }
    close(fd);
    return renumbered;
}

int
SsCopyInit(void)
{
    Dl_info info;

    if (dladdr(path, &info) == 0) {
	return ENOENT;
    }
    if (realpath(info.dli_fname, path) == NULL || stat(path, &identity) < 0) {
	return errno;
    }
    return 0;
}

void *
SsCopyLoad(SsGoError *errorPtr)
{
    char name[32];
    void *library;
    int fd, memoryFd;

    fd = (CheckSpace(errorPtr) < 0) ? -1 : OpenLibrary(errorPtr);
    if (fd < 0) {
	return NULL;
    }
    memoryFd = CopyToMemory(fd, errorPtr);
    close(fd);
    if (memoryFd >= 0) {
	memoryFd = Renumber(memoryFd, errorPtr);
    }
    if (memoryFd < 0) {
	return NULL;
    }
    snprintf(name, sizeof(name), "/proc/self/fd/%d", memoryFd);
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    close(memoryFd);
    if (library == NULL) {
	errorPtr->posix = 0;
	snprintf(errorPtr->message, SS_ERROR_SIZE,
		"a forked process can't load its copy of %.100s: %.100s", path,
		dlerror());
    }
    return library;
}
