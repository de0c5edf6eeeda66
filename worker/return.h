/*
 * The way back: what workers tell the server about a port, on a pair of its
 * own, which all of its generations share.
 */

#ifndef SS_RETURN_H
#define SS_RETURN_H

#include <stdint.h>

/* What is told; internal/queue/return.go states the same layout. */

#define SS_RETURN_ENDED 1	/* So many connections are closed. */

typedef struct SsReturnMessage {
    uint8_t version;		/* SS_MESSAGE_VERSION. */
    uint8_t kind;		/* SS_RETURN_... */
    uint16_t reserved;		/* 0. */
    uint32_t number;
} SsReturnMessage;		/* 8 bytes. */

/*
 * In a worker, without waiting.  Returns 0 or an errno: EAGAIN when the server
 * reads too slowly, ENOENT when the port has no return.
 */
int		SsReturnSend(int port, int kind, uint32_t number);

#endif /* SS_RETURN_H */
