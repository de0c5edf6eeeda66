#include "pollset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CHUNK 65536		/* Of what is read at a time. */
#define MOST_TRIES 10		/* To read one of those that come and go. */

/* Returns 0 or an errno. */
static int
Append(SsPollSet *setPtr, SsPollMember member)
{
    int room = 2 * setPtr->room + 16;
    SsPollMember *grown;

    if (setPtr->count == setPtr->room) {
	grown = realloc(setPtr->members, (size_t) room * sizeof(member));
	if (grown == NULL) {
	    return ENOMEM;
	}
	setPtr->members = grown;
	setPtr->room = room;
    }
    setPtr->members[setPtr->count++] = member;
    return 0;
}

/* The number after a label, which is moved behind it. */
static unsigned long long
Number(char **atPtr, const char *label, int base)
{
    char *found = strstr(*atPtr, label);

    return (found == NULL) ? 0
	    : strtoull(found + strlen(label), atPtr, base);
}

/* A line as ep_show_fdinfo writes it (Linux, fs/eventpoll.c). */
static int
ReadLine(SsPollSet *setPtr, char *line)
{
    SsPollMember member;

    if (strncmp(line, "tfd:", 4) != 0) {
	return 0;
    }
    member.fd = (int) Number(&line, "tfd:", 10);
    member.events = (uint32_t) Number(&line, "events:", 16);
    member.data = Number(&line, "data:", 16);
    return Append(setPtr, member);
}

/* Reads the whole lines of what is there, and moves the rest to its front. */
static int
ReadLines(SsPollSet *setPtr, char *text, size_t *lengthPtr)
{
    char *line = text, *end;
    int error = 0;

    text[*lengthPtr] = '\0';
    while (error == 0 && (end = strchr(line, '\n')) != NULL) {
	*end = '\0';
	error = ReadLine(setPtr, line);
	line = end + 1;
    }
    *lengthPtr = strlen(line);
    memmove(text, line, *lengthPtr);
    return error;
}

static int
OpenInfo(int fd)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static int
ReadAll(SsPollSet *setPtr, int infoFd, char *text)
{
    size_t length = 0;
    ssize_t got;
    int error = 0;

    while (error == 0) {
	got = read(infoFd, text + length, CHUNK - length);
	if (got <= 0) {
	    return (got < 0) ? errno : 0;
	}
	length += (size_t) got;
	error = ReadLines(setPtr, text, &length);
	if (length == CHUNK) {
	    return EOVERFLOW;
	}
    }
    return error;
}

int
SsPollSetRead(SsPollSet *setPtr, int pollFd)
{
    int error, infoFd = OpenInfo(pollFd);
    char *text;

    setPtr->count = 0;
    if (infoFd < 0) {
	return (errno == ENOENT || errno == ENOTDIR || errno == EACCES)
		? ENOSYS : errno;
    }
    text = malloc(CHUNK + 1);
    error = (text == NULL) ? ENOMEM : ReadAll(setPtr, infoFd, text);
    free(text);
    close(infoFd);
    return error;
}

void
SsPollSetFree(SsPollSet *setPtr)
{
    free(setPtr->members);
    *setPtr = (SsPollSet) { .members = NULL };
}

const SsPollMember *
SsPollSetFind(const SsPollSet *setPtr, int fd)
{
    int i;

    for (i = 0; i < setPtr->count; i++) {
	if (setPtr->members[i].fd == fd) {
	    return &setPtr->members[i];
	}
    }
    return NULL;
}

int
SsPollMemberAdd(const SsPollMember *memberPtr, int pollFd)
{
    struct epoll_event event = {
	.events = memberPtr->events, .data.u64 = memberPtr->data
    };

    return (epoll_ctl(pollFd, EPOLL_CTL_ADD, memberPtr->fd, &event) < 0)
	    ? errno : 0;
}

static int
IsEpoll(int directoryFd, const char *name)
{
    static const char wanted[] = "anon_inode:[eventpoll]";
    char link[sizeof(wanted)];

    return readlinkat(directoryFd, name, link, sizeof(link))
	    == (ssize_t) sizeof(wanted) - 1
	    && memcmp(link, wanted, sizeof(wanted) - 1) == 0;
}

/*
 * As SsPollSetRead, while other threads close theirs: such a one has nothing, or
 * is another by now.
 */
static int
ReadNamed(SsPollSet *setPtr, int directoryFd, const char *name)
{
    int tries, error = SsPollSetRead(setPtr, atoi(name));

    for (tries = 1; (error == ENOSYS || error == ENOENT)
	    && tries < MOST_TRIES; tries++) {
	error = IsEpoll(directoryFd, name)
		? SsPollSetRead(setPtr, atoi(name)) : 0;
    }
    return error;
}

int
SsPollFind(SsPollSet *setPtr, int memberFd)
{
    DIR *directory = opendir("/proc/thread-self/fd");
    struct dirent *entryPtr;
    int found = -1, error = (directory == NULL) ? errno : 0;
    int numRead = 0, numMembers = 0;

    while (directory != NULL && found < 0 && error == 0
	    && (entryPtr = readdir(directory)) != NULL) {
	if (IsEpoll(dirfd(directory), entryPtr->d_name)) {
	    error = ReadNamed(setPtr, dirfd(directory), entryPtr->d_name);
	    numRead++;
	    numMembers += setPtr->count;
	    if (error == 0 && SsPollSetFind(setPtr, memberFd) != NULL) {
		found = atoi(entryPtr->d_name);
	    }
	}
    }
    if (directory != NULL) {
	closedir(directory);
    }
    if (error == 0 && numRead > 0 && numMembers == 0) {
	error = ENOSYS;		/* So it is where /proc doesn't tell. */
    }
    errno = (error == ENOENT) ? ENOSYS : error;
    return found;
}

int64_t
SsEventCount(int fd)
{
    int infoFd = OpenInfo(fd);
    char text[512], *at = text;
    ssize_t length;

    if (infoFd < 0) {
	return -1;
    }
    length = read(infoFd, text, sizeof(text) - 1);
    close(infoFd);
    text[(length < 0) ? 0 : length] = '\0';
    return (strstr(text, "eventfd-count:") == NULL) ? -1
	    : (int64_t) Number(&at, "eventfd-count:", 16);
}
