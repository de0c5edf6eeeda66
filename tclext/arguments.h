/*
 * arguments.h --
 *
 *	What the commands share: words in, results out.  A wrong call is an
 *	error with the errorCode {SOCKETSERVER USAGE}; what answers an int
 *	here answers a Tcl completion code.
 *
 *	A command is a table of subcommands.  The usage of each says which
 *	words it has, "id slot text" or "?-port port? ?-closed cmd? handler",
 *	or, the last perhaps not given, "id slot ?text?", and a table of kinds
 *	what those names stand for.
 */

#ifndef SS_ARGUMENTS_H
#define SS_ARGUMENTS_H

#include <tcl.h>

#define SS_WORDS_MOST 32	/* Of a usage, options included. */

/* What was given for a word of a usage. */

typedef struct SsWord {
    Tcl_Obj *objPtr;		/* NULL: one that needn't be, and wasn't. */
    int number;			/* What its kind made of it. */
} SsWord;

/*
 * What a word must be.  A table is one of words, where those that it doesn't
 * name may be any text, or of all options of a subcommand, whose other words
 * may be any text.  It ends with a kind without name.
 */

typedef struct SsKind SsKind;
typedef int (SsKindProc)(Tcl_Interp *interp, const SsKind *kindPtr,
	SsWord *wordPtr);

struct SsKind {
    const char *name;		/* As in a usage. */
    int least, most;		/* Of a number; most 0: none. */
    SsKindProc *proc;		/* Checks instead, and may set the number.
				 * Words before this one are at -1, -2... */
};

/* A command prefix of at least "least" words. */

SsKindProc	SsPrefixKind;

/* Seconds, made milliseconds; what isn't nothing is at least one. */

SsKindProc	SsSecondsKind;

/*
 * A subcommand.  A table of them ends with one without name.  The procedure is
 * called with that name and all of its words: options in the order of their
 * kinds, then the others.
 */

typedef int (SsSubcommandProc)(Tcl_Interp *interp, const char *name,
	const SsWord *words);

typedef struct SsSubcommand {
    const char *name;
    SsSubcommandProc *proc;
    const char *usage;
    const SsKind *kinds;
} SsSubcommand;

/* A command that is made of subcommands; the client data is their table. */

Tcl_ObjCmdProc SsSubcommandObjCmd;

/*
 * Reads such words from anywhere.  An error repeats those "before" them, which
 * objv begins with.
 */

int		SsReadWords(Tcl_Interp *interp, const char *usage,
		    const SsKind *kinds, int before, int objc,
		    Tcl_Obj *const objv[], SsWord words[SS_WORDS_MOST]);

/*
 * A single word.  "what" says in the message what it is.  A table lasts for
 * ever, is one of structures of that size that begin with a name, and ends with
 * NULL.
 */

int		SsGetIndex(Tcl_Interp *interp, Tcl_Obj *objPtr,
		    const void *tablePtr, int size, const char *what,
		    int *indexPtr);
int		SsGetNumber(Tcl_Interp *interp, Tcl_Obj *objPtr,
		    const char *what, int least, int most, int *numberPtr);

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

/* Makes a number the result; TCL_OK. */

int		SsResultNumber(Tcl_Interp *interp, Tcl_WideInt value);

/* An entry for a dict that isn't shared. */

void		SsPutNumber(Tcl_Obj *dictPtr, const char *key,
		    Tcl_WideInt value);
void		SsPutText(Tcl_Obj *dictPtr, const char *key,
		    const char *value);

#endif /* SS_ARGUMENTS_H */
