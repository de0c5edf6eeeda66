/*
 * limit.h --
 *
 *	How many descriptors this process may have open: the soft
 *	RLIMIT_NOFILE.  Go's start raises it; whoever needs more than the
 *	application was given asks for it.  Children and the programs that
 *	they become have what the process had at first.  Nothing here knows
 *	Tcl.
 */

#ifndef SS_LIMIT_H
#define SS_LIMIT_H

/*
 * SsLimitSave, SsLimitPutBack --
 *
 *	Before and after Go starts in this process: undo what that raised.
 *	PutBack may be called once more, and does nothing then.
 *
 * SsLimitRaise --
 *
 *	Raises the limit to at least "wanted", as far as the hard limit lets
 *	it.  Returns what it is now, or -1 with errno set.
 *
 * SsLimitGet --
 *
 *	The limit, and how many descriptors are open.  Returns 0 or an errno.
 *
 * SsLimitForget --
 *
 *	In a forked child: puts back what SsLimitRaise raised, unless somebody
 *	else has set another limit since.  Safe between fork and exec.
 *
 * Process: server; the second two any.
 */

void		SsLimitSave(void);
void		SsLimitPutBack(void);
int		SsLimitRaise(int wanted);
int		SsLimitGet(int *limitPtr, int *openPtr);
void		SsLimitForget(void);

#endif /* SS_LIMIT_H */
