/*
 * arguments.h --
 *
 *	What the commands share: words in, dicts out.  A wrong call is an
 *	error with the errorCode {SOCKETSERVER USAGE}; what answers an int
 *	here answers a Tcl completion code.
 */

#ifndef SS_ARGUMENTS_H
#define SS_ARGUMENTS_H

#include <tcl.h>

#define SS_OPTIONS (-1)		/* As "most": any number of options, each with
				 * its value, before the "least" words. */

typedef int (SsSubcommandProc)(Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[]);

/*
 * A subcommand of a command.  A table of them ends with an entry without
 * name.
 */

typedef struct SsSubcommand {
    const char *name;
    SsSubcommandProc *proc;
    int least, most;		/* How many words follow the name. */
    const char *usage;		/* What they are. */
} SsSubcommand;

/*
 * A command that is made of subcommands; the client data is their table.
 * Each is called with as many words as it says.
 */

int		SsSubcommandObjCmd(void *clientData, Tcl_Interp *interp,
		    int objc, Tcl_Obj *const objv[]);

/*
 * Words in.  "what" says in the message what the word is: an option or an
 * argument.  A table of names ends with NULL.  A prefix is a list that isn't
 * empty.
 */

int		SsGetIndex(Tcl_Interp *interp, Tcl_Obj *objPtr,
		    const char *const *tablePtr, const char *what,
		    int *indexPtr);
int		SsGetNumber(Tcl_Interp *interp, Tcl_Obj *objPtr,
		    const char *what, int least, int most, int *numberPtr);
int		SsCheckPrefix(Tcl_Interp *interp, Tcl_Obj *prefixPtr);

/*
 * Errors: a word that isn't what it must be; a wrong number of words, with the
 * first "count" of them and "usage" in the message; a message of Tcl's own,
 * which gets our errorCode.
 */

int		SsBadValue(Tcl_Interp *interp, Tcl_Obj *objPtr,
		    const char *what, const char *expected);
int		SsWrongArgs(Tcl_Interp *interp, int count,
		    Tcl_Obj *const objv[], const char *usage);
int		SsUsageError(Tcl_Interp *interp);

/* Dicts out: an entry for a dict that isn't shared. */

void		SsPutNumber(Tcl_Obj *dictPtr, const char *key,
		    Tcl_WideInt value);
void		SsPutText(Tcl_Obj *dictPtr, const char *key,
		    const char *value);

#endif /* SS_ARGUMENTS_H */
