#include "room.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

#define MOST_BELOW 16

#define OF_THREAD static __thread \
	__attribute__((tls_model("initial-exec")))

OF_THREAD int seen = -1;	/* The lowest free descriptor... */
OF_THREAD int64_t seenAt = 0;	/* ...and when. */

static int	CheckRoom(int queueFd, int bound);
static int	Limit(void);
static int	Try(int queueFd);

SsReceiveStatus
SsRoomReceive(int queueFd, int bound, SsArrival *arrivalPtr)
{
    int error = CheckRoom(queueFd, bound);

    if (error == 0) {
	return SsQueueReceive(queueFd, arrivalPtr);
    }
    if (SsQueueAtEnd(queueFd)) {
	return SS_RECEIVE_END;
    }
    errno = error;
    return SS_RECEIVE_FAILED;
}

/*
 * Only near the limit a descriptor is opened to see whether there is one: as
 * long as the process, had it opened one each microsecond since this was last
 * done, would not have reached it.
 */
static int
CheckRoom(int queueFd, int bound)
{
    int64_t now = SsMilliseconds();
    int limit = Limit();
    int fd;

    if (bound > 0 && limit > bound) {
	limit = bound;
    }
    if (seen >= 0 && (now - seenAt + 1) * 1000 < (int64_t) limit - seen) {
	return 0;
    }
    fd = Try(queueFd);
    if (fd < 0) {
	seen = -1;
	return errno;
    }
    close(fd);
    seen = fd;
    seenAt = now;
    return (fd >= limit) ? ERANGE : 0;
}

static int
Limit(void)
{
    struct rlimit limit;

    return (getrlimit(RLIMIT_NOFILE, &limit) < 0
	    || limit.rlim_cur > INT_MAX) ? INT_MAX : (int) limit.rlim_cur;
}

/*
 * The lowest free descriptor above stdio, or -1 with errno: EINVAL would say
 * that the limit is 3 or less.
 */
static int
Try(int queueFd)
{
    int fd = fcntl(queueFd, F_DUPFD_CLOEXEC, 3);

    if (fd < 0 && errno == EINVAL) {
	errno = EMFILE;
    }
    return fd;
}

int
SsRoomBelow(
    int count,			/* At most MOST_BELOW. */
    int queueFd,		/* Any open descriptor, to duplicate. */
    int bound)			/* 0: no bound. */
{
    int fds[MOST_BELOW];
    int taken, below = 1;

    if (bound == 0) {
	return 1;
    }
    for (taken = 0; taken < count && below; taken++) {
	fds[taken] = Try(queueFd);
	if (fds[taken] < 0) {
	    break;
	}
	below = (fds[taken] < bound);
    }
    while (taken > 0) {
	close(fds[--taken]);
    }
    return below;
}
