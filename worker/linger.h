/*
 * Channels that outlive their "close" because Tcl still writes to them in the
 * background.  Nobody is told when Tcl has written the last byte and closes
 * one, so an event loop that Tcl's own notifier runs, where that happens, looks
 * at a few of them now and then.  With our notifier nothing here is needed.
 */

#ifndef SS_LINGER_H
#define SS_LINGER_H

/*
 * From now on this thread's event loop calls noteProc before it waits, which
 * returns how many may be closed one day; while there are any, soon after it
 * has run, sweepProc, which looks at some and returns 0 after the last.
 */
void		SsLingerWatch(int (*noteProc)(void), int (*sweepProc)(void));

#endif /* SS_LINGER_H */
