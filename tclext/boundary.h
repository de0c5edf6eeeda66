/*
 * boundary.h --
 *
 *	What crosses between C and Go: the one export, and messages.
 */

#ifndef SS_BOUNDARY_H
#define SS_BOUNDARY_H

#include <stdint.h>

#define SS_MAX_ADDRESSES 8	/* Of a listener. */
#define SS_ERROR_SIZE	256

/*
 * Why something failed.
 */

typedef struct SsGoError {
    int posix;			/* An errno, or 0 when the error is ours. */
    char message[SS_ERROR_SIZE];/* One line, NUL-terminated. */
} SsGoError;

/*
 * What ssGoStart answers.
 */

typedef struct SsStarted {
    int numUseless;		/* Descriptors of Go's in the process's table
				 * that a forked child has no use for. */
    int useless[4];
    SsGoError error;
} SsStarted;

/*
 * What a packet of a control socket begins with; internal/control states the
 * same layout.  Text follows, or, where it is longer than SS_CONTROL_INLINE,
 * comes in a memory file, the last of the descriptors.
 */

#define SS_CONTROL_NUMBERS 8
#define SS_CONTROL_FDS	   10
#define SS_CONTROL_INLINE  4096
#define SS_CONTROL_TEXT	   (16 << 20)
				/* The longest text. */

typedef struct SsControlHeader {
    uint32_t id;		/* An answer's is its request's; 0: a
				 * notice. */
    int32_t posix;		/* In an answer or notice: an errno or 0. */
    uint32_t length;		/* Of the text. */
    uint32_t numFds;		/* How many descriptors were sent. */
    char name[16];		/* What is asked or told; in an answer why
				 * not, "": done. */
    int64_t numbers[SS_CONTROL_NUMBERS];
} SsControlHeader;

#endif /* SS_BOUNDARY_H */
