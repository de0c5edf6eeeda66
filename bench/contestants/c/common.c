/*
 * common.c --
 *
 *	What the plain C contestants share: listening, forking, and the job
 *	itself.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

/*
 *----------------------------------------------------------------------
 *
 * die --
 *
 *	Ends a contestant that can't go on.
 *
 * Results:
 *	None; does not return.
 *
 * Side effects:
 *	Writes what failed to stderr and ends the process.
 *
 *----------------------------------------------------------------------
 */

void
die(
    const char *what)		/* The call that failed; errno says why. */
{
    perror(what);
    exit(1);
}

/*
 *----------------------------------------------------------------------
 *
 * readArguments --
 *
 *	Takes job and number of workers from the command line.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Ends the process when they aren't there. Ignores SIGPIPE, which a
 *	client that has gone would raise.
 *
 *----------------------------------------------------------------------
 */

void
readArguments(
    int argc,
    char **argv,
    Job *jobPtr,		/* Out: what to do with a connection. */
    int *workersPtr)		/* Out: how many workers to fork. */
{
    if (argc != 3 || (*workersPtr = atoi(argv[2])) < 1) {
	fprintf(stderr, "usage: %s line|lines workers\n", argv[0]);
	exit(2);
    }
    *jobPtr = strcmp(argv[1], "lines") == 0 ? JOB_LINES : JOB_LINE;
    signal(SIGPIPE, SIG_IGN);
}

/*
 *----------------------------------------------------------------------
 *
 * listenLoopback --
 *
 *	Listens on a free port of 127.0.0.1.
 *
 * Results:
 *	The listening descriptor, close-on-exec; *portPtr gets the port.
 *
 * Side effects:
 *	Ends the process on failure.
 *
 *----------------------------------------------------------------------
 */

int
listenLoopback(
    int *portPtr)		/* Out: the port that the system chose. */
{
    struct sockaddr_in addr = { .sin_family = AF_INET };
    socklen_t size = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
	die("socket");
    }
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *) &addr, sizeof(addr)) < 0) {
	die("bind");
    }
    if (listen(fd, SOMAXCONN) < 0) {
	die("listen");
    }
    if (getsockname(fd, (struct sockaddr *) &addr, &size) < 0) {
	die("getsockname");
    }
    *portPtr = ntohs(addr.sin_port);
    return fd;
}

/*
 *----------------------------------------------------------------------
 *
 * acceptNext --
 *
 *	Waits for the next connection.
 *
 * Results:
 *	Its descriptor, close-on-exec, which the caller owns.
 *
 * Side effects:
 *	Ends the process on an error that waiting doesn't mend.
 *
 *----------------------------------------------------------------------
 */

int
acceptNext(
    int listenFd,		/* The listening socket. */
    struct sockaddr_in *peerPtr)/* Out: where it comes from. */
{
    for (;;) {
	socklen_t size = sizeof(*peerPtr);
	int fd = accept4(listenFd, (struct sockaddr *) peerPtr, &size,
		SOCK_CLOEXEC);

	if (fd >= 0) {
	    return fd;
	}
	if (errno != EINTR && errno != ECONNABORTED) {
	    die("accept4");
	}
    }
}

/*
 *----------------------------------------------------------------------
 *
 * forkWorkers --
 *
 *	Forks the workers.
 *
 * Results:
 *	1 in a worker, 0 in the process that forked them.
 *
 * Side effects:
 *	Ends the process on failure.
 *
 *----------------------------------------------------------------------
 */

int
forkWorkers(
    int workers)		/* How many. */
{
    for (int i = 0; i < workers; i++) {
	pid_t pid = fork();

	if (pid < 0) {
	    die("fork");
	}
	if (pid == 0) {
	    return 1;
	}
    }
    return 0;
}

/*
 *----------------------------------------------------------------------
 *
 * announce --
 *
 *	Tells the runner which port listens.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Writes to stdout. Comes after the last fork.
 *
 *----------------------------------------------------------------------
 */

void
announce(
    int port)
{
    printf("port %d\n", port);
    fflush(stdout);
}

/*
 *----------------------------------------------------------------------
 *
 * WriteAll --
 *
 *	Writes a reply.
 *
 * Results:
 *	0, or -1 when the client has gone.
 *
 * Side effects:
 *	None besides.
 *
 *----------------------------------------------------------------------
 */

static int
WriteAll(
    int fd,
    const char *bytes,
    size_t length)
{
    while (length > 0) {
	ssize_t n = write(fd, bytes, length);

	if (n < 0 && errno == EINTR) {
	    continue;
	}
	if (n <= 0) {
	    return -1;
	}
	bytes += n;
	length -= (size_t) n;
    }
    return 0;
}

/*
 *----------------------------------------------------------------------
 *
 * serve --
 *
 *	Does the job: reads a line, answers it with the pid before it. A line
 *	that comes in pieces is put together; a line of more than 4000
 *	characters ends the connection.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Closes the connection, of which it is the owner.
 *
 *----------------------------------------------------------------------
 */

void
serve(
    int fd,			/* The connection. */
    Job job)			/* Whether it ends after one line. */
{
    char line[4001], reply[4100], *end;
    size_t used = 0;

    while (used < sizeof(line) - 1) {
	ssize_t n = read(fd, line + used, sizeof(line) - 1 - used);

	if (n < 0 && errno == EINTR) {
	    continue;
	}
	if (n <= 0) {
	    break;
	}
	used += (size_t) n;
	while ((end = memchr(line, '\n', used)) != NULL) {
	    size_t length = (size_t) (end - line) + 1;
	    int size = snprintf(reply, sizeof(reply), "%d %.*s",
		    (int) getpid(), (int) length, line);

	    if (WriteAll(fd, reply, (size_t) size) < 0 || job == JOB_LINE) {
		close(fd);
		return;
	    }
	    used -= length;
	    memmove(line, end + 1, used);
	}
    }
    close(fd);
}
