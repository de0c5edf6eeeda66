/*
 * common.h --
 *
 *	What the plain C contestants share.
 */

#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <netinet/in.h>

typedef enum Job {
    JOB_LINE,			/* Answer one line, close. */
    JOB_LINES			/* Answer lines until the client has no more,
				 * close. */
} Job;

extern void	die(const char *what);
extern void	readArguments(int argc, char **argv, Job *jobPtr,
			int *workersPtr);
extern int	listenLoopback(int *portPtr);
extern int	acceptNext(int listenFd, struct sockaddr_in *peerPtr);
extern int	forkWorkers(int workers);
extern void	announce(int port);
extern void	serve(int fd, Job job);

#endif /* BENCH_COMMON_H */
