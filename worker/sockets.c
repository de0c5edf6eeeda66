#include "sockets.h"
#include "clock.h"
#include "datagram.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is too short, or may become so, would end the process that reads. */
static int
MapTally(SsSockets *socketsPtr, int fd)
{
    const int needed = F_SEAL_SHRINK;
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat status;
    void *memory;

    if (fstat(fd, &status) < 0) {
	return -1;
    }
    if (seals < 0 || (seals & needed) != needed
	    || status.st_size < (off_t) SS_TALLY_SIZE) {
	errno = EINVAL;
	return -1;
    }
    memory = mmap(NULL, SS_TALLY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
    if (memory == MAP_FAILED) {
	return -1;
    }
    socketsPtr->tallyPtr = (SsTally *) memory;
    return 0;
}

SsSockets *
SsSocketsMake(int gateFd, int tallyFd, int count, const SsSocket *all)
{
    SsSockets *socketsPtr = (SsSockets *) calloc(1,
	    sizeof(SsSockets) + (size_t) count * sizeof(SsSocket));
    int fd, error = 0;

    if (socketsPtr == NULL) {
	return NULL;
    }
    socketsPtr->gateFd = socketsPtr->tallyFd = -1;
    if (MapTally(socketsPtr, tallyFd) < 0) {
	error = errno;
    }
    while (error == 0 && socketsPtr->count < count) {
	fd = fcntl(all[socketsPtr->count].fd, F_DUPFD_CLOEXEC, 3);
	error = (fd < 0) ? errno : 0;
	if (error == 0) {
	    socketsPtr->all[socketsPtr->count] = all[socketsPtr->count];
	    socketsPtr->all[socketsPtr->count++].fd = fd;
	}
    }
    if (error != 0) {
	SsSocketsClose(socketsPtr);
	free(socketsPtr);
	errno = error;
	return NULL;
    }
    socketsPtr->gateFd = gateFd;
    socketsPtr->tallyFd = tallyFd;
    return socketsPtr;
}

SsSockets *
SsSocketsCopy(const SsSockets *socketsPtr, int gateFd)
{
    int tallyFd = fcntl(socketsPtr->tallyFd, F_DUPFD_CLOEXEC, 3);
    SsSockets *copyPtr = (tallyFd < 0) ? NULL
	    : SsSocketsMake(gateFd, tallyFd, socketsPtr->count,
	    socketsPtr->all);
    int error = errno;

    if (copyPtr == NULL && tallyFd >= 0) {
	close(tallyFd);
    }
    errno = error;
    return copyPtr;
}

void
SsSocketsClose(SsSockets *socketsPtr)
{
    while (socketsPtr->count > 0) {
	close(socketsPtr->all[--socketsPtr->count].fd);
    }
    if (socketsPtr->gateFd >= 0) {
	close(socketsPtr->gateFd);
    }
    if (socketsPtr->tallyFd >= 0) {
	close(socketsPtr->tallyFd);
    }
    if (socketsPtr->tallyPtr != NULL) {
	munmap(socketsPtr->tallyPtr, SS_TALLY_SIZE);
    }
    socketsPtr->gateFd = socketsPtr->tallyFd = -1;
    socketsPtr->tallyPtr = NULL;
}

/* One that somebody has shut down is readable, and has nothing. */
static int
IsReadable(int fd)
{
    struct pollfd look = { .fd = fd, .events = POLLIN | POLLRDHUP };

    return poll(&look, 1, 0) == 1
	    && (look.revents & (POLLIN | POLLRDHUP)) == POLLIN;
}

int
SsSocketsLook(SsSockets *socketsPtr)
{
    if (socketsPtr == NULL) {
	return 0;
    }
    if (!socketsPtr->isOpen && IsReadable(socketsPtr->gateFd)) {
	socketsPtr->isOpen = 1;
    }
    return socketsPtr->isOpen;
}

SsReceiveStatus
SsSocketsReceive(SsSockets *socketsPtr, SsArrival *arrivalPtr)
{
    SsReceiveStatus status = SS_RECEIVE_EMPTY;
    const SsSocket *socketPtr;
    int i, next;

    if (!SsSocketsLook(socketsPtr)) {
	return SS_RECEIVE_EMPTY;
    }
    for (i = 0; i < socketsPtr->count && status == SS_RECEIVE_EMPTY; i++) {
	next = socketsPtr->next;
	socketPtr = &socketsPtr->all[next];
	socketsPtr->next = (next + 1) % socketsPtr->count;
	status = SsDatagramReceive(socketPtr->fd, arrivalPtr);
	if (status == SS_RECEIVE_GOT) {
	    arrivalPtr->head.listener = (uint16_t) socketPtr->listener;
	    arrivalPtr->head.accepted = SsNanoseconds();
	    arrivalPtr->head.ready = arrivalPtr->head.accepted;
	}
    }
    return status;
}

int
SsSocketsWaiting(SsSockets *socketsPtr)
{
    int i, waiting = 0;

    if (SsSocketsLook(socketsPtr)) {
	for (i = 0; i < socketsPtr->count && !waiting; i++) {
	    waiting = IsReadable(socketsPtr->all[i].fd);
	}
    }
    return waiting;
}

/* The server has them filtered: nothing comes any more. */
static int
IsFiltered(int fd)
{
    socklen_t length = 0;

    return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &length) == 0
	    && length > 0;
}

int
SsSocketsLeft(SsSockets *socketsPtr)
{
    int i, left = 0;

    if (SsSocketsLook(socketsPtr)) {
	for (i = 0; i < socketsPtr->count && !left; i++) {
	    left = IsReadable(socketsPtr->all[i].fd)
		    && IsFiltered(socketsPtr->all[i].fd);
	}
    }
    return left;
}

int
SsSocketsHas(const SsSockets *socketsPtr, int fd)
{
    int i, has = 0;

    for (i = 0; socketsPtr != NULL && i < socketsPtr->count; i++) {
	has |= (socketsPtr->all[i].fd == fd);
    }
    return has;
}

void
SsSocketsCount(SsSockets *socketsPtr, int listener, int received, int answered)
{
    SsTally *tallyPtr;

    if (socketsPtr != NULL && socketsPtr->tallyPtr != NULL) {
	tallyPtr = &socketsPtr->tallyPtr[listener];
	atomic_fetch_add_explicit(&tallyPtr->received, (uint64_t) received,
		memory_order_relaxed);
	atomic_fetch_add_explicit(&tallyPtr->answered, (uint64_t) answered,
		memory_order_relaxed);
    }
}
