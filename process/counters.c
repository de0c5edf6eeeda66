#include "counters.h"
#include "fork.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

/* Where they are once they are; other ones are put there later. */
static SsCounter *_Atomic ownCounters = NULL;
static int serverFork = -1;	/* Which process, as SsForkCount tells, has
				 * its own; guarded by the lock. */

/* Puts a mapping where the one before it is, for who counts there just now. */
static int
Replace(void *memory)
{
    void *place = ownCounters;

    if (place == NULL) {
	ownCounters = (SsCounter *) memory;
	return 0;
    }
    return (mremap(memory, SS_COUNTERS_SIZE, SS_COUNTERS_SIZE,
	    MREMAP_MAYMOVE | MREMAP_FIXED, place) == MAP_FAILED) ? -1 : 0;
}

int
SsCountersMapLocked(int fd, int isServer)
{
    int seals = fcntl(fd, F_GET_SEALS), error;
    struct stat file;
    void *memory;

    if (serverFork == SsForkCount()) {
	return 0;
    }
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &file) < 0
	    || file.st_size != (off_t) SS_COUNTERS_SIZE) {
	errno = EINVAL;
	return -1;
    }
    memory = mmap(NULL, SS_COUNTERS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
    if (memory == MAP_FAILED) {
	return -1;
    }
    if (Replace(memory) < 0) {
	error = errno;
	munmap(memory, SS_COUNTERS_SIZE);
	errno = error;
	return -1;
    }
    if (isServer) {
	serverFork = SsForkCount();
    }
    return 0;
}

SsCounter *
SsCountersGet(void)
{
    return ownCounters;
}

/*
 * The length of the character that text begins with, 1 to 4 bytes; 0: it is
 * none, or one that controls.
 */
static size_t
Character(const unsigned char *bytes, size_t length)
{
    static const uint32_t least[] = { 0, 0xa0, 0x800, 0x10000 };
    uint32_t code = bytes[0];
    size_t size = (code < 0x80) ? 1 : (code >> 5 == 6) ? 2
	    : (code >> 4 == 14) ? 3 : (code >> 3 == 30) ? 4 : 0, i;

    if (size <= 1) {
	return (code >= ' ' && code < 0x7f) ? size : 0;
    }
    if (size > length) {
	return 0;
    }
    code &= 0x7fu >> size;
    for (i = 1; i < size; i++) {
	if (bytes[i] >> 6 != 2) {
	    return 0;
	}
	code = code << 6 | (bytes[i] & 0x3f);
    }
    return (code >= least[size - 1] && code <= 0x10ffff
	    && code >> 11 != 0xd800 >> 11) ? size : 0;
}

static int
IsName(const char *bytes, size_t length)
{
    size_t at = 0, size;

    while (at < length && (size = Character((const unsigned char *) bytes
	    + at, length - at)) > 0) {
	at += size;
    }
    return length > 0 && length <= SS_COUNTER_SIZE && at == length;
}

int
SsCounterNameSet(SsCounterName *namePtr, const char *bytes, size_t length)
{
    if (!IsName(bytes, length)) {
	return -1;
    }
    memset(namePtr->words, 0xff, SS_COUNTER_SIZE);
    memcpy(namePtr->words, bytes, length);
    namePtr->words[SS_COUNTER_WORDS] = SS_COUNTER_NAMED + length;
    return 0;
}

size_t
SsCounterNameGet(const SsCounter *counterPtr, char bytes[SS_COUNTER_SIZE])
{
    SsCounterName found, wanted;
    uint64_t length = __atomic_load_n(
	    &counterPtr->name.words[SS_COUNTER_WORDS], __ATOMIC_ACQUIRE)
	    - SS_COUNTER_NAMED;
    int i;

    for (i = 0; i < SS_COUNTER_WORDS; i++) {
	found.words[i] = __atomic_load_n(&counterPtr->name.words[i],
		__ATOMIC_RELAXED);
    }
    memcpy(bytes, found.words, SS_COUNTER_SIZE);
    if (length > SS_COUNTER_SIZE
	    || SsCounterNameSet(&wanted, bytes, length) < 0
	    || memcmp(wanted.words, found.words, SS_COUNTER_SIZE) != 0) {
	return 0;
    }
    return length;
}

SsCounter *
SsCounterFind(SsCounter *counters, const SsCounterName *namePtr)
{
    int i, word;

    for (i = 0; i < SS_COUNTERS_MOST; i++) {
	word = 0;
	while (word <= SS_COUNTER_WORDS && __atomic_load_n(
		&counters[i].name.words[word], __ATOMIC_ACQUIRE)
		== namePtr->words[word]) {
	    word++;
	}
	if (word > SS_COUNTER_WORDS) {
	    return &counters[i];
	}
    }
    return NULL;
}

/*
 * Whether a word is this one, or was none until now.  It is looked at first:
 * to try to write would take the cache line from all others.
 */
static int
ClaimWord(uint64_t *wordPtr, uint64_t wanted)
{
    uint64_t found = __atomic_load_n(wordPtr, __ATOMIC_ACQUIRE);

    return found == wanted || (found == 0
	    && (__atomic_compare_exchange_n(wordPtr, &found, wanted, 0,
	    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) || found == wanted));
}

SsCounter *
SsCounterClaim(SsCounter *counters, const SsCounterName *namePtr)
{
    int i, word;

    for (i = 0; i < SS_COUNTERS_MOST; i++) {
	word = 0;
	while (word <= SS_COUNTER_WORDS && ClaimWord(
		&counters[i].name.words[word], namePtr->words[word])) {
	    word++;
	}
	if (word > SS_COUNTER_WORDS) {
	    return &counters[i];
	}
    }
    return NULL;
}

int64_t
SsCounterValue(const SsCounter *counterPtr)
{
    return __atomic_load_n(&counterPtr->value, __ATOMIC_RELAXED);
}

int64_t
SsCounterAdd(SsCounter *counterPtr, int64_t n)
{
    return __atomic_add_fetch(&counterPtr->value, n, __ATOMIC_RELAXED);
}

void
SsCounterSet(SsCounter *counterPtr, int64_t value)
{
    __atomic_store_n(&counterPtr->value, value, __ATOMIC_RELAXED);
}
