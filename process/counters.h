/*
 * Counters: numbers with names that all workers of a server share, in memory
 * that outlives each of them, and the server, for its successors.  internal/
 * counters makes that and states the same layout.  Nothing here knows Tcl.
 *
 * Nobody locks.  A name is put down word by word, each where there was none,
 * and never taken away: who is killed in the middle leaves a beginning that the
 * next one with the same beginning completes.  All look from the first entry
 * on, so a name is completed in one only.
 *
 * Any worker may write anything there: who shows names checks them.
 */

#ifndef SS_COUNTERS_H
#define SS_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

#define SS_COUNTERS_MOST 256
#define SS_COUNTER_SIZE	 64	/* The longest name, in bytes. */

/*
 * A name: its bytes, those behind its end 0xff, which text never has; then its
 * length plus SS_COUNTER_NAMED, written last: 0: it isn't complete.
 */

#define SS_COUNTER_WORDS (SS_COUNTER_SIZE / 8)
#define SS_COUNTER_NAMED 0x100

typedef struct SsCounterName {
    uint64_t words[SS_COUNTER_WORDS + 1];
} SsCounterName;

typedef struct SsCounter {
    SsCounterName name;
    int64_t value;
} SsCounter;

#define SS_COUNTERS_SIZE (SS_COUNTERS_MOST * sizeof(SsCounter))

/*
 * Takes a memory file of the server that this process is, "isServer", or that
 * it has attached to, as its counters; those of the former stay, whatever
 * comes.  Children forked from now on share them.  The descriptor stays the
 * caller's.  0, or -1 with errno: EINVAL: it is no such file, or its size can
 * change.  The fork lock is held.
 */
int		SsCountersMapLocked(int fd, int isServer);

/* This process's counters, as long as it lives; NULL: it has none. */
SsCounter *	SsCountersGet(void);

/* Makes a name of UTF-8; -1: it can't be one. */
int		SsCounterNameSet(SsCounterName *namePtr, const char *bytes,
		    size_t length);

/*
 * Copies the name of an entry, as text that may be shown, and returns its
 * length; 0: it has none.
 */
size_t		SsCounterNameGet(const SsCounter *counterPtr,
		    char bytes[SS_COUNTER_SIZE]);

/* The counter of that name; NULL: there is none. */
SsCounter *	SsCounterFind(SsCounter *counters,
		    const SsCounterName *namePtr);

/* The same, which is made where there is none; NULL: there is no room. */
SsCounter *	SsCounterClaim(SsCounter *counters,
		    const SsCounterName *namePtr);

/* What it has, all at once for everybody.  SsCounterAdd returns what is new. */
int64_t		SsCounterValue(const SsCounter *counterPtr);
int64_t		SsCounterAdd(SsCounter *counterPtr, int64_t n);
void		SsCounterSet(SsCounter *counterPtr, int64_t value);

#endif /* SS_COUNTERS_H */
