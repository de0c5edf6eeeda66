#include "stack.h"

#include <stdio.h>
#include <string.h>

#define MOST_COMMAND 120	/* Characters of a command. */
#define MOST_NAME    256	/* Bytes of a name. */
#define MOST_WHO     (2 * MOST_NAME + 32)
#define MOST_LINE    (MOST_WHO + MOST_NAME + 4 * MOST_COMMAND + 64)
#define ROOM	     64		/* For the last line of each interpreter. */
#define NESTING	     16		/* What our own evaluation may need more. */
#define OURS	     "::socketserver::"

static int
IsOurs(const char *name)
{
    return name != NULL && strncmp(name, OURS, strlen(OURS)) == 0;
}

/*
 * Evaluates a command and returns its result, the caller's; NULL: an error.  A
 * list gets a frame of its own, without which "info frame" would crash where
 * there is no other.
 */
static Tcl_Obj *
Evaluate(Tcl_Interp *interp, int count, Tcl_Obj *const words[])
{
    Tcl_Obj *listPtr = Tcl_NewListObj(count, words), *resultPtr = NULL;

    Tcl_IncrRefCount(listPtr);
    if (Tcl_EvalObjEx(interp, listPtr, TCL_EVAL_DIRECT) == TCL_OK) {
	resultPtr = Tcl_GetObjResult(interp);
	Tcl_IncrRefCount(resultPtr);
    }
    Tcl_DecrRefCount(listPtr);
    return resultPtr;
}

/* Tcl's own, whatever the application has made of "info". */
static Tcl_Obj *
Info(Tcl_Interp *interp, const char *what, Tcl_Obj *wordPtr)
{
    Tcl_Obj *words[3], *namePtr = Tcl_ObjPrintf("::tcl::info::%s", what);
    int count = 0;

    Tcl_IncrRefCount(namePtr);
    if (Tcl_FindCommand(interp, Tcl_GetString(namePtr), NULL, 0) != NULL) {
	words[count++] = namePtr;
    } else {
	words[count++] = Tcl_NewStringObj("::info", -1);
	words[count++] = Tcl_NewStringObj(what, -1);
    }
    if (wordPtr != NULL) {
	words[count++] = wordPtr;
    }
    wordPtr = Evaluate(interp, count, words);
    Tcl_DecrRefCount(namePtr);
    return wordPtr;
}

/* How many frames there are, ours the last of them. */
static int
Depth(Tcl_Interp *interp)
{
    Tcl_Obj *resultPtr = Info(interp, "frame", NULL);
    int depth = 0;

    if (resultPtr != NULL) {
	Tcl_GetIntFromObj(NULL, resultPtr, &depth);
	Tcl_DecrRefCount(resultPtr);
    }
    return depth;
}

/* A frame's dict, the caller's, or NULL. */
static Tcl_Obj *
Frame(Tcl_Interp *interp, int level)
{
    return Info(interp, "frame", Tcl_NewIntObj(level));
}

/* What a frame says, NULL: nothing. */
static const char *
Get(Tcl_Obj *framePtr, const char *key)
{
    Tcl_Obj *keyPtr = Tcl_NewStringObj(key, -1), *valuePtr = NULL;

    Tcl_IncrRefCount(keyPtr);
    if (framePtr != NULL) {
	Tcl_DictObjGet(NULL, framePtr, keyPtr, &valuePtr);
    }
    Tcl_DecrRefCount(keyPtr);
    return (valuePtr != NULL) ? Tcl_GetString(valuePtr) : NULL;
}

static int
IsOurFrame(Tcl_Obj *framePtr)
{
    return IsOurs(Get(framePtr, "proc")) || IsOurs(Get(framePtr, "class"));
}

void
SsStackLine(SsStack *stackPtr, const char *line)
{
    char *to = stackPtr->text + stackPtr->length;
    char *last = stackPtr->text + SS_STACK_MOST - 1;
    int isEnd;

    if (to > last) {
	return;
    }
    while (*line != '\0' && to < last) {
	isEnd = (*line == '\n');
	*to++ = ((unsigned char) *line < ' ' || *line == 0x7f) ? ' ' : *line;
	do {
	    line++;
	} while (isEnd && (*line == ' ' || *line == '\t' || *line == '\n'));
    }
    *to++ = '\n';
    stackPtr->length = (int) (to - stackPtr->text);
}

/* How many bytes its first characters are; *cutPtr: there are more. */
static int
Cut(const char *text, int characters, int *cutPtr)
{
    const char *at = text;

    while (*at != '\0' && characters > 0) {
	at = Tcl_UtfNext(at);
	characters--;
    }
    *cutPtr = (*at != '\0');
    return (int) (at - text);
}

/* How many bytes of a name there is room for; whole characters only. */
static int
NameSize(const char *name)
{
    size_t length = strlen(name);
    int size = (length < MOST_NAME) ? (int) length : MOST_NAME;

    if (length > MOST_NAME) {
	while (size > 0 && ((unsigned char) name[size] & 0xc0) == 0x80) {
	    size--;
	}
    }
    return size;
}

/* Who has the command: a procedure, a lambda, a method, or nobody. */
static void
Who(Tcl_Obj *framePtr, char *who, size_t size)
{
    const char *name = Get(framePtr, "proc");
    const char *of = Get(framePtr, "class");

    of = (of != NULL) ? of : Get(framePtr, "object");
    if (name != NULL) {
	snprintf(who, size, "proc %.*s", NameSize(name), name);
    } else if (Get(framePtr, "lambda") != NULL) {
	snprintf(who, size, "lambda");
    } else if ((name = Get(framePtr, "method")) != NULL) {
	of = (of != NULL) ? of : "an object";
	snprintf(who, size, "method %.*s of %.*s", NameSize(name), name,
		NameSize(of), of);
    } else {
	who[0] = '\0';
    }
}

static void
AppendPlace(SsStack *stackPtr, const char *who, const char *file,
    const char *number, const char *command)
{
    char line[MOST_LINE];
    int isCut, length = Cut(command, MOST_COMMAND, &isCut);
    const char *named = (file != NULL) ? file : "";

    snprintf(line, sizeof(line), "%s%s%s%.*s, line %s: %.*s%s",
	    who, (who[0] != '\0' && file != NULL) ? ", " : "",
	    (file != NULL) ? "file " : (who[0] == '\0') ? "eval" : "",
	    NameSize(named), named, number, length, command,
	    isCut ? "..." : "");
    SsStackLine(stackPtr, line);
}

static void
AppendFrame(SsStack *stackPtr, Tcl_Obj *framePtr)
{
    const char *command = Get(framePtr, "cmd"), *line = Get(framePtr, "line");
    char who[MOST_WHO];

    Who(framePtr, who, sizeof(who));
    AppendPlace(stackPtr, who, Get(framePtr, "file"),
	    (line != NULL) ? line : "?", (command != NULL) ? command : "?");
}

/* Of the frames above this depth, the first that isn't ours. */
static int
Outermost(Tcl_Interp *interp, int depth, int last)
{
    int level, isOurs = 1;
    Tcl_Obj *framePtr;

    for (level = depth + 1; level <= last && isOurs; level += isOurs) {
	framePtr = Frame(interp, level);
	isOurs = (framePtr != NULL && IsOurFrame(framePtr));
	if (framePtr != NULL) {
	    Tcl_DecrRefCount(framePtr);
	}
    }
    return level;
}

/* Appends frames from the innermost, "last", to the outermost. */
static void
AppendFrames(SsStack *stackPtr, Tcl_Interp *interp, int outermost, int last)
{
    int level, count = 0;
    Tcl_Obj *framePtr;
    char more[ROOM];

    for (level = last; level >= outermost && count < SS_STACK_FRAMES
	    && stackPtr->length < SS_STACK_MOST - MOST_LINE - ROOM;
	    level--) {
	framePtr = Frame(interp, level);
	if (framePtr != NULL) {
	    AppendFrame(stackPtr, framePtr);
	    Tcl_DecrRefCount(framePtr);
	}
	count++;
    }
    if (level >= outermost) {
	snprintf(more, sizeof(more), "... %d more", level - outermost + 1);
	SsStackLine(stackPtr, more);
    }
}

/* The loops of a script, as far as they can be told by their words. */

typedef struct Loops {
    const char *body;
    int count;
    char lines[ROOM];		/* Theirs: "3", "3 or 7". */
    const char *first;		/* The first one... */
    int length;			/* ...and its length. */
} Loops;

static int
IsLoop(const Tcl_Token *wordPtr)
{
    static const char *const names[] = {
	"while", "for", "foreach", "lmap", "::while", "::for", "::foreach",
	"::lmap", NULL
    };
    int i;

    for (i = 0; names[i] != NULL; i++) {
	if (wordPtr->type == TCL_TOKEN_SIMPLE_WORD
		&& (int) strlen(names[i]) == wordPtr->size
		&& strncmp(names[i], wordPtr->start, wordPtr->size) == 0) {
	    return 1;
	}
    }
    return 0;
}

static void
AddLoop(Loops *loopsPtr, const Tcl_Parse *parsePtr)
{
    size_t length = strlen(loopsPtr->lines);
    const char *at;
    int line = 1;

    for (at = loopsPtr->body; at < parsePtr->commandStart; at++) {
	line += (*at == '\n');
    }
    if (loopsPtr->count++ == 0) {
	loopsPtr->first = parsePtr->commandStart;
	loopsPtr->length = (int) (parsePtr->term - parsePtr->commandStart);
    }
    snprintf(loopsPtr->lines + length, sizeof(loopsPtr->lines) - length,
	    "%s%d", (length > 0) ? " or " : "", line);
}

static void	FindLoops(Loops *loopsPtr, const char *script, int length,
		    int depth);

/* Looks at a command: it is a loop, or its words in braces may have some. */
static void
FindIn(Loops *loopsPtr, const Tcl_Parse *parsePtr, int depth)
{
    const Tcl_Token *wordPtr = parsePtr->tokenPtr;
    int i;

    if (IsLoop(wordPtr)) {
	AddLoop(loopsPtr, parsePtr);
	return;
    }
    for (i = 0; i < parsePtr->numWords; i++) {
	if (wordPtr->type == TCL_TOKEN_SIMPLE_WORD
		&& wordPtr->start[0] == '{') {
	    FindLoops(loopsPtr, wordPtr->start + 1,
		    (int) wordPtr->size - 2, depth);
	}
	wordPtr += wordPtr->numComponents + 1;
    }
}

static void
FindLoops(Loops *loopsPtr, const char *script, int length, int depth)
{
    const char *end = script + length;
    Tcl_Parse parse;

    while (depth < NESTING && script < end && Tcl_ParseCommand(NULL, script,
	    (int) (end - script), 0, &parse) == TCL_OK) {
	if (parse.numWords > 0) {
	    FindIn(loopsPtr, &parse, depth + 1);
	}
	script = parse.commandStart + parse.commandSize;
	Tcl_FreeParse(&parse);
    }
}

/* What a procedure or lambda consists of, the caller's; NULL: not known. */
static Tcl_Obj *
Body(Tcl_Interp *interp, Tcl_Obj *framePtr)
{
    const char *proc = Get(framePtr, "proc"), *lambda = Get(framePtr, "lambda");
    Tcl_Obj *listPtr, *bodyPtr = NULL;

    if (proc != NULL) {
	return Info(interp, "body", Tcl_NewStringObj(proc, -1));
    }
    if (lambda != NULL) {
	listPtr = Tcl_NewStringObj(lambda, -1);
	Tcl_IncrRefCount(listPtr);
	Tcl_ListObjIndex(NULL, listPtr, 1, &bodyPtr);
	if (bodyPtr != NULL) {
	    Tcl_IncrRefCount(bodyPtr);
	}
	Tcl_DecrRefCount(listPtr);
    }
    return bodyPtr;
}

/*
 * The procedure that runs commands which nobody sees: the compiled ones.  "own"
 * is our own frame, which says whose commands we come between.  They take long
 * in loops only.
 */
static void
AppendInline(SsStack *stackPtr, Tcl_Interp *interp, Tcl_Obj *ownPtr)
{
    Tcl_Obj *bodyPtr = Body(interp, ownPtr), *commandPtr;
    Loops loops = { .body = "", .lines = "" };
    char who[MOST_WHO];

    Who(ownPtr, who, sizeof(who));
    if (bodyPtr != NULL) {
	loops.body = Tcl_GetString(bodyPtr);
	FindLoops(&loops, loops.body, (int) strlen(loops.body), 0);
    }
    commandPtr = (loops.count == 1)
	    ? Tcl_NewStringObj(loops.first, loops.length)
	    : Tcl_NewStringObj("commands that are compiled", -1);
    AppendPlace(stackPtr, who, NULL, (loops.count > 0) ? loops.lines : "?",
	    Tcl_GetString(commandPtr));
    Tcl_DecrRefCount(commandPtr);
    if (bodyPtr != NULL) {
	Tcl_DecrRefCount(bodyPtr);
    }
}

/* Whether it is a frame of the call whose variables are seen now. */
static int
IsThisCall(Tcl_Obj *framePtr)
{
    const char *level = Get(framePtr, "level");

    return level != NULL && strcmp(level, "0") == 0;
}

/* What is innermost, our own frame and the one that it stands on. */
static void
AppendInnermost(SsStack *stackPtr, Tcl_Interp *interp, int depth, int own)
{
    Tcl_Obj *ownPtr = Frame(interp, own);
    Tcl_Obj *framePtr = (own > depth + 1) ? Frame(interp, own - 1) : NULL;
    char who[MOST_WHO] = "";

    if (ownPtr != NULL) {
	Who(ownPtr, who, sizeof(who));
    }
    if (who[0] != '\0' && IsThisCall(ownPtr) && !IsThisCall(framePtr)) {
	stackPtr->isInline = 1;
	stackPtr->isOurs = IsOurFrame(ownPtr);
	if (!stackPtr->isOurs) {
	    AppendInline(stackPtr, interp, ownPtr);
	}
    } else {
	stackPtr->isOurs = (framePtr == NULL || IsOurFrame(framePtr));
    }
    if (ownPtr != NULL) {
	Tcl_DecrRefCount(ownPtr);
    }
    if (framePtr != NULL) {
	Tcl_DecrRefCount(framePtr);
    }
}

void
SsStackAppend(SsStack *stackPtr, Tcl_Interp *interp, int depth)
{
    Tcl_InterpState state = Tcl_SaveInterpState(interp, TCL_OK);
    int nesting = Tcl_SetRecursionLimit(interp, 0), own;

    Tcl_SetRecursionLimit(interp, nesting + NESTING);
    own = Depth(interp);
    if (own > 0) {
	if (stackPtr->length == 0) {
	    AppendInnermost(stackPtr, interp, depth, own);
	}
	AppendFrames(stackPtr, interp, Outermost(interp, depth, own - 1),
		own - 1);
    }
    Tcl_SetRecursionLimit(interp, nesting);
    Tcl_RestoreInterpState(interp, state);
}

int
SsStackDepth(Tcl_Interp *interp)
{
    Tcl_InterpState state = Tcl_SaveInterpState(interp, TCL_OK);
    int depth = Depth(interp) - 1;

    Tcl_RestoreInterpState(interp, state);
    return (depth > 0) ? depth : 0;
}
