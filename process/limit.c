#include "limit.h"
#include "fork.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>
#include <sys/select.h>

#define MOST_TRIED 65536	/* Descriptors, where no list of them is. */

static struct rlimit beforeGo;	/* rlim_max is 0: nothing to put back. */

static rlim_t original;		/* The limit before it was raised... */
static rlim_t raised = 0;	/* ...and since; 0: it wasn't.  Both guarded
				 * by the fork lock. */

static int bound = FD_SETSIZE;	/* Of descriptors; 0: none. */

void
SsLimitSave(void)
{
    if (getrlimit(RLIMIT_NOFILE, &beforeGo) != 0) {
	beforeGo.rlim_max = 0;
    }
}

void
SsLimitPutBack(void)
{
    struct rlimit limit;

    if (beforeGo.rlim_max != 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0
	    && limit.rlim_max == beforeGo.rlim_max
	    && limit.rlim_cur > beforeGo.rlim_cur) {
	setrlimit(RLIMIT_NOFILE, &beforeGo);
    }
    beforeGo.rlim_max = 0;
}

int
SsLimitRaise(int wanted)
{
    struct rlimit limit;
    rlim_t before;
    int code;

    SsForkLock();
    code = getrlimit(RLIMIT_NOFILE, &limit);
    before = limit.rlim_cur;
    if (code == 0 && before < (rlim_t) wanted) {
	limit.rlim_cur = (limit.rlim_max < (rlim_t) wanted) ? limit.rlim_max
		: (rlim_t) wanted;
	code = setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (code == 0 && limit.rlim_cur > before) {
	if (before != raised) {
	    original = before;
	}
	raised = limit.rlim_cur;
    }
    SsForkUnlock();
    return (code != 0) ? -1
	    : (limit.rlim_cur > INT_MAX) ? INT_MAX : (int) limit.rlim_cur;
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

int
SsLimitGet(
    int *limitPtr,		/* Set; INT_MAX stands for more. */
    int *openPtr)		/* Set. */
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
	return errno;
    }
    *limitPtr = (limit.rlim_cur > INT_MAX) ? INT_MAX : (int) limit.rlim_cur;
    *openPtr = CountOpen(*limitPtr);
    return 0;
}

void
SsLimitForget(void)
{
    struct rlimit limit;

    if (raised != 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0
	    && limit.rlim_cur == raised) {
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
