/*
 * slot.h --
 *
 *	Room for a descriptor.  At the limit recvmsg succeeds all the same,
 *	drops the descriptor, and the connection is gone.  So whoever waits
 *	on a queue holds one descriptor in reserve, a slot, and gives it up
 *	just before it receives.  A worker that can't get a slot doesn't wait:
 *	it leaves the connections to the others.
 */

#ifndef SS_SLOT_H
#define SS_SLOT_H

#include "queue.h"

/*
 * SsSlotHold --
 *
 *	Sees to it that *slotPtr (-1: none) holds a descriptor below the given
 *	bound (0: no bound).  Returns 0, or an errno: EMFILE, ENFILE, or
 *	ERANGE when the lowest free descriptor is not below the bound.
 *
 * Process: worker.
 */

int SsSlotHold(int *slotPtr, int queueFd, int bound);

/*
 * SsSlotRelease --
 *
 *	Gives the slot up, so that the descriptor to be received finds room.
 *	Returns 0, or EMFILE when the limit has been lowered since and giving
 *	it up would make no room; the slot is then given up, too.
 *
 * Process: worker.
 */

int SsSlotRelease(int *slotPtr);

/*
 * SsSlotReceive --
 *
 *	Receives without waiting (see SsQueueReceive), having made sure of room
 *	below the bound.  SS_RECEIVE_FAILED with errno as from the two above when
 *	there is none; the queue's end is seen all the same.
 *
 * Process: worker.
 */

SsReceiveStatus	SsSlotReceive(int *slotPtr, int queueFd, int bound,
		    SsArrival *arrivalPtr);

/*
 * SsSlotsBelow --
 *
 *	Whether so many more descriptors, but for a limit of the process, would
 *	all be below the bound.
 *
 * Process: worker.
 */

int		SsSlotsBelow(int count, int queueFd, int bound);

#endif /* SS_SLOT_H */
