/*
 * board.c --
 *
 *	A scoreboard in shared memory.
 *
 *	Each slot has one writer at a time, the process that took it, and any
 *	number of readers, who wait for nobody.  It holds two copies of what it
 *	says: one to read, and one that the writer prepares to take its place.
 *	So a writer that is killed in the middle of it leaves nothing half
 *	written to be read.
 */

#include "board.h"
#include "clock.h"
#include "fork.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * How often a reader tries again because the writer has been faster.
 */

#define READ_TRIES 1000

/*
 * A slot has cache lines of its own, so that workers on several processors
 * don't slow each other down.
 */

typedef struct Slot {
    uint32_t sequence;		/* Its lowest bit: the copy to read. */
    SsBoardEntry copies[2];
} __attribute__((aligned(64))) Slot;

typedef struct Board {
    struct Board *nextPtr;
    int number;			/* Names it. */
    int count;			/* How many slots. */
    Slot *slots;		/* Shared with the processes forked from the
				 * one that made it. */
} Board;

/*
 * All guarded by the fork lock.
 */

static Board *firstBoardPtr = NULL;
static int lastNumber = 0;
static Slot *ownSlotPtr = NULL;	/* This process's, or NULL. */

static Board *	FindLocked(int number);
static Slot *	SlotLocked(int board, int slot);
static SsBoardEntry *BeginWrite(Slot *slotPtr);
static void	EndWrite(Slot *slotPtr);
static void	FreeLocked(Slot *slotPtr);
static void	CopyText(char *to, const char *from, size_t size);

/*
 *----------------------------------------------------------------------
 *
 * SsBoardCreate --
 *
 *	See board.h.
 *
 * Results:
 *	A number, or -1 with errno set.
 *
 * Side effects:
 *	Shared memory, until SsBoardDestroy.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsBoardCreate(
    int count)			/* How many slots, 1 or more. */
{
    Board *boardPtr = (Board *) calloc(1, sizeof(Board));
    int number;

    if (boardPtr == NULL) {
	return -1;
    }
    boardPtr->count = count;
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

/*
 *----------------------------------------------------------------------
 *
 * SsBoardDestroy --
 *
 *	See board.h.
 *
 * Results:
 *	0, or -1 when there is no such board.
 *
 * Side effects:
 *	The memory lives on in processes that have it, too.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

int
SsBoardDestroy(
    int board)
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

/*
 *----------------------------------------------------------------------
 *
 * SsBoardSize, FindLocked, SlotLocked --
 *
 *	Find a board and a slot of it.
 *
 * Results:
 *	SsBoardSize: how many slots, -1: no such board.  FindLocked: the board
 *	or NULL.  SlotLocked: the slot, NULL when another thread has destroyed
 *	the board meanwhile.
 *
 * Side effects:
 *	None.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

int
SsBoardSize(
    int board)
{
    Board *boardPtr;
    int count;

    SsForkLock();
    boardPtr = FindLocked(board);
    count = (boardPtr == NULL) ? -1 : boardPtr->count;
    SsForkUnlock();
    return count;
}

static Board *
FindLocked(
    int number)
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

static Slot *
SlotLocked(
    int board,
    int slot)
{
    Board *boardPtr = FindLocked(board);

    return (boardPtr == NULL) ? NULL : &boardPtr->slots[slot];
}

/*
 *----------------------------------------------------------------------
 *
 * SsBoardTake --
 *
 *	See board.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Connections that come are shown in the slot.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

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
 *----------------------------------------------------------------------
 *
 * SsBoardSetState --
 *
 *	See board.h.
 *
 * Results:
 *	0 or -1.
 *
 * Side effects:
 *	Readers see it.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

int
SsBoardSetState(
    int board,
    int slot,
    SsBoardState state)
{
    SsBoardEntry *entryPtr;
    Slot *slotPtr;
    int own;

    SsForkLock();
    slotPtr = SlotLocked(board, slot);
    own = (slotPtr != NULL && slotPtr == ownSlotPtr);
    if (own) {
	entryPtr = BeginWrite(slotPtr);
	if (entryPtr->state != (int32_t) state
		&& entryPtr->connections == 0) {
	    entryPtr->since = SsMilliseconds();
	}
	entryPtr->state = state;
	EndWrite(slotPtr);
    }
    SsForkUnlock();
    return own ? 0 : -1;
}

/*
 *----------------------------------------------------------------------
 *
 * SsBoardRelease, FreeLocked --
 *
 *	See board.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	The slot is nobody's.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

void
SsBoardRelease(
    int board,
    int slot)
{
    Slot *slotPtr;

    SsForkLock();
    slotPtr = SlotLocked(board, slot);
    if (slotPtr != NULL) {
	FreeLocked(slotPtr);
	if (slotPtr == ownSlotPtr) {
	    ownSlotPtr = NULL;
	}
    }
    SsForkUnlock();
}

static void
FreeLocked(
    Slot *slotPtr)
{
    SsBoardEntry *entryPtr = BeginWrite(slotPtr);

    memset(entryPtr, 0, sizeof(*entryPtr));
    EndWrite(slotPtr);
}

/*
 *----------------------------------------------------------------------
 *
 * SsBoardRead --
 *
 *	See board.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Fills the entry.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

void
SsBoardRead(
    int board,
    int slot,
    SsBoardEntry *entryPtr)
{
    uint32_t before, after;
    Slot *slotPtr;
    int try;

    memset(entryPtr, 0, sizeof(*entryPtr));
    SsForkLock();
    slotPtr = SlotLocked(board, slot);
    for (try = 0; slotPtr != NULL && try < READ_TRIES; try++) {
	before = __atomic_load_n(&slotPtr->sequence, __ATOMIC_ACQUIRE);
	*entryPtr = slotPtr->copies[before % 2];
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	after = __atomic_load_n(&slotPtr->sequence, __ATOMIC_RELAXED);
	if (before == after) {
	    break;
	}
	sched_yield();
    }
    SsForkUnlock();
    entryPtr->peer[sizeof(entryPtr->peer) - 1] = '\0';
    entryPtr->handler[sizeof(entryPtr->handler) - 1] = '\0';
}

/*
 *----------------------------------------------------------------------
 *
 * SsBoardShowLocked --
 *
 *	See board.h.  A slot that says "retiring" goes on to say so.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Readers see it.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

void
SsBoardShowLocked(
    int connections,
    uint64_t served,
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
	CopyText(entryPtr->peer, oldestPtr->address, sizeof(entryPtr->peer));
    } else {
	entryPtr->since = SsMilliseconds();
	entryPtr->peerPort = 0;
	entryPtr->peer[0] = '\0';
    }
    if (entryPtr->state != SS_BOARD_RETIRING) {
	entryPtr->state = (oldestPtr != NULL) ? SS_BOARD_BUSY : SS_BOARD_IDLE;
    }
    EndWrite(ownSlotPtr);
}

/*
 *----------------------------------------------------------------------
 *
 * SsBoardForget --
 *
 *	See board.h.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	None but on the variable above.
 *
 * Process:
 *	Worker, in the child's fork handler.
 *
 *----------------------------------------------------------------------
 */

void
SsBoardForget(void)
{
    ownSlotPtr = NULL;
}

/*
 *----------------------------------------------------------------------
 *
 * BeginWrite, EndWrite --
 *
 *	Enclose what changes a slot.
 *
 * Results:
 *	BeginWrite: what to change, so far the same as what is read.
 *
 * Side effects:
 *	Readers see the change, all of it, after EndWrite.
 *
 * Process:
 *	Both.
 *
 *----------------------------------------------------------------------
 */

static SsBoardEntry *
BeginWrite(
    Slot *slotPtr)
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
EndWrite(
    Slot *slotPtr)
{
    __atomic_store_n(&slotPtr->sequence, slotPtr->sequence + 1,
	    __ATOMIC_RELEASE);
}

/*
 *----------------------------------------------------------------------
 *
 * CopyText --
 *
 *	Copies what there is room for of a text, whole characters only.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Ends with a NUL.
 *
 * Process:
 *	Worker.
 *
 *----------------------------------------------------------------------
 */

static void
CopyText(
    char *to,
    const char *from,		/* UTF-8. */
    size_t size)		/* Room, the NUL included. */
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
