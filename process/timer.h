/*
 * Timers on a clock that nobody sets.  Those of Tcl 8.6 stand still for as long
 * as the wall clock was set back.
 *
 * A timer belongs to the thread that starts it, fires once, from that thread's
 * event loop, and does not survive a fork.
 */

#ifndef SS_TIMER_H
#define SS_TIMER_H

#include <stdint.h>

typedef struct SsTimer SsTimer;
typedef void SsTimerProc(void *clientData);

/* Where no descriptor is to be had, the wall clock has to do. */
SsTimer *	SsTimerStart(int64_t milliseconds, SsTimerProc *proc,
		    void *clientData);

/* Of this thread, and not fired yet. */
void		SsTimerCancel(SsTimer *timerPtr);

/* In a forked child, back in Tcl: the timers were the parent's. */
void		SsTimersForget(void);

#endif /* SS_TIMER_H */
