/*
 * A scoreboard: what each worker is doing, in memory that all processes forked
 * after it was made share, and those that get its descriptor, so that it can be
 * read while they run and survives any of them.  Nothing here knows Tcl.
 *
 * Whoever reads checks: a worker may have been taken over.  Which child a slot
 * belongs to, and since when, the process that made the board knows by itself.
 */

#ifndef SS_BOARD_H
#define SS_BOARD_H

#include <stdint.h>
#include <sys/types.h>

#define SS_BOARD_MOST	 4160	/* Slots of a board: a pool's workers, and 64
				 * that attach themselves. */
#define SS_ADDRESS_SIZE	 64	/* An IPv6 address, '%', an interface, NUL. */
#define SS_HANDLER_SIZE	 65	/* 64 bytes of a handler's text, NUL. */
#define SS_TROUBLE_SIZE	 256
#define SS_NOTE_SIZE	 129	/* 128 bytes of the application's, NUL. */
#define SS_HISTOGRAM_SIZE 16

typedef enum SsBoardState {
    SS_BOARD_FREE,		/* Nobody's slot. */
    SS_BOARD_STARTING,		/* Not ready for connections yet. */
    SS_BOARD_IDLE,		/* Has no connection. */
    SS_BOARD_BUSY,		/* Has. */
    SS_BOARD_RETIRING		/* Asks for no more. */
} SsBoardState;

/* One worker.  Times are what SsMilliseconds tells. */

typedef struct SsBoardEntry {
    int32_t state;		/* An SsBoardState. */
    int32_t pid;
    int32_t generation;		/* Whatever the taker gave. */
    int32_t connections;	/* How many are open. */
    int64_t started;		/* When the slot was taken. */
    int64_t since;		/* When the state began; with an open
				 * connection: when the oldest came. */
    uint64_t served;		/* How many are closed. */
    uint64_t taken;		/* How many came from the queue... */
    uint64_t waited;		/* ...and how long they were ready for a
				 * worker: nanoseconds, summed. */
    int32_t dismissed;		/* Whether it took a message to retire. */
    int32_t listener;		/* By which the oldest open one came, 0... */
    int32_t peerPort;		/* ...its peer, 0... */
    char peer[SS_ADDRESS_SIZE];	/* ...and "": none is open. */
    char handler[SS_HANDLER_SIZE];
				/* Who serves: the beginning of it. */
    char trouble[SS_TROUBLE_SIZE];
				/* Why it could not begin. */
    char note[SS_NOTE_SIZE];	/* What it is at, in the application's words;
				 * gone with what it was said of. */
} SsBoardEntry;

/*
 * How often something took how long: up to .5, 1, 2.5, 5, 10, 25, 50, 100, 250,
 * 500 ms, 1, 2.5, 5, 10, 30 s, and longer; and nanoseconds, summed.
 */

typedef struct SsHistogram {
    uint64_t counts[SS_HISTOGRAM_SIZE];
    uint64_t sum;
} SsHistogram;

/*
 * Of a slot, whoever has had it: as long as there is the board this only grows,
 * so that what a worker has counted is there when it was killed.
 */

typedef struct SsBoardTimes {
    SsHistogram waits;		/* Ready for a worker -> taken. */
    SsHistogram handled;	/* Taken -> closed, or given back: each time
				 * that "served" counts one. */
} SsBoardTimes;

/* What is counted, as in an entry. */

typedef struct SsBoardCounts {
    uint64_t served;
    uint64_t taken;
    uint64_t waited;
} SsBoardCounts;

typedef struct SsBoardPeer {
    const char *address;	/* The peer's, numeric. */
    int port;
    int64_t since;		/* When its connection came... */
    int listener;		/* ...and by which listener. */
} SsBoardPeer;

/*
 * Returns a number that names the board in this process and in those forked
 * later, or -1 with errno set.  Only the thread that made it uses it, and
 * destroys it in its process.
 */
int		SsBoardCreate(int count);
void		SsBoardDestroy(int board);

/*
 * The board's memory, for another process: a memory file that can neither grow
 * nor shrink, the board's own, close-on-exec and closed in forked children; -1
 * where this process hasn't made it.
 */
int		SsBoardFd(int board);

/*
 * In that other process: the board that has at least so many slots, by such a
 * descriptor, which stays the caller's.  As SsBoardCreate; EINVAL: it is none.
 * When it is destroyed, the slot goes on to say what was last.
 */
int		SsBoardAttach(int fd, int slots);

/* How many slots, or -1: there is no such board.  All others want one. */
int		SsBoardSize(int board);

/* In the process that made the board: the slot is this child's. */
void		SsBoardAssign(int board, int slot, pid_t pid, int generation);

/* The slot is free, whoever had it. */
void		SsBoardRelease(int board, int slot);

/*
 * In a worker: the slot is its own; one that it had is free again.  The pid is
 * what the server knows it by, whose namespace may be another.
 */
void		SsBoardTake(int board, int slot, pid_t pid, int generation,
		    const char *handler);

/* Whether this process has a slot of its own. */
int		SsBoardHasOwn(void);

/* Sets what isn't 0 of its own slot.  Returns 0; -1: it isn't its own. */
int		SsBoardSet(int board, int slot, SsBoardState state,
		    const char *trouble, int dismissed);

/*
 * What this process is at, UTF-8, in its slot, if it has one.  It goes when
 * that ends: a state, or the last open connection.
 */
void		SsBoardNote(const char *note);

/*
 * Its own slot's word by which the server asks: number << 1 | raise, and what
 * it says now.  It waits there by FUTEX_WAIT; what stands there when it takes
 * the slot is none of its business.  Valid until it leaves the slot; NULL: it
 * has none.
 */
volatile uint32_t *SsBoardAskWord(uint32_t *valuePtr);

/* Its own slot says from now on that it takes no more, if it has one. */
void		SsBoardRetireLocked(void);

/* Copies what a slot says, all of one moment; returns whether it is in use. */
int		SsBoardRead(int board, int slot, SsBoardEntry *entryPtr);

/* Whether a slot is a child's, as SsBoardAssign has it. */
int		SsBoardIsAssigned(int board, int slot);

/*
 * Kills the child of a slot and its process group, unless what it is at now,
 * a connection, its start or its end, has taken less than so many milliseconds.
 * Returns 1, 0: spared, or -1 with errno set.
 */
int		SsBoardKillLate(int board, int slot, int64_t limit);

/*
 * Shows this process's connections in its slot, if it has one: how many are
 * open, what is counted of them, and the oldest open one (NULL: none), at a
 * time.  The fork lock is held.
 */
void		SsBoardShowLocked(int connections,
		    const SsBoardCounts *countsPtr,
		    const SsBoardPeer *oldestPtr, int64_t now);

/* Counts how long a connection waited, or was served: nanoseconds. */
void		SsBoardWaitedLocked(uint64_t time);
void		SsBoardHandledLocked(uint64_t time);

/* In a forked child: the slot is the parent's.  Safe between fork and exec. */
void		SsBoardForget(void);

#endif /* SS_BOARD_H */
