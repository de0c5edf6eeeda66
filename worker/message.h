/*
 * One message of a queue, as it stands on the wire between the reactor (Go,
 * internal/queue) and the workers (C, queue.c).  One message hands over one
 * connection, whose descriptor travels beside it as SCM_RIGHTS.  Both ends run
 * on one machine, so integers are in host byte order.
 * internal/queue/message.go states the same layout; worker/wiretest holds the
 * two together.
 */

#ifndef SS_MESSAGE_H
#define SS_MESSAGE_H

#include <stdint.h>

#define SS_MESSAGE_VERSION 1

/* What a message asks of the worker that receives it. */

#define SS_KIND_CONNECTION 1	/* Serve the connection that comes along. */
#define SS_KIND_RETIRE	   2	/* Ask for nothing more; no descriptor. */
#define SS_KIND_NUDGE	   3	/* Nothing: it only wakes, in case that who
				 * was woken for a message before it didn't
				 * live to receive it; no descriptor. */

typedef struct SsMessage {
    uint8_t version;		/* SS_MESSAGE_VERSION. */
    uint8_t kind;		/* SS_KIND_... */
    uint8_t family;		/* Of the peer's address: 4, 6, or 0: none. */
    uint8_t flags;		/* None defined: 0. */
    uint16_t port;		/* The peer's. */
    uint16_t listener;		/* By which of the queue's listeners it came,
				 * from 0. */
    uint64_t accepted;		/* When: nanoseconds of CLOCK_MONOTONIC. */
    uint8_t address[16];	/* The peer's, network byte order; an IPv4
				 * address takes the first four bytes. */
    uint32_t scope;		/* Interface of an IPv6 link-local address,
				 * 0: none. */
    uint32_t reserved2;		/* 0. */
} SsMessage;			/* 40 bytes. */

/*
 * A nudge is no more than version and kind, so that a queue's length in bytes
 * tells how many other messages there are.
 */

#define SS_NUDGE_SIZE	   2

#endif /* SS_MESSAGE_H */
