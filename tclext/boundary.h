/*
 * boundary.h --
 *
 *	What crosses between C and Go: the one export, and messages.
 */

#ifndef SS_BOUNDARY_H
#define SS_BOUNDARY_H

#include <stdint.h>

#define SS_MAX_ADDRESSES 8	/* Of a listener. */
#define SS_PASSED_MOST	64	/* Descriptors that are taken over. */

/*
 * A descriptor that the process was started with, as systemd does it.  It has
 * its number and is close-on-exec.
 */

typedef struct SsPassed {
    int fd;
    char name[256];
} SsPassed;

/*
 * What ssGoStart answers.
 */

typedef struct SsStarted {
    int numUseless;		/* Descriptors of Go's in the process's table
				 * that a forked child has no use for. */
    int useless[4];
    int numPassed;		/* When it is called first. */
    SsPassed passed[SS_PASSED_MOST];
    int posix;			/* Why it failed, or what could not be passed
				 * on: an errno, or 0 when the error is
				 * ours. */
    char message[256];		/* One line, NUL-terminated. */
} SsStarted;

/*
 * What a packet of a control socket begins with; internal/control states the
 * same layout.  Text follows.
 */

#define SS_PACKET_TEXT	4096	/* The longest text of a packet... */
#define SS_PACKET_FDS	64	/* ...and how many descriptors it has. */
#define SS_CONTROL_TEXT	(16 << 20)
				/* The longest text of a message. */

typedef struct SsControlHeader {
    uint32_t id;		/* An answer's is its request's; 0: a
				 * notice. */
    int32_t posix;		/* In an answer or notice: an errno or 0. */
    uint32_t more;		/* Not 0: a packet follows. */
    char name[20];		/* What is asked; otherwise why something
				 * failed, "": it is done. */
    int64_t numbers[2];		/* What a request or a notice is about. */
} SsControlHeader;

#endif /* SS_BOUNDARY_H */
