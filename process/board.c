/*
 * A scoreboard in shared memory.
 *
 * Each slot has one writer at a time, the process that took it, and any number
 * of readers, who wait for nobody.  It holds two copies of what it says: one to
 * read, and one that the writer prepares to take its place.  So a writer that
 * is killed in the middle of it leaves nothing half written to be read.
 */

#include "board.h"
#include "clock.h"
#include "fork.h"
#include "group.h"
#include "limit.h"
#include "text_field.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

#define READ_TRIES	 1000	/* Of a reader, where the writer is faster. */

/* More than that no worker has served, or has open. */

#define MOST_SERVED	 (INT64_C(1) << 52)
#define MOST_WAITED	 (INT64_C(1) << 62)
				/* In all. */
#define MOST_CONNECTIONS 1000000

/*
 * A slot has cache lines of its own, so that workers on several processors
 * don't slow each other down.
 */

typedef struct Slot {
    uint32_t sequence;		/* Its lowest bit: the copy to read. */
    uint32_t ask;		/* The server's to write. */
    SsBoardEntry copies[2];
    SsBoardTimes times;
} __attribute__((aligned(64))) Slot;

/* What the board's maker knows of a slot: nobody else can write it. */

typedef struct Child {
    pid_t pid;			/* 0: nobody's. */
    int generation;
    int64_t since;
} Child;

typedef struct Board {
    struct Board *nextPtr;
    int number;			/* Names it. */
    int count;			/* How many slots. */
    int process;		/* Who made it, as SsForkCount tells. */
    int fd;			/* That process's, for those that attach; -1:
				 * attached itself. */
    Slot *slots;		/* Shared with the processes forked from the
				 * one that made it, and those. */
    Child children[];		/* Of the slots. */
} Board;

/* All guarded by the fork lock. */

static Board *firstBoardPtr = NULL;
static int lastNumber = 0;
static Slot *ownSlotPtr = NULL;	/* This process's, or NULL. */

static const SsBoardEntry noEntry;

/* What a histogram's counts are up to, nanoseconds; the last has no end. */

static const uint64_t bounds[SS_HISTOGRAM_SIZE - 1] = {
    500000, 1000000, 2500000, 5000000, 10000000, 25000000, 50000000,
    100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000,
    10000000000, 30000000000
};

/*
 * A memory file for so many slots, which stays as long as it is: without that,
 * who has its descriptor could end each process that looks at it.  -1 with
 * errno.  The lock is held, so that no child gets it.
 */
static int
OpenLocked(int count)
{
    int error;
    int fd = SsAboveStdio(memfd_create("socketserver-board",
	    MFD_CLOEXEC | MFD_ALLOW_SEALING));

    if (fd < 0) {
	return -1;
    }
    if (ftruncate(fd, (off_t) (count * sizeof(Slot))) < 0
	    || fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
	error = errno;
	close(fd);
	errno = error;
	return -1;
    }
    SsForkCloses(fd);
    return fd;
}

static void
CloseLocked(Board *boardPtr)
{
    if (boardPtr->fd >= 0 && boardPtr->process == SsForkCount()) {
	SsForkKeeps(boardPtr->fd);
	close(boardPtr->fd);
    }
}

/* Makes a board of a memory file known; returns its number, or -1. */
static int
AddLocked(int fd, int count)
{
    Board *boardPtr = (Board *) calloc(1,
	    sizeof(Board) + count * sizeof(Child));

    if (boardPtr == NULL) {
	return -1;
    }
    boardPtr->slots = (Slot *) mmap(NULL, count * sizeof(Slot),
	    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (boardPtr->slots == MAP_FAILED) {
	free(boardPtr);
	return -1;
    }
    boardPtr->count = count;
    boardPtr->process = SsForkCount();
    boardPtr->fd = -1;
    boardPtr->number = ++lastNumber;
    boardPtr->nextPtr = firstBoardPtr;
    firstBoardPtr = boardPtr;
    return boardPtr->number;
}

int
SsBoardCreate(
    int count)			/* How many slots, 1 or more. */
{
    int fd, error, number = -1;

    SsForkLock();
    fd = OpenLocked(count);
    if (fd >= 0) {
	number = AddLocked(fd, count);
	error = errno;
	if (number >= 0) {
	    firstBoardPtr->fd = fd;
	} else {
	    SsForkKeeps(fd);
	    close(fd);
	}
	errno = error;
    }
    SsForkUnlock();
    return number;
}

int
SsBoardAttach(int fd, int slots)
{
    int seals = fcntl(fd, F_GET_SEALS), number;
    struct stat file;
    off_t count;

    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &file) < 0) {
	errno = EINVAL;
	return -1;
    }
    count = file.st_size / (off_t) sizeof(Slot);
    if (file.st_size % (off_t) sizeof(Slot) != 0 || slots < 1
	    || count < slots || count > SS_BOARD_MOST) {
	errno = EINVAL;
	return -1;
    }
    SsForkLock();
    number = AddLocked(fd, (int) count);
    SsForkUnlock();
    return number;
}

static Board *
Find(int number)
{
    Board *boardPtr;

    SsForkLock();
    boardPtr = firstBoardPtr;
    while (boardPtr != NULL && boardPtr->number != number) {
	boardPtr = boardPtr->nextPtr;
    }
    SsForkUnlock();
    return boardPtr;
}

int
SsBoardSize(int board)
{
    Board *boardPtr = Find(board);

    return (boardPtr == NULL) ? -1 : boardPtr->count;
}

int
SsBoardFd(int board)
{
    Board *boardPtr = Find(board);

    return (boardPtr != NULL && boardPtr->process == SsForkCount())
	    ? boardPtr->fd : -1;
}

static void
Write(Slot *slotPtr, const SsBoardEntry *entryPtr)
{
    uint32_t next = slotPtr->sequence + 1;

    /*
     * Who still reads this copy must notice what was published since, before
     * it is overwritten.
     */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    slotPtr->copies[next % 2] = *entryPtr;
    __atomic_store_n(&slotPtr->sequence, next, __ATOMIC_RELEASE);
}

static void
FreeLocked(Slot *slotPtr)
{
    Write(slotPtr, &noEntry);
    if (slotPtr == ownSlotPtr) {
	ownSlotPtr = NULL;
    }
}

/* What one that has attached did, the board's maker is still to read. */
static void
LeaveLocked(const Board *boardPtr)
{
    if (ownSlotPtr < boardPtr->slots
	    || ownSlotPtr >= boardPtr->slots + boardPtr->count) {
	return;
    }
    if (boardPtr->fd < 0) {
	ownSlotPtr = NULL;
    } else {
	FreeLocked(ownSlotPtr);
    }
}

void
SsBoardDestroy(int board)
{
    Board *boardPtr = Find(board), **linkPtr = &firstBoardPtr;

    SsForkLock();
    while (*linkPtr != boardPtr) {
	linkPtr = &(*linkPtr)->nextPtr;
    }
    *linkPtr = boardPtr->nextPtr;
    LeaveLocked(boardPtr);
    CloseLocked(boardPtr);
    SsForkUnlock();
    munmap(boardPtr->slots, boardPtr->count * sizeof(Slot));
    free(boardPtr);
}

/* NULL where this process hasn't assigned the slot. */
static const Child *
FindChild(const Board *boardPtr, int slot)
{
    return (boardPtr->process == SsForkCount()
	    && boardPtr->children[slot].pid != 0)
	    ? &boardPtr->children[slot] : NULL;
}

void
SsBoardAssign(int board, int slot, pid_t pid, int generation)
{
    Find(board)->children[slot] = (Child) { pid, generation,
	SsMilliseconds() };
}

int
SsBoardIsAssigned(int board, int slot)
{
    return FindChild(Find(board), slot) != NULL;
}

void
SsBoardRelease(int board, int slot)
{
    Board *boardPtr = Find(board);

    boardPtr->children[slot].pid = 0;
    SsForkLock();
    FreeLocked(&boardPtr->slots[slot]);
    SsForkUnlock();
}

void
SsBoardTake(
    int board,
    int slot,
    pid_t pid,
    int generation,
    const char *handler)	/* UTF-8. */
{
    Slot *slotPtr = &Find(board)->slots[slot];
    SsBoardEntry entry = { .state = SS_BOARD_STARTING, .pid = pid,
	.generation = generation, .started = SsMilliseconds() };

    entry.since = entry.started;
    SsTextFieldSet(entry.handler, handler, sizeof(entry.handler));
    SsForkLock();
    if (ownSlotPtr != NULL) {
	FreeLocked(ownSlotPtr);
    }
    ownSlotPtr = slotPtr;
    Write(slotPtr, &entry);
    SsForkUnlock();
}

int
SsBoardHasOwn(void)
{
    int has;

    SsForkLock();
    has = (ownSlotPtr != NULL);
    SsForkUnlock();
    return has;
}

volatile uint32_t *
SsBoardAskWord(uint32_t *valuePtr)
{
    volatile uint32_t *wordPtr;

    SsForkLock();
    wordPtr = (ownSlotPtr != NULL) ? &ownSlotPtr->ask : NULL;
    *valuePtr = (wordPtr != NULL) ? *wordPtr : 0;
    SsForkUnlock();
    return wordPtr;
}

int
SsBoardSet(int board, int slot, SsBoardState state, const char *trouble,
    int dismissed)
{
    Slot *slotPtr = &Find(board)->slots[slot];
    SsBoardEntry entry;
    int isOwn;

    SsForkLock();
    isOwn = (slotPtr == ownSlotPtr);
    if (isOwn) {
	entry = slotPtr->copies[slotPtr->sequence % 2];
	if (state != SS_BOARD_FREE && entry.state != (int32_t) state) {
	    entry.state = state;
	    if (entry.connections == 0) {
		entry.since = SsMilliseconds();
		entry.note[0] = '\0';
	    }
	}
	if (trouble != NULL) {
	    SsTextFieldSet(entry.trouble, trouble, sizeof(entry.trouble));
	}
	entry.dismissed |= dismissed;
	Write(slotPtr, &entry);
    }
    SsForkUnlock();
    return isOwn ? 0 : -1;
}

void
SsBoardNote(const char *note)
{
    SsBoardEntry entry;

    SsForkLock();
    if (ownSlotPtr != NULL) {
	entry = ownSlotPtr->copies[ownSlotPtr->sequence % 2];
	SsTextFieldSet(entry.note, note, sizeof(entry.note));
	Write(ownSlotPtr, &entry);
    }
    SsForkUnlock();
}

void
SsBoardRetireLocked(void)
{
    SsBoardEntry entry;

    if (ownSlotPtr != NULL) {
	entry = ownSlotPtr->copies[ownSlotPtr->sequence % 2];
	entry.state = SS_BOARD_RETIRING;
	entry.dismissed = 1;
	Write(ownSlotPtr, &entry);
    }
}

static void
CopyEntry(Slot *slotPtr, SsBoardEntry *entryPtr)
{
    uint32_t before, after;
    int try;

    for (try = 0; try < READ_TRIES; try++) {
	before = __atomic_load_n(&slotPtr->sequence, __ATOMIC_ACQUIRE);
	*entryPtr = slotPtr->copies[before % 2];
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	after = __atomic_load_n(&slotPtr->sequence, __ATOMIC_RELAXED);
	if (before == after) {
	    break;
	}
	sched_yield();
    }
}

static int64_t
Within(int64_t least, int64_t value, int64_t most)
{
    return (value < least) ? least : (value > most) ? most : value;
}

/* Makes what another process has written something that can be. */
static void
Check(
    SsBoardEntry *entryPtr,
    int64_t earliest)		/* When it can have begun; 0: not known. */
{
    if (entryPtr->state < SS_BOARD_FREE
	    || entryPtr->state > SS_BOARD_RETIRING
	    || (earliest > 0 && entryPtr->state == SS_BOARD_FREE)) {
	entryPtr->state = SS_BOARD_STARTING;
    }
    entryPtr->connections = Within(0, entryPtr->connections,
	    MOST_CONNECTIONS);
    entryPtr->since = Within(earliest, entryPtr->since, SsMilliseconds());
    entryPtr->served = Within(0, entryPtr->served, MOST_SERVED);
    entryPtr->taken = Within(0, entryPtr->taken, MOST_SERVED);
    entryPtr->waited = Within(0, entryPtr->waited, MOST_WAITED);
    entryPtr->dismissed = (entryPtr->dismissed != 0);
    entryPtr->peerPort = Within(0, entryPtr->peerPort, INT_MAX);
    entryPtr->listener = Within(0, entryPtr->listener, UINT16_MAX);
    SsTextFieldCheck(entryPtr->peer, sizeof(entryPtr->peer));
    SsTextFieldCheck(entryPtr->handler, sizeof(entryPtr->handler));
    SsTextFieldCheck(entryPtr->trouble, sizeof(entryPtr->trouble));
    SsTextFieldCheck(entryPtr->note, sizeof(entryPtr->note));
}

int
SsBoardRead(int board, int slot, SsBoardEntry *entryPtr)
{
    Board *boardPtr = Find(board);
    const Child *childPtr = FindChild(boardPtr, slot);

    CopyEntry(&boardPtr->slots[slot], entryPtr);
    if (childPtr == NULL) {
	Check(entryPtr, 0);
	return entryPtr->state != SS_BOARD_FREE;
    }
    if (entryPtr->pid != childPtr->pid) {
	/* It hasn't got so far yet. */
	*entryPtr = noEntry;
	entryPtr->pid = childPtr->pid;
    }
    entryPtr->generation = childPtr->generation;
    entryPtr->started = childPtr->since;
    Check(entryPtr, childPtr->since);
    if (entryPtr->state == SS_BOARD_STARTING) {
	entryPtr->since = childPtr->since;
    }
    return 1;
}

int
SsBoardKillLate(int board, int slot, int64_t limit)
{
    SsBoardEntry entry;

    if (!SsBoardIsAssigned(board, slot)) {
	errno = ESRCH;
	return -1;
    }
    SsBoardRead(board, slot, &entry);
    if (SsMilliseconds() - entry.since < limit
	    || (entry.connections == 0 && entry.state != SS_BOARD_STARTING
	    && entry.state != SS_BOARD_RETIRING)) {
	return 0;
    }
    return (SsGroupKill(entry.pid, SIGKILL) == 0) ? 1 : -1;
}

void
SsBoardShowLocked(int connections, const SsBoardCounts *countsPtr,
    const SsBoardPeer *oldestPtr, int64_t now)
{
    static const SsBoardPeer none = { .address = "" };
    SsBoardEntry entry;

    if (ownSlotPtr == NULL) {
	return;
    }
    entry = ownSlotPtr->copies[ownSlotPtr->sequence % 2];

    /* One that retires goes on to say so. */
    if (entry.state != SS_BOARD_RETIRING) {
	entry.state = (oldestPtr != NULL) ? SS_BOARD_BUSY : SS_BOARD_IDLE;
    }
    entry.since = (oldestPtr != NULL) ? oldestPtr->since : now;
    if (connections == 0 || entry.connections == 0) {
	entry.note[0] = '\0';
    }
    if (oldestPtr == NULL) {
	oldestPtr = &none;
    }
    entry.connections = connections;
    entry.served = countsPtr->served;
    entry.taken = countsPtr->taken;
    entry.waited = countsPtr->waited;
    entry.peerPort = oldestPtr->port;
    entry.listener = oldestPtr->listener;
    SsTextFieldSet(entry.peer, oldestPtr->address, sizeof(entry.peer));
    Write(ownSlotPtr, &entry);
}

/*
 * Atomic additions: who is still about to count when its slot is another's
 * takes nothing away from it.
 */
static void
Count(SsHistogram *histogramPtr, uint64_t time)
{
    int i = 0;

    while (i < SS_HISTOGRAM_SIZE - 1 && time > bounds[i]) {
	i++;
    }
    __atomic_fetch_add(&histogramPtr->counts[i], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&histogramPtr->sum, time, __ATOMIC_RELAXED);
}

void
SsBoardWaitedLocked(uint64_t time)
{
    if (ownSlotPtr != NULL) {
	Count(&ownSlotPtr->times.waits, time);
    }
}

void
SsBoardHandledLocked(uint64_t time)
{
    if (ownSlotPtr != NULL) {
	Count(&ownSlotPtr->times.handled, time);
    }
}

void
SsBoardForget(void)
{
    ownSlotPtr = NULL;
}
