/*
 * What the tests use of Tclx, for Tcl 9, where many systems don't have it:
 *
 *	dup number			a channel for a descriptor
 *	execl program ?argList?		becomes another program
 *	fork				fork(2), and nothing else
 *	fstat channel ino
 *	id process group set
 *	kill ?signal? pidList
 *	signal ?-restart? action signalList ?script?
 *	wait ?-nohang? ?pid?
 *
 * They behave as those of Tclx do, in results and in errorCode. A signal is
 * counted by its handler, which marks Tcl's own asynchronous one: that
 * evaluates the script between two commands, in the thread that required the
 * package first.
 */

#define _GNU_SOURCE
#include <tcl.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERSION "0.1"

/* An interpreter that has the package. */
struct user {
    Tcl_Interp *interp;
    struct user *next;
};

static Tcl_Mutex usersLock;
static struct user *users;
static Tcl_AsyncHandler async;
static Tcl_ThreadId asyncThread;

static volatile sig_atomic_t pending[NSIG];
static char *scripts[NSIG];	/* NULL: the signal is an error. */

static int
PosixError(Tcl_Interp *interp, const char *what)
{
    Tcl_SetObjResult(interp, Tcl_ObjPrintf("%s failed: %s", what,
	    Tcl_PosixError(interp)));
    return TCL_ERROR;
}

/*
 * Signals.
 */

static void
Count(int number)
{
    if (async != NULL) {
	pending[number]++;
	Tcl_AsyncMark(async);
    }
}

static int
EvalScript(Tcl_Interp *interp, int number)
{
    Tcl_Obj *scriptPtr = Tcl_NewObj();
    const char *rest = scripts[number];
    const char *found;
    int code;

    while ((found = strstr(rest, "%S")) != NULL) {
	Tcl_AppendToObj(scriptPtr, rest, found - rest);
	Tcl_AppendToObj(scriptPtr, Tcl_SignalId(number), -1);
	rest = found + 2;
    }
    Tcl_AppendToObj(scriptPtr, rest, -1);
    Tcl_IncrRefCount(scriptPtr);
    code = Tcl_EvalObjEx(interp, scriptPtr, TCL_EVAL_GLOBAL);
    Tcl_DecrRefCount(scriptPtr);
    return code;
}

static int
HandleSignal(Tcl_Interp *interp, int number)
{
    while (pending[number] > 0) {
	if (scripts[number] == NULL) {
	    pending[number] = 0;
	    Tcl_SetErrorCode(interp, "POSIX", "SIG", Tcl_SignalId(number),
		    (char *) NULL);
	    Tcl_SetObjResult(interp, Tcl_ObjPrintf("%s signal received",
		    Tcl_SignalId(number)));
	    return TCL_ERROR;
	}
	pending[number]--;
	if (EvalScript(interp, number) == TCL_ERROR) {
	    return TCL_ERROR;
	}
    }
    return TCL_OK;
}

static Tcl_Interp *
AnyInterp(void)
{
    Tcl_Interp *interp = NULL;

    Tcl_MutexLock(&usersLock);
    if (users != NULL) {
	interp = users->interp;
    }
    Tcl_MutexUnlock(&usersLock);
    return interp;
}

/* The command that has just ended keeps its result unless a signal fails. */
static int
AsyncProc(void *clientData, Tcl_Interp *given, int code)
{
    Tcl_Interp *interp = given != NULL ? given : AnyInterp();
    Tcl_InterpState state;
    int number, failed = 0;

    (void) clientData;
    if (interp == NULL) {
	return code;
    }
    Tcl_Preserve(interp);
    state = Tcl_SaveInterpState(interp, code);
    for (number = 1; number < NSIG && !failed; number++) {
	failed = HandleSignal(interp, number) == TCL_ERROR;
    }
    if (!failed) {
	code = Tcl_RestoreInterpState(interp, state);
    } else {
	Tcl_DiscardInterpState(state);
	code = TCL_ERROR;
	if (given == NULL) {
	    Tcl_BackgroundException(interp, code);
	}
	if (async != NULL) {
	    Tcl_AsyncMark(async);	/* There may be others. */
	}
    }
    Tcl_Release(interp);
    return code;
}

/* By name, with or without SIG, or by number. */
static int
GetSignal(Tcl_Interp *interp, Tcl_Obj *objPtr, int *numberPtr)
{
    const char *name = Tcl_GetString(objPtr);
    int number;

    if (Tcl_GetIntFromObj(NULL, objPtr, &number) == TCL_OK && number >= 0
	    && number < NSIG) {
	*numberPtr = number;
	return TCL_OK;
    }
    for (number = 1; number < NSIG; number++) {
	const char *id = Tcl_SignalId(number);

	if (strcmp(id, name) == 0 || (strncmp(id, "SIG", 3) == 0
		&& strcmp(id + 3, name) == 0)) {
	    *numberPtr = number;
	    return TCL_OK;
	}
    }
    Tcl_SetObjResult(interp, Tcl_ObjPrintf("invalid signal \"%s\"", name));
    return TCL_ERROR;
}

static int
SetAction(Tcl_Interp *interp, int number, void (*handler)(int), int flags,
	Tcl_Obj *scriptPtr)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

    free(scripts[number]);
    scripts[number] = scriptPtr == NULL ? NULL
	    : strdup(Tcl_GetString(scriptPtr));
    sigfillset(&action.sa_mask);
    if (sigaction(number, &action, NULL) < 0) {
	return PosixError(interp, "sigaction");
    }
    return TCL_OK;
}

/* {name {action blocked script restart}} */
static Tcl_Obj *
Describe(int number)
{
    struct sigaction action;
    sigset_t blocked;
    Tcl_Obj *statePtr, *words[2];

    sigaction(number, NULL, &action);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    statePtr = Tcl_NewListObj(0, NULL);
    Tcl_ListObjAppendElement(NULL, statePtr, Tcl_NewStringObj(
	    action.sa_handler == SIG_DFL ? "default"
	    : action.sa_handler == SIG_IGN ? "ignore"
	    : action.sa_handler != Count ? "unknown"
	    : scripts[number] == NULL ? "error" : "trap", -1));
    Tcl_ListObjAppendElement(NULL, statePtr,
	    Tcl_NewIntObj(sigismember(&blocked, number)));
    Tcl_ListObjAppendElement(NULL, statePtr,
	    Tcl_NewStringObj(scripts[number] ? scripts[number] : "", -1));
    Tcl_ListObjAppendElement(NULL, statePtr,
	    Tcl_NewIntObj((action.sa_flags & SA_RESTART) != 0));
    words[0] = Tcl_NewStringObj(Tcl_SignalId(number), -1);
    words[1] = statePtr;
    return Tcl_NewListObj(2, words);
}

enum action { BLOCK, DEFAULT, ERROR, GET, IGNORE, TRAP, UNBLOCK };

static int
Act(Tcl_Interp *interp, enum action action, int number, int flags,
	Tcl_Obj *scriptPtr)
{
    sigset_t set;

    switch (action) {
    case BLOCK:
    case UNBLOCK:
	sigemptyset(&set);
	sigaddset(&set, number);
	pthread_sigmask(action == BLOCK ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
	return TCL_OK;
    case GET:
	Tcl_ListObjAppendElement(NULL, Tcl_GetObjResult(interp),
		Describe(number));
	return TCL_OK;
    case DEFAULT:
	return SetAction(interp, number, SIG_DFL, flags, NULL);
    case IGNORE:
	return SetAction(interp, number, SIG_IGN, flags, NULL);
    default:
	return SetAction(interp, number, Count, flags, scriptPtr);
    }
}

static int
SignalCmd(void *clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    static const char *const actions[] = {
	"block", "default", "error", "get", "ignore", "trap", "unblock", NULL
    };
    int restart = objc > 1 && strcmp(Tcl_GetString(objv[1]), "-restart") == 0;
    int action, number, code = TCL_OK;
    Tcl_Size count, i;
    Tcl_Obj **names;

    (void) clientData;
    objc -= restart;
    objv += restart;
    if (objc < 3) {
	Tcl_WrongNumArgs(interp, 1, objv - restart,
		"?-restart? action signalList ?script?");
	return TCL_ERROR;
    }
    if (Tcl_GetIndexFromObj(interp, objv[1], actions, "action", TCL_EXACT,
	    &action) != TCL_OK || Tcl_ListObjGetElements(interp, objv[2],
	    &count, &names) != TCL_OK) {
	return TCL_ERROR;
    }
    if (objc != (action == TRAP ? 4 : 3)) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj(
		"a script is for \"trap\", which needs one", -1));
	return TCL_ERROR;
    }
    for (i = 0; i < count && code == TCL_OK; i++) {
	code = GetSignal(interp, names[i], &number);
	if (code == TCL_OK) {
	    code = Act(interp, action, number, restart ? SA_RESTART : 0,
		    action == TRAP ? objv[3] : NULL);
	}
    }
    return code;
}

static int
KillCmd(void *clientData, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int pid, number = SIGTERM;
    Tcl_Size count, i;
    Tcl_Obj **pids;

    (void) clientData;
    if (objc < 2 || objc > 3) {
	Tcl_WrongNumArgs(interp, 1, objv, "?signal? pidList");
	return TCL_ERROR;
    }
    if ((objc == 3 && GetSignal(interp, objv[1], &number) != TCL_OK)
	    || Tcl_ListObjGetElements(interp, objv[objc - 1], &count, &pids)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    for (i = 0; i < count; i++) {
	if (Tcl_GetIntFromObj(interp, pids[i], &pid) != TCL_OK) {
	    return TCL_ERROR;
	}
	if (kill(pid, number) < 0) {
	    return PosixError(interp, "kill");
	}
    }
    return TCL_OK;
}

/*
 * Processes.
 */

static int
ForkCmd(void *clientData, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    pid_t pid;

    (void) clientData;
    if (objc != 1) {
	Tcl_WrongNumArgs(interp, 1, objv, NULL);
	return TCL_ERROR;
    }
    pid = fork();
    if (pid < 0) {
	return PosixError(interp, "fork");
    }
    Tcl_SetObjResult(interp, Tcl_NewWideIntObj(pid));
    return TCL_OK;
}

/* {pid EXIT code} or {pid SIG name}; {} when -nohang finds none. */
static int
WaitCmd(void *clientData, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    int nohang = objc > 1 && strcmp(Tcl_GetString(objv[1]), "-nohang") == 0;
    int pid = -1, status;

    (void) clientData;
    if (objc > 2 + nohang) {
	Tcl_WrongNumArgs(interp, 1, objv, "?-nohang? ?pid?");
	return TCL_ERROR;
    }
    if (objc == 2 + nohang
	    && Tcl_GetIntFromObj(interp, objv[1 + nohang], &pid) != TCL_OK) {
	return TCL_ERROR;
    }
    pid = waitpid(pid, &status, nohang ? WNOHANG : 0);
    if (pid < 0) {
	return PosixError(interp, "wait for process");
    }
    if (pid > 0 && WIFEXITED(status)) {
	Tcl_SetObjResult(interp, Tcl_ObjPrintf("%d EXIT %d", pid,
		WEXITSTATUS(status)));
    } else if (pid > 0) {
	Tcl_SetObjResult(interp, Tcl_ObjPrintf("%d SIG %s", pid,
		Tcl_SignalId(WTERMSIG(status))));
    }
    return TCL_OK;
}

static int
ExeclCmd(void *clientData, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Tcl_Size count = 0, i;
    Tcl_Obj **words = NULL;
    char **args;

    (void) clientData;
    if (objc < 2 || objc > 3) {
	Tcl_WrongNumArgs(interp, 1, objv, "program ?argList?");
	return TCL_ERROR;
    }
    if (objc == 3 && Tcl_ListObjGetElements(interp, objv[2], &count, &words)
	    != TCL_OK) {
	return TCL_ERROR;
    }
    args = (char **) Tcl_Alloc((count + 2) * sizeof *args);
    args[0] = Tcl_GetString(objv[1]);
    for (i = 0; i < count; i++) {
	args[i + 1] = Tcl_GetString(words[i]);
    }
    args[count + 1] = NULL;
    execvp(args[0], args);
    Tcl_Free(args);
    return PosixError(interp, "exec");
}

static int
IdCmd(void *clientData, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    (void) clientData;
    if (objc != 4 || strcmp(Tcl_GetString(objv[1]), "process")
	    || strcmp(Tcl_GetString(objv[2]), "group")
	    || strcmp(Tcl_GetString(objv[3]), "set")) {
	Tcl_WrongNumArgs(interp, 1, objv, "process group set");
	return TCL_ERROR;
    }
    if (setpgid(0, 0) < 0) {
	return PosixError(interp, "id");
    }
    return TCL_OK;
}

/*
 * Descriptors.
 */

static int
DupCmd(void *clientData, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    struct stat status;
    Tcl_Channel chan;
    char name[40];
    int fd, flags;

    (void) clientData;
    if (objc != 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "number");
	return TCL_ERROR;
    }
    if (Tcl_GetIntFromObj(interp, objv[1], &fd) != TCL_OK) {
	return TCL_ERROR;
    }
    if ((flags = fcntl(fd, F_GETFL)) < 0 || fstat(fd, &status) < 0) {
	return PosixError(interp, "dup");
    }
    snprintf(name, sizeof name, "file%d", fd);
    if (Tcl_GetChannel(interp, name, NULL) != NULL) {
	Tcl_SetObjResult(interp, Tcl_ObjPrintf(
		"descriptor %d has a channel", fd));
	return TCL_ERROR;
    }
    Tcl_ResetResult(interp);
    flags &= O_ACCMODE;
    chan = S_ISSOCK(status.st_mode)
	    ? Tcl_MakeTcpClientChannel((void *) (intptr_t) fd)
	    : Tcl_MakeFileChannel((void *) (intptr_t) fd,
	    (flags == O_WRONLY ? 0 : TCL_READABLE)
	    | (flags == O_RDONLY ? 0 : TCL_WRITABLE));
    Tcl_RegisterChannel(interp, chan);
    Tcl_SetObjResult(interp, Tcl_NewStringObj(Tcl_GetChannelName(chan), -1));
    return TCL_OK;
}

static int
FstatCmd(void *clientData, Tcl_Interp *interp, int objc,
	Tcl_Obj *const objv[])
{
    struct stat status;
    Tcl_Channel chan;
    void *handle;

    (void) clientData;
    if (objc != 3 || strcmp(Tcl_GetString(objv[2]), "ino") != 0) {
	Tcl_WrongNumArgs(interp, 1, objv, "channel ino");
	return TCL_ERROR;
    }
    chan = Tcl_GetChannel(interp, Tcl_GetString(objv[1]), NULL);
    if (chan == NULL) {
	return TCL_ERROR;
    }
    if (Tcl_GetChannelHandle(chan, TCL_READABLE, &handle) != TCL_OK
	    && Tcl_GetChannelHandle(chan, TCL_WRITABLE, &handle) != TCL_OK) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj("no descriptor", -1));
	return TCL_ERROR;
    }
    if (fstat((int) (intptr_t) handle, &status) < 0) {
	return PosixError(interp, "fstat");
    }
    Tcl_SetObjResult(interp, Tcl_NewWideIntObj(status.st_ino));
    return TCL_OK;
}

/*
 * The package.
 */

/* With the last interpreter the handler goes. */
static void
Forget(void *clientData, Tcl_Interp *interp)
{
    struct user **link;

    (void) clientData;
    Tcl_MutexLock(&usersLock);
    for (link = &users; *link != NULL; link = &(*link)->next) {
	if ((*link)->interp == interp) {
	    struct user *user = *link;

	    *link = user->next;
	    Tcl_Free(user);
	    break;
	}
    }
    if (users == NULL) {
	Tcl_AsyncHandler handler = async;

	async = NULL;
	Tcl_AsyncDelete(handler);
    }
    Tcl_MutexUnlock(&usersLock);
}

/* Only those of the thread that evaluates the scripts of signals. */
static void
Remember(Tcl_Interp *interp)
{
    Tcl_MutexLock(&usersLock);
    if (async == NULL) {
	asyncThread = Tcl_GetCurrentThread();
	async = Tcl_AsyncCreate(AsyncProc, NULL);
    }
    if (asyncThread == Tcl_GetCurrentThread()) {
	struct user *user = (struct user *) Tcl_Alloc(sizeof *user);

	user->interp = interp;
	user->next = users;
	users = user;
	Tcl_SetAssocData(interp, "Tclx", Forget, NULL);
    }
    Tcl_MutexUnlock(&usersLock);
}

DLLEXPORT int
Tclx_Init(Tcl_Interp *interp)
{
    static const struct {
	const char *name;
	Tcl_ObjCmdProc *proc;
    } commands[] = {
	{"dup", DupCmd}, {"execl", ExeclCmd}, {"fork", ForkCmd},
	{"fstat", FstatCmd}, {"id", IdCmd}, {"kill", KillCmd},
	{"signal", SignalCmd}, {"wait", WaitCmd}
    };
    size_t i;

    if (Tcl_InitStubs(interp, "9.0", 0) == NULL) {
	return TCL_ERROR;
    }
    for (i = 0; i < sizeof commands / sizeof commands[0]; i++) {
	Tcl_CreateObjCommand(interp, commands[i].name, commands[i].proc, NULL,
		NULL);
    }
    Remember(interp);
    return Tcl_PkgProvideEx(interp, "Tclx", VERSION, NULL);
}
