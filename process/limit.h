/*
 * What this process may have of descriptors: how many, the soft RLIMIT_NOFILE,
 * and how high, for who selects on them.  Nothing here knows Tcl.
 *
 * Go's start raises the limit; whoever needs more than the application was
 * given asks for it.  Children and the programs that they become have what the
 * process had at first.
 */

#ifndef SS_LIMIT_H
#define SS_LIMIT_H

/*
 * Before and after Go starts in this process: undo what that raised.  PutBack
 * may be called once more, and does nothing then.
 */
void		SsLimitSave(void);
void		SsLimitPutBack(void);

/*
 * Raises the limit to at least "wanted", as far as the hard limit lets it.
 * Returns what it is now, or -1 with errno set.
 */
int		SsLimitRaise(int wanted);

/*
 * Moves a descriptor to 3 or above, close-on-exec.  It owns fd (-1: none): the
 * result replaces it, -1 with errno set when there is none.  A daemon may have
 * closed its standard channels, and what took the number of one would become
 * the standard input or output of the programs that a handler starts.
 */
int		SsAboveStdio(int fd);

/* The limit, and how many descriptors are open.  INT_MAX stands for more. */
void		SsLimitGet(int *limitPtr, int *openPtr);

/*
 * In a forked child: puts back what SsLimitRaise raised, unless somebody else
 * has set another limit since.  Safe between fork and exec.
 */
void		SsLimitForget(void);

/*
 * Descriptors must be below this number, 0: no bound.  Tcl 8.6's own notifier
 * waits with select, where a descriptor of FD_SETSIZE or above is memory
 * overwritten.  SsDescriptorsUnbound says that another has taken its place, in
 * this process and those forked from it.
 */
int		SsDescriptorBound(void);
void		SsDescriptorsUnbound(void);

/*
 * As SsAboveStdio, for a descriptor that the event loop shall wait for: -1 with
 * ERANGE where it is not below the bound.
 */
int		SsForEventLoop(int fd);

#endif /* SS_LIMIT_H */
