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
#include <stdarg.h>
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

int
SsStartFailed(SsStarted *startedPtr, int posix, const char *format, ...)
{
    va_list args;

    startedPtr->posix = posix;
    va_start(args, format);
    vsnprintf(startedPtr->message, sizeof(startedPtr->message), format, args);
    va_end(args);
    return -1;
}

static int
Failed(SsStarted *startedPtr, int error, const char *what)
{
    return SsStartFailed(startedPtr, error,
	    "a forked process needs a copy of %.100s to listen: %s: %s", path,
	    what, strerror(error));
}

static int
CheckSpace(SsStarted *startedPtr)
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
	return SsStartFailed(startedPtr, errno,
		"a forked process that serves needs another %zu MB of address"
		" space: raise the limit (ulimit -v), or serve before the"
		" fork", size >> 20);
    }
    munmap(room, size);
    return 0;
}

/*
 * Opens the file that this library was loaded from, if it still is that; the
 * caller's.
 */

static int
OpenLibrary(SsStarted *startedPtr)
{
    struct stat now;
    int fd;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
	return Failed(startedPtr, errno, "can't open it");
    }
    if (fstat(fd, &now) < 0 || now.st_dev != identity.st_dev
	    || now.st_ino != identity.st_ino
	    || now.st_size != identity.st_size
	    || now.st_mtime != identity.st_mtime) {
	close(fd);
	return Failed(startedPtr, ESTALE,
		"it was replaced; start the program anew");
    }
    return fd;
}

/*
 * Makes a memory file, the caller's, with a descriptor that no other was loaded
 * through.  The linker takes a name that it knows for the library that it
 * loaded under this name, whatever file has it now: a child that serves would
 * get the dead Go runtime of a parent that was such a child itself.
 */

static int
MemoryFile(SsStarted *startedPtr)
{
    int fd = memfd_create("socketserver", MFD_CLOEXEC), renumbered;

    if (fd < 0) {
	return Failed(startedPtr, errno, "can't make a memory file");
    }
    renumbered = fcntl(fd, F_DUPFD_CLOEXEC, lastFd + 1);
    if (renumbered < 0) {
	Failed(startedPtr, errno, "no descriptor is free for it");
    }
    close(fd);
    return renumbered;
}

static int
CopyTo(int memoryFd, SsStarted *startedPtr)
{
    int fd = OpenLibrary(startedPtr);
    off_t done = 0;
    ssize_t sent = 1;

    if (fd < 0) {
	return -1;
    }
    while (done < identity.st_size && sent > 0) {
	sent = sendfile(memoryFd, fd, &done, identity.st_size - done);
    }
    if (done < identity.st_size) {
	Failed(startedPtr, (sent == 0) ? EIO : errno, "can't copy it");
    }
    close(fd);
    return (done < identity.st_size) ? -1 : 0;
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
SsCopyLoad(SsStarted *startedPtr)
{
    char name[32];
    void *library = NULL;
    int fd = (CheckSpace(startedPtr) < 0) ? -1 : MemoryFile(startedPtr);

    if (fd < 0) {
	return NULL;
    }
    if (CopyTo(fd, startedPtr) == 0) {
	lastFd = fd;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
	    SsStartFailed(startedPtr, 0, "a forked process can't load its"
		    " copy of %.100s: %.100s", path, dlerror());
	}
    }
    close(fd);
    return library;
}
