/*
 * arguments.h --
 *
 *	What the commands share: words in, dicts out, and the errorCode
 *	{SOCKETSERVER USAGE} for a wrong call.
 */

#ifndef SS_ARGUMENTS_H
#define SS_ARGUMENTS_H

#include <tcl.h>

/*
 * A subcommand of a command.  A table of them ends with an entry without
 * name.
 */

#define SS_OPTIONS (-1)		/* As "most": any number of options, each with
				 * its value, before the "least" words. */

typedef int (SsSubcommandProc)(Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[]);

typedef struct SsSubcommand {
    const char *name;
    SsSubcommandProc *proc;
    int least, most;		/* How many words follow the name. */
    const char *usage;		/* What they are. */
} SsSubcommand;

/*
 * SsSubcommandObjCmd --
 *
 *	A command that is made of subcommands; the client data is their table.
 *	Finds the one that objv[1] names, checks how many words follow and
 *	calls it.
 *
 * SsGetIndex --
 *
 *	Looks a word up in a table of names; "what" says in the message what
 *	they are.
 *
 * SsGetNumber --
 *
 *	Reads a number from least to most, written in any way that Tcl takes
 *	for an integer.
 *
 * SsCheckPrefix --
 *
 *	Whether a word can be a command prefix: a list that isn't empty.
 *
 * SsBadValue --
 *
 *	Tells that a word can't be what an option or argument, "what", must
 *	be.
 *
 * SsWrongArgs --
 *
 *	Tells of a wrong number of words: the first "count" of them, then
 *	"usage".
 *
 * SsUsageError --
 *
 *	Gives a message of Tcl's own our errorCode.
 *
 * All of these return a Tcl completion code; an error has the errorCode
 * {SOCKETSERVER USAGE}.
 *
 * SsPutNumber, SsPutText --
 *
 *	Add an entry to a new dict.
 *
 * Process: both.
 */

int		SsSubcommandObjCmd(void *clientData, Tcl_Interp *interp,
		    int objc, Tcl_Obj *const objv[]);
int		SsGetIndex(Tcl_Interp *interp, Tcl_Obj *objPtr,
		    const char *const *tablePtr, const char *what,
		    int *indexPtr);
int		SsGetNumber(Tcl_Interp *interp, Tcl_Obj *objPtr,
		    const char *what, int least, int most, int *numberPtr);
int		SsCheckPrefix(Tcl_Interp *interp, Tcl_Obj *prefixPtr);
int		SsBadValue(Tcl_Interp *interp, Tcl_Obj *objPtr,
		    const char *what, const char *expected);
int		SsWrongArgs(Tcl_Interp *interp, int count,
		    Tcl_Obj *const objv[], const char *usage);
int		SsUsageError(Tcl_Interp *interp);
void		SsPutNumber(Tcl_Obj *dictPtr, const char *key,
		    Tcl_WideInt value);
void		SsPutText(Tcl_Obj *dictPtr, const char *key,
		    const char *value);

#endif /* SS_ARGUMENTS_H */
