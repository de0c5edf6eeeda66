/*
 * board.h --
 *
 *	A scoreboard: what each worker is doing, in memory that all processes
 *	forked after it was made share, so that it can be read while they run
 *	and survives any of them.  Nothing here knows Tcl.
 */

#ifndef SS_BOARD_H
#define SS_BOARD_H

#include "queue.h"

#include <stdint.h>

#define SS_BOARD_MOST	 4096	/* Slots of a board. */
#define SS_HANDLER_SIZE	 65	/* 64 bytes of a handler's text, NUL. */

typedef enum SsBoardState {
    SS_BOARD_FREE,		/* Nobody's slot. */
    SS_BOARD_STARTING,		/* Not ready for connections yet. */
    SS_BOARD_IDLE,		/* Has no connection. */
    SS_BOARD_BUSY,		/* Has. */
    SS_BOARD_RETIRING		/* Asks for no more. */
} SsBoardState;

/*
 * One worker.  Times are what SsMilliseconds tells.
 */

typedef struct SsBoardEntry {
    int32_t state;		/* An SsBoardState. */
    int32_t pid;
    int32_t generation;		/* Whatever the taker gave. */
    int32_t connections;	/* How many are open. */
    int64_t started;		/* When the slot was taken. */
    int64_t since;		/* When the state began; with an open
				 * connection: when the oldest came. */
    uint64_t served;		/* How many are closed. */
    int32_t peerPort;		/* The peer of the oldest open one, 0... */
    char peer[SS_ADDRESS_SIZE];	/* ...and "": none is open. */
    char handler[SS_HANDLER_SIZE];
				/* Who serves: the beginning of it. */
} SsBoardEntry;

/*
 * SsBoardCreate --
 *
 *	Makes a board of some slots.  Returns a number that names it in this
 *	process and in those forked later, or -1 with errno set.
 *
 * SsBoardDestroy --
 *
 *	Forgets a board in this process.
 *
 * SsBoardSize --
 *
 *	How many slots it has, or -1: there is no such board.
 *
 * The following want a board and a slot that exist.
 *
 * SsBoardTake --
 *
 *	The slot is this process's from now on; one that it had is free again.
 *
 * SsBoardSetState --
 *
 *	Returns 0, or -1 when the slot isn't this process's.
 *
 * SsBoardRelease --
 *
 *	The slot is free, whoever had it.
 *
 * SsBoardRead --
 *
 *	Copies what a slot says, all of one moment.
 *
 * SsBoardShowLocked --
 *
 *	Shows this process's connections in its slot, if it has one: how many
 *	are open and closed, and the oldest open one (NULL: none).  The fork
 *	lock is held.
 *
 * SsBoardForget --
 *
 *	In a forked child: the slot is the parent's.  Safe between fork and
 *	exec.
 *
 * Process: both.
 */

typedef struct SsBoardPeer {
    const char *address;	/* The peer's, numeric. */
    int port;
    int64_t since;		/* When its connection came. */
} SsBoardPeer;

int		SsBoardCreate(int count);
int		SsBoardDestroy(int board);
int		SsBoardSize(int board);
void		SsBoardTake(int board, int slot, int generation,
		    const char *handler);
int		SsBoardSetState(int board, int slot, SsBoardState state);
void		SsBoardRelease(int board, int slot);
void		SsBoardRead(int board, int slot, SsBoardEntry *entryPtr);
void		SsBoardShowLocked(int connections, uint64_t served,
		    const SsBoardPeer *oldestPtr);
void		SsBoardForget(void);

#endif /* SS_BOARD_H */
