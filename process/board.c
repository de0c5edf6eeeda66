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

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define READ_TRIES	 1000	/* Of a reader, where the writer is faster. */

/* More than that no worker has served, or has open. */

#define MOST_SERVED	 (UINT64_C(1) << 52)
#define MOST_CONNECTIONS 1000000

/*
 * A slot has cache lines of its own, so that workers on several processors
 * don't slow each other down.
 */

typedef struct Slot {
    uint32_t sequence;		/* Its lowest bit: the copy to read. */
    SsBoardEntry copies[2];
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
    Slot *slots;		/* Shared with the processes forked from the
				 * one that made it. */
    Child children[];		/* Of the slots. */
} Board;

/* All guarded by the fork lock. */

static Board *firstBoardPtr = NULL;
static int lastNumber = 0;
static Slot *ownSlotPtr = NULL;	/* This process's, or NULL. */

int
SsBoardCreate(
    int count)			/* How many slots, 1 or more. */
{
    Board *boardPtr = (Board *) calloc(1,
	    sizeof(Board) + count * sizeof(Child));
    int number;

    if (boardPtr == NULL) {
	return -1;
    }
    boardPtr->count = count;
    boardPtr->process = SsForkCount();
    boardPtr->slots = (Slot *) mmap(NULL, count * sizeof(Slot),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (boardPtr->slots == MAP_FAILED) {
	free(boardPtr);
	return -1;
    }
    SsForkLock();
    number = boardPtr->number = ++lastNumber;
    boardPtr->nextPtr = firstBoardPtr;
    firstBoardPtr = boardPtr;
    SsForkUnlock();
    return number;
}

static SsBoardEntry *
BeginWrite(Slot *slotPtr)
{
    uint32_t next = slotPtr->sequence + 1;

    /*
     * Who still reads this copy must notice what was published since, before
     * it is overwritten.
     */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    slotPtr->copies[next % 2] = slotPtr->copies[(next - 1) % 2];
    return &slotPtr->copies[next % 2];
}

static void
EndWrite(Slot *slotPtr)
{
    __atomic_store_n(&slotPtr->sequence, slotPtr->sequence + 1,
	    __ATOMIC_RELEASE);
}

static void
FreeLocked(Slot *slotPtr)
{
    SsBoardEntry *entryPtr = BeginWrite(slotPtr);

    memset(entryPtr, 0, sizeof(*entryPtr));
    EndWrite(slotPtr);
}

int
SsBoardDestroy(int board)
{
    Board **linkPtr, *boardPtr;

    SsForkLock();
    for (linkPtr = &firstBoardPtr; *linkPtr != NULL;
	    linkPtr = &(*linkPtr)->nextPtr) {
	if ((*linkPtr)->number == board) {
	    break;
	}
    }
    boardPtr = *linkPtr;
    if (boardPtr != NULL) {
	*linkPtr = boardPtr->nextPtr;
	if (ownSlotPtr >= boardPtr->slots
		&& ownSlotPtr < boardPtr->slots + boardPtr->count) {
	    FreeLocked(ownSlotPtr);
	    ownSlotPtr = NULL;
	}
	munmap(boardPtr->slots, boardPtr->count * sizeof(Slot));
	free(boardPtr);
    }
    SsForkUnlock();
    return (boardPtr == NULL) ? -1 : 0;
}

static Board *
FindLocked(int number)
{
    Board *boardPtr;

    for (boardPtr = firstBoardPtr; boardPtr != NULL;
	    boardPtr = boardPtr->nextPtr) {
	if (boardPtr->number == number) {
	    return boardPtr;
	}
    }
    return NULL;
}

int
SsBoardSize(int board)
{
    Board *boardPtr;
    int count;

    SsForkLock();
    boardPtr = FindLocked(board);
    count = (boardPtr == NULL) ? -1 : boardPtr->count;
    SsForkUnlock();
    return count;
}

/* NULL when another thread has destroyed the board meanwhile. */
static Slot *
SlotLocked(int board, int slot)
{
    Board *boardPtr = FindLocked(board);

    return (boardPtr == NULL) ? NULL : &boardPtr->slots[slot];
}

/* NULL where this process hasn't assigned the slot. */
static const Child *
ChildLocked(int board, int slot)
{
    Board *boardPtr = FindLocked(board);

    if (boardPtr == NULL || boardPtr->process != SsForkCount()
	    || boardPtr->children[slot].pid == 0) {
	return NULL;
    }
    return &boardPtr->children[slot];
}

void
SsBoardAssign(int board, int slot, pid_t pid, int generation)
{
    Board *boardPtr;

    SsForkLock();
    boardPtr = FindLocked(board);
    if (boardPtr != NULL) {
	boardPtr->children[slot].pid = pid;
	boardPtr->children[slot].generation = generation;
	boardPtr->children[slot].since = SsMilliseconds();
    }
    SsForkUnlock();
}

int
SsBoardIsAssigned(int board, int slot)
{
    int assigned;

    SsForkLock();
    assigned = (ChildLocked(board, slot) != NULL);
    SsForkUnlock();
    return assigned;
}

void
SsBoardRelease(int board, int slot)
{
    Board *boardPtr;

    SsForkLock();
    boardPtr = FindLocked(board);
    if (boardPtr != NULL) {
	boardPtr->children[slot].pid = 0;
	FreeLocked(&boardPtr->slots[slot]);
	if (&boardPtr->slots[slot] == ownSlotPtr) {
	    ownSlotPtr = NULL;
	}
    }
    SsForkUnlock();
}

/* What there is room for, NUL included; whole characters only. */
static void
CopyText(
    char *to,
    const char *from,		/* UTF-8. */
    size_t size)
{
    size_t length = strlen(from);

    if (length >= size) {
	length = size - 1;
	while (length > 0 && ((unsigned char) from[length] & 0xc0) == 0x80) {
	    length--;
	}
    }
    memcpy(to, from, length);
    to[length] = '\0';
}

void
SsBoardTake(
    int board,
    int slot,
    int generation,
    const char *handler)	/* UTF-8. */
{
    SsBoardEntry *entryPtr;
    Slot *slotPtr;

    SsForkLock();
    slotPtr = SlotLocked(board, slot);
    if (slotPtr != NULL) {
	if (ownSlotPtr != NULL) {
	    FreeLocked(ownSlotPtr);
	}
	ownSlotPtr = slotPtr;
	entryPtr = BeginWrite(slotPtr);
	memset(entryPtr, 0, sizeof(*entryPtr));
	entryPtr->state = SS_BOARD_STARTING;
	entryPtr->pid = getpid();
	entryPtr->generation = generation;
	entryPtr->started = entryPtr->since = SsMilliseconds();
	CopyText(entryPtr->handler, handler, sizeof(entryPtr->handler));
	EndWrite(slotPtr);
    }
    SsForkUnlock();
}

/*
 * What stands between the two is seen by readers after EndWrite, all of it.
 * BeginWrite returns what to change, so far the same as what is read;
 * BeginOwnLocked NULL where the slot isn't this process's.
 */
static SsBoardEntry *
BeginOwnLocked(int board, int slot)
{
    Slot *slotPtr = SlotLocked(board, slot);

    if (slotPtr == NULL || slotPtr != ownSlotPtr) {
	return NULL;
    }
    return BeginWrite(slotPtr);
}

int
SsBoardSetState(int board, int slot, SsBoardState state)
{
    SsBoardEntry *entryPtr;

    SsForkLock();
    entryPtr = BeginOwnLocked(board, slot);
    if (entryPtr != NULL) {
	if (entryPtr->state != (int32_t) state
		&& entryPtr->connections == 0) {
	    entryPtr->since = SsMilliseconds();
	}
	entryPtr->state = state;
	EndWrite(ownSlotPtr);
    }
    SsForkUnlock();
    return (entryPtr == NULL) ? -1 : 0;
}

int
SsBoardSetNote(
    int board,
    int slot,
    const char *note)		/* UTF-8. */
{
    SsBoardEntry *entryPtr;

    SsForkLock();
    entryPtr = BeginOwnLocked(board, slot);
    if (entryPtr != NULL) {
	CopyText(entryPtr->note, note, sizeof(entryPtr->note));
	EndWrite(ownSlotPtr);
    }
    SsForkUnlock();
    return (entryPtr == NULL) ? -1 : 0;
}

int
SsBoardSetDismissed(int board, int slot)
{
    SsBoardEntry *entryPtr;

    SsForkLock();
    entryPtr = BeginOwnLocked(board, slot);
    if (entryPtr != NULL) {
	entryPtr->dismissed = 1;
	EndWrite(ownSlotPtr);
    }
    SsForkUnlock();
    return (entryPtr == NULL) ? -1 : 0;
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

/* It goes into logs and to terminals. */
static void
CheckText(char *text, size_t size)
{
    unsigned char *bytes = (unsigned char *) text;

    bytes[size - 1] = '\0';
    for (; *bytes != '\0'; bytes++) {
	if (*bytes < ' ' || *bytes == 0x7f) {
	    *bytes = ' ';
	} else if (*bytes == 0xc2 && bytes[1] >= 0x80 && bytes[1] < 0xa0) {
	    bytes[0] = bytes[1] = ' ';
	}
    }
}

/* Makes what another process has written something that can be. */
static void
Check(
    SsBoardEntry *entryPtr,
    int64_t earliest)		/* When it can have begun. */
{
    int64_t now = SsMilliseconds();

    if (entryPtr->state < SS_BOARD_FREE
	    || entryPtr->state > SS_BOARD_RETIRING
	    || (earliest > 0 && entryPtr->state == SS_BOARD_FREE)) {
	entryPtr->state = SS_BOARD_STARTING;
    }
    if (entryPtr->connections < 0) {
	entryPtr->connections = 0;
    } else if (entryPtr->connections > MOST_CONNECTIONS) {
	entryPtr->connections = MOST_CONNECTIONS;
    }
    if (entryPtr->since > now) {
	entryPtr->since = now;
    } else if (entryPtr->since < earliest) {
	entryPtr->since = earliest;
    }
    if (entryPtr->served > MOST_SERVED) {
	entryPtr->served = MOST_SERVED;
    }
    entryPtr->dismissed = (entryPtr->dismissed != 0);
    if (entryPtr->peerPort < 0 || entryPtr->peerPort > 65535) {
	entryPtr->peerPort = 0;
    }
    if (entryPtr->listener < 0 || entryPtr->listener > UINT16_MAX) {
	entryPtr->listener = 0;
    }
    CheckText(entryPtr->peer, sizeof(entryPtr->peer));
    CheckText(entryPtr->handler, sizeof(entryPtr->handler));
    CheckText(entryPtr->note, sizeof(entryPtr->note));
}

static int
ReadLocked(int board, int slot, SsBoardEntry *entryPtr)
{
    Slot *slotPtr = SlotLocked(board, slot);
    const Child *childPtr = ChildLocked(board, slot);

    memset(entryPtr, 0, sizeof(*entryPtr));
    if (slotPtr == NULL) {
	return 0;
    }
    CopyEntry(slotPtr, entryPtr);
    if (childPtr == NULL) {
	Check(entryPtr, 0);
	return entryPtr->state != SS_BOARD_FREE;
    }
    if (entryPtr->pid != childPtr->pid) {
	/* It hasn't got so far yet. */
	memset(entryPtr, 0, sizeof(*entryPtr));
	entryPtr->state = SS_BOARD_STARTING;
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
SsBoardRead(int board, int slot, SsBoardEntry *entryPtr)
{
    int used;

    SsForkLock();
    used = ReadLocked(board, slot, entryPtr);
    SsForkUnlock();
    return used;
}

int
SsBoardKillLate(int board, int slot, int64_t limit)
{
    SsBoardEntry entry;
    int result = -1;

    SsForkLock();
    if (ChildLocked(board, slot) == NULL) {
	errno = ESRCH;
    } else {
	ReadLocked(board, slot, &entry);
	result = (entry.connections > 0 || entry.state == SS_BOARD_STARTING
		|| entry.state == SS_BOARD_RETIRING)
		&& SsMilliseconds() - entry.since >= limit;
	if (result && SsGroupKill(entry.pid, SIGKILL) < 0) {
	    result = -1;
	}
    }
    SsForkUnlock();
    return result;
}

void
SsBoardShowLocked(int connections, uint64_t served,
    const SsBoardPeer *oldestPtr)
{
    SsBoardEntry *entryPtr;

    if (ownSlotPtr == NULL) {
	return;
    }
    entryPtr = BeginWrite(ownSlotPtr);
    entryPtr->connections = connections;
    entryPtr->served = served;
    if (oldestPtr != NULL) {
	entryPtr->since = oldestPtr->since;
	entryPtr->peerPort = oldestPtr->port;
	entryPtr->listener = oldestPtr->listener;
	CopyText(entryPtr->peer, oldestPtr->address, sizeof(entryPtr->peer));
    } else {
	entryPtr->since = SsMilliseconds();
	entryPtr->peerPort = entryPtr->listener = 0;
	entryPtr->peer[0] = '\0';
    }

    /* One that retires goes on to say so. */
    if (entryPtr->state != SS_BOARD_RETIRING) {
	entryPtr->state = (oldestPtr != NULL) ? SS_BOARD_BUSY : SS_BOARD_IDLE;
    }
    EndWrite(ownSlotPtr);
}

void
SsBoardForget(void)
{
    ownSlotPtr = NULL;
}
