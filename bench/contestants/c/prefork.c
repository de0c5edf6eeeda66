/*
 * prefork.c --
 *
 *	The physical limit without handing over: forked workers that wait in a
 *	blocking accept on the inherited listening socket.
 *	prefork line|lines WORKERS
 */

#include <unistd.h>

#include "common.h"

int
main(
    int argc,
    char **argv)
{
    int workers, port, listenFd;
    Job job;

    readArguments(argc, argv, &job, &workers);
    listenFd = listenLoopback(&port);
    if (forkWorkers(workers)) {
	struct sockaddr_in peer;

	for (;;) {
	    serve(acceptNext(listenFd, &peer), job);
	}
    }
    close(listenFd);
    announce(port);
    for (;;) {
	pause();
    }
}
