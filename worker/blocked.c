#include "blocked.h"
#include "limit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* What the first argument of a call is. */

typedef enum Kind { NOTHING, DESCRIPTOR, CHILD, NAP, EPOLL } Kind;

typedef struct Call {
    long number;
    const char *name;
    Kind kind;
} Call;

/* Not each machine has them all. */

static const Call calls[] = {
    { SYS_read, "read", DESCRIPTOR },
    { SYS_readv, "readv", DESCRIPTOR },
    { SYS_pread64, "pread64", DESCRIPTOR },
    { SYS_write, "write", DESCRIPTOR },
    { SYS_writev, "writev", DESCRIPTOR },
    { SYS_pwrite64, "pwrite64", DESCRIPTOR },
    { SYS_recvfrom, "recvfrom", DESCRIPTOR },
    { SYS_recvmsg, "recvmsg", DESCRIPTOR },
    { SYS_sendto, "sendto", DESCRIPTOR },
    { SYS_sendmsg, "sendmsg", DESCRIPTOR },
    { SYS_sendfile, "sendfile", DESCRIPTOR },
    { SYS_splice, "splice", DESCRIPTOR },
    { SYS_connect, "connect", DESCRIPTOR },
    { SYS_accept4, "accept4", DESCRIPTOR },
#ifdef SYS_accept
    { SYS_accept, "accept", DESCRIPTOR },
#endif
    { SYS_close, "close", DESCRIPTOR },
    { SYS_flock, "flock", DESCRIPTOR },
    { SYS_fcntl, "fcntl", DESCRIPTOR },
    { SYS_fsync, "fsync", DESCRIPTOR },
    { SYS_fdatasync, "fdatasync", DESCRIPTOR },
    { SYS_fallocate, "fallocate", DESCRIPTOR },
    { SYS_ioctl, "ioctl", DESCRIPTOR },
#ifdef SYS_open
    { SYS_open, "open", NOTHING },
#endif
    { SYS_openat, "openat", NOTHING },
    { SYS_wait4, "wait4", CHILD },
    { SYS_waitid, "waitid", NOTHING },
#ifdef SYS_pause
    { SYS_pause, "pause", NOTHING },
#endif
    { SYS_rt_sigsuspend, "sigsuspend", NOTHING },
    { SYS_rt_sigtimedwait, "sigtimedwait", NOTHING },
    { SYS_semop, "semop", NOTHING },
    { SYS_msgrcv, "msgrcv", NOTHING },
#ifdef SYS_select
    { SYS_select, "select", NAP },
#endif
    { SYS_pselect6, "pselect6", NAP },
#ifdef SYS_poll
    { SYS_poll, "poll", NAP },
#endif
    { SYS_ppoll, "ppoll", NAP },
#ifdef SYS_epoll_wait
    { SYS_epoll_wait, "epoll_wait", EPOLL },
#endif
    { SYS_epoll_pwait, "epoll_pwait", EPOLL },
    { SYS_nanosleep, "nanosleep", NAP },
    { SYS_clock_nanosleep, "clock_nanosleep", NAP },
    { SYS_futex, "futex", NAP },
};

int
SsBlockedOpen(pid_t thread)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int) thread);
    return SsAboveStdio(open(path, O_RDONLY | O_CLOEXEC));
}

/* Who is at the other end of a Unix socket: its path, or its process. */
static void
DescribeUnix(const struct sockaddr_un *peerPtr, socklen_t length, int fd,
    char *text, size_t size)
{
    struct ucred peer;
    socklen_t peerSize = sizeof(peer);
    int named = (int) length - (int) offsetof(struct sockaddr_un, sun_path);

    if (named > 0 && peerPtr->sun_path[0] != '\0') {
	snprintf(text, size, "connected to unix:%.*s", named,
		peerPtr->sun_path);
    } else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peerSize) == 0
	    && peer.pid > 0) {
	snprintf(text, size, "a Unix socket to process %d", (int) peer.pid);
    } else {
	snprintf(text, size, "a Unix socket");
    }
}

static void
DescribeSocket(int fd, char *text, size_t size)
{
    union {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
    } peer;
    socklen_t length = sizeof(peer), listensSize;
    char address[INET6_ADDRSTRLEN] = "";
    int listens = 0;

    listensSize = sizeof(listens);
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listensSize);
    memset(&peer, 0, sizeof(peer));
    if (listens) {
	snprintf(text, size, "a socket that listens");
    } else if (getpeername(fd, &peer.any, &length) < 0) {
	snprintf(text, size, "a socket that is not connected");
    } else if (peer.any.sa_family == AF_INET) {
	inet_ntop(AF_INET, &peer.in.sin_addr, address, sizeof(address));
	snprintf(text, size, "connected to %s port %d", address,
		ntohs(peer.in.sin_port));
    } else if (peer.any.sa_family == AF_INET6) {
	inet_ntop(AF_INET6, &peer.in6.sin6_addr, address, sizeof(address));
	snprintf(text, size, "connected to %s port %d",
		(strncmp(address, "::ffff:", 7) == 0) ? address + 7 : address,
		ntohs(peer.in6.sin6_port));
    } else if (peer.any.sa_family == AF_UNIX) {
	DescribeUnix(&peer.un, length, fd, text, size);
    } else {
	snprintf(text, size, "a socket");
    }
}

static void
DescribeFile(int fd, char *text, size_t size)
{
    char link[32], path[512];
    ssize_t length;
    struct stat file;

    if (fstat(fd, &file) < 0) {
	snprintf(text, size, "which is not open");
    } else if (S_ISSOCK(file.st_mode)) {
	DescribeSocket(fd, text, size);
    } else {
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	path[(length > 0) ? length : 0] = '\0';
	if (S_ISFIFO(file.st_mode) && path[0] != '/') {
	    snprintf(text, size, "a pipe");
	} else {
	    snprintf(text, size, "%s", (length > 0) ? path : "a file");
	}
    }
}

/* A process of ours that is waited for, with its name in brackets. */
static void
DescribeChild(int pid, char *text, size_t size)
{
    char path[32], name[32];
    ssize_t length = -1;
    int fd;

    if (pid <= 0) {
	snprintf(text, size, "any child");
	return;
    }
    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
	length = read(fd, name, sizeof(name));
	close(fd);
    }
    if (length > 1) {
	snprintf(text, size, "process %d (%.*s)", pid, (int) length - 1,
		name);
    } else {
	snprintf(text, size, "process %d", pid);
    }
}

static void
Describe(const Call *callPtr, long argument, char *text, size_t size)
{
    char what[640];

    if (callPtr->kind == DESCRIPTOR) {
	DescribeFile((int) argument, what, sizeof(what));
	snprintf(text, size, "blocked in %s of descriptor %d, %s",
		callPtr->name, (int) argument, what);
    } else if (callPtr->kind == CHILD) {
	DescribeChild((int) argument, what, sizeof(what));
	snprintf(text, size, "blocked in %s of %s", callPtr->name, what);
    } else {
	snprintf(text, size, "blocked in %s", callPtr->name);
    }
}

/* The file says "running", or the call's number and its arguments. */
SsBlocked
SsBlockedLook(int fd, char *text, size_t size)
{
    const Call *callPtr = calls;
    const Call *lastPtr = calls + sizeof(calls) / sizeof(calls[0]);
    char bytes[256], *end;
    ssize_t length = pread(fd, bytes, sizeof(bytes) - 1, 0);
    long number, argument;

    if (length <= 0) {
	return SS_BLOCKED_UNKNOWN;
    }
    bytes[length] = '\0';
    number = strtol(bytes, &end, 10);
    if (end == bytes || number < 0) {
	return SS_BLOCKED_NOT;
    }
    argument = (long) strtoul(end, NULL, 16);
    while (callPtr < lastPtr && callPtr->number != number) {
	callPtr++;
    }
    if (callPtr == lastPtr) {
	snprintf(text, size, "blocked in system call %ld", number);
	return SS_BLOCKED_STUCK;
    }
    Describe(callPtr, argument, text, size);
    return (callPtr->kind == NAP) ? SS_BLOCKED_NAPS
	    : (callPtr->kind == EPOLL) ? SS_BLOCKED_WAITS : SS_BLOCKED_STUCK;
}
