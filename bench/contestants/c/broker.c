/*
 * broker.c --
 *
 *	The physical limit of handing over: one process accepts and sends,
 *	workers wait in a blocking receive, read, write and close. No Tcl, no
 *	Go. broker line|lines WORKERS
 */

#include <errno.h>
#include <unistd.h>

#include "common.h"
#include "handover.h"

/*
 *----------------------------------------------------------------------
 *
 * Work --
 *
 *	A worker: one connection after the other.
 *
 * Results:
 *	None; does not return.
 *
 * Side effects:
 *	Ends the process when the queue has ended.
 *
 *----------------------------------------------------------------------
 */

static void
Work(
    int queueFd,		/* The queue's receive end. */
    Job job)
{
    struct sockaddr_in peer;

    for (;;) {
	int fd = handoverReceive(queueFd, 0, &peer);

	if (fd >= 0) {
	    serve(fd, job);
	} else if (errno == EPIPE) {
	    _exit(0);
	} else {
	    die("recvmsg");
	}
    }
}

/*
 *----------------------------------------------------------------------
 *
 * Broke --
 *
 *	The broker: accepts, hands over.
 *
 * Results:
 *	None; does not return.
 *
 * Side effects:
 *	Ends the process on failure.
 *
 *----------------------------------------------------------------------
 */

static void
Broke(
    int listenFd,		/* The listening socket. */
    int queueFd)		/* The queue's send end. */
{
    struct sockaddr_in peer;

    for (;;) {
	int fd = acceptNext(listenFd, &peer);

	if (handoverSend(queueFd, fd, &peer) < 0) {
	    die("sendmsg");
	}
    }
}

int
main(
    int argc,
    char **argv)
{
    int workers, port, listenFd, queue[2];
    Job job;

    readArguments(argc, argv, &job, &workers);
    listenFd = listenLoopback(&port);
    if (handoverOpen(queue) < 0) {
	die("socketpair");
    }
    if (forkWorkers(workers)) {
	close(listenFd);
	close(queue[1]);
	Work(queue[0], job);
    }
    close(queue[0]);
    announce(port);
    Broke(listenFd, queue[1]);
}
