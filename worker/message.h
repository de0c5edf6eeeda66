/*
 * One message of a queue, as it stands on the wire between the reactor (Go,
 * internal/queue) and the workers (C, arrival.c), and as workers give a
 * connection back (return.c).  One message hands over one connection, whose
 * descriptor travels beside it as SCM_RIGHTS.  Both ends run on one machine, so
 * integers are in host byte order.  internal/queue/message.go states the same
 * layout; worker/wiretest holds the two together.
 */

#ifndef SS_MESSAGE_H
#define SS_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#define SS_MESSAGE_VERSION 2

/* What a message asks of the worker that receives it... */

#define SS_KIND_CONNECTION 1	/* Serve the connection that comes along. */
#define SS_KIND_RETIRE	   2	/* Ask for nothing more; no descriptor. */
#define SS_KIND_NUDGE	   3	/* Nothing: it only wakes, in case that who
				 * was woken for a message before it didn't
				 * live to receive it; no descriptor. */

/* ...and of the server that gets it back. */

#define SS_KIND_PARK	   4	/* Wait for the client's next request. */
#define SS_KIND_UNSERVED   5	/* Nobody served it, nor will. */
#define SS_KIND_REPORT	   6	/* An SsReport; no descriptor. */
#define SS_KIND_STACK	   7	/* An SsStackAnswer; no descriptor. */
#define SS_KIND_ASK	   8	/* This worker asks something on the pair whose
				 * other end comes along. */

/* Flags of a connection. */

#define SS_FLAG_SKIP_RESET 1	/* Not to be served if its client has reset
				 * it... */
#define SS_FLAG_SKIP_HALF  2	/* ...or has sent its end. */
#define SS_FLAGS	   3	/* All of them. */

#define SS_FAMILY_UNIX	   1

typedef struct SsMessage {
    uint8_t version;		/* SS_MESSAGE_VERSION. */
    uint8_t kind;		/* SS_KIND_... */
    uint8_t family;		/* Of the peer's address: 4, 6, SS_FAMILY_UNIX,
				 * or 0: none. */
    uint8_t flags;		/* SS_FLAG_... */
    uint16_t port;		/* The peer's. */
    uint16_t listener;		/* By which of the queue's listeners it came,
				 * from 0. */
    uint64_t accepted;		/* When: nanoseconds of CLOCK_MONOTONIC. */
    uint64_t ready;		/* Since when it waits for a worker. */
    uint8_t address[16];	/* The peer's, network byte order; an IPv4
				 * address takes the first four bytes.  Of a
				 * Unix peer: pid, uid, gid, 4 bytes each. */
    uint32_t scope;		/* Interface of an IPv6 link-local address,
				 * 0: none. */
    uint32_t patience;		/* In milliseconds: after so long it isn't
				 * served.  Parked: for how long at most.  0:
				 * no bound, or the listener's. */
    uint32_t id;		/* To report it by, 0: nobody counts it. */
    uint32_t requests;		/* How often a handler was called with it. */
    uint16_t tag;		/* Bytes of its tag... */
    uint16_t proxy;		/* ...and, behind them, of PROXY data: a Tcl
				 * dict. */
    uint8_t reserved;		/* 0. */
} SsMessage;

/*
 * The structure's first 61 bytes, then tag and PROXY data, padded with zeros to
 * whole blocks.  A nudge is one block.  So a queue's length in bytes tells how
 * many other messages there are, fewer than a block has bytes: 61 * 277 is 1
 * modulo 512.
 */

#define SS_MESSAGE_SIZE	   61
#define SS_MESSAGE_BLOCK   512
#define SS_MESSAGE_INVERSE 277
#define SS_TAG_MOST	   256
#define SS_PROXY_MOST	   2560
#define SS_MESSAGE_MOST	   (SS_MESSAGE_SIZE + 6 * SS_MESSAGE_BLOCK)

_Static_assert(offsetof(SsMessage, reserved) + 1 == SS_MESSAGE_SIZE
	&& SS_MESSAGE_SIZE * SS_MESSAGE_INVERSE % SS_MESSAGE_BLOCK == 1
	&& SS_MESSAGE_SIZE + SS_TAG_MOST + SS_PROXY_MOST <= SS_MESSAGE_MOST,
	"the layout of a message");

/* What a worker tells of connections with an id: this and count numbers. */

#define SS_REPORT_MOST	   64
#define SS_REPORT_ENDED	   UINT32_C(0x80000000)
				/* With an id: it is closed.  Without: it has
				 * been taken and will be served. */

typedef struct SsReport {
    uint8_t version;		/* SS_MESSAGE_VERSION. */
    uint8_t kind;		/* SS_KIND_REPORT. */
    uint16_t count;
    uint32_t reserved;		/* 0. */
} SsReport;

_Static_assert(sizeof(SsReport) == 8, "the layout of a report");

/* What a worker answers by the scoreboard's word: this, then UTF-8 text. */

#define SS_ANSWER_MOST	   16384	/* Bytes of the text. */

typedef struct SsStackAnswer {
    uint8_t version;		/* SS_MESSAGE_VERSION. */
    uint8_t kind;		/* SS_KIND_STACK. */
    uint16_t reserved;		/* 0. */
    uint32_t number;		/* Of the question. */
} SsStackAnswer;

_Static_assert(sizeof(SsStackAnswer) == 8, "the layout of an answer");

#endif /* SS_MESSAGE_H */
