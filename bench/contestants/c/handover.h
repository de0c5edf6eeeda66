/*
 * handover.h --
 *
 *	A connection as a message: its descriptor and its peer's address.
 */

#ifndef BENCH_HANDOVER_H
#define BENCH_HANDOVER_H

#include <netinet/in.h>

extern int	handoverOpen(int fds[2]);
extern int	handoverSend(int queueFd, int fd,
			const struct sockaddr_in *peerPtr);
extern int	handoverReceive(int queueFd, int flags,
			struct sockaddr_in *peerPtr);

#endif /* BENCH_HANDOVER_H */
