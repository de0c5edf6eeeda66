#include "limit.h"
#include "fork.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#define MOST_TRIED 65536	/* Descriptors, where no list of them is. */

static struct rlimit beforeGo;	/* The limits; 0: nothing to put back. */

static rlim_t original;		/* The limit before it was raised... */
static rlim_t raised = 0;	/* ...and since; 0: it wasn't.  Both guarded
				 * by the fork lock. */

static int bound = FD_SETSIZE;	/* Of descriptors; 0: none. */

void
SsLimitSave(void)
{
    getrlimit(RLIMIT_NOFILE, &beforeGo);
}

void
SsLimitPutBack(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max == beforeGo.rlim_max
	    && limit.rlim_cur > beforeGo.rlim_cur) {
	setrlimit(RLIMIT_NOFILE, &beforeGo);
    }
    beforeGo.rlim_max = 0;
}

/* INT_MAX stands for more. */
static int
Number(rlim_t limit)
{
    return (limit > INT_MAX) ? INT_MAX : (int) limit;
}

int
SsLimitRaise(int wanted)
{
    struct rlimit limit;
    rlim_t before;
    int code = 0;

    SsForkLock();
    getrlimit(RLIMIT_NOFILE, &limit);
    before = limit.rlim_cur;
    if (before < (rlim_t) wanted && before < limit.rlim_max) {
	limit.rlim_cur = (limit.rlim_max < (rlim_t) wanted) ? limit.rlim_max
		: (rlim_t) wanted;
	code = setrlimit(RLIMIT_NOFILE, &limit);
	if (code == 0) {
	    original = (before == raised) ? original : before;
	    raised = limit.rlim_cur;
	}
    }
    SsForkUnlock();
    return (code != 0) ? -1 : Number(limit.rlim_cur);
}

int
SsAboveStdio(int fd)
{
    int moved, error;

    if (fd < 0 || fd >= 3) {
	return fd;
    }
    moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    error = errno;
    close(fd);
    errno = error;
    return moved;
}

/* Where no descriptor is left, or no /proc, it tries them. */
static int
CountOpen(int limit)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    int fd, count = 0;

    if (directory == NULL) {
	for (fd = 0; fd < limit && fd < MOST_TRIED; fd++) {
	    count += (fcntl(fd, F_GETFD) >= 0);
	}
	return count;
    }
    while ((entry = readdir(directory)) != NULL) {
	count += (entry->d_name[0] != '.');
    }
    closedir(directory);
    return count - 1;		/* That of the directory. */
}

void
SsLimitGet(int *limitPtr, int *openPtr)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    *limitPtr = Number(limit.rlim_cur);
    *openPtr = CountOpen(*limitPtr);
}

void
SsLimitForget(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (raised != 0 && limit.rlim_cur == raised) {
	limit.rlim_cur = original;
	setrlimit(RLIMIT_NOFILE, &limit);
    }
    raised = 0;
}

int
SsDescriptorBound(void)
{
    return bound;
}

int
SsForEventLoop(int fd)
{
    fd = SsAboveStdio(fd);
    if (bound > 0 && fd >= bound) {
	close(fd);
	errno = ERANGE;
	return -1;
    }
    return fd;
}

void
SsDescriptorsUnbound(void)
{
    bound = 0;
}
