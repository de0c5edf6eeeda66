/*
 * polled.c --
 *
 *	The usual way to hand connections over, as a Tcl extension to compare
 *	with: one process accepts and sends descriptors, and every worker
 *	polls the shared descriptor in its event loop.
 *
 *	    ::polled::open		listens, before the fork; the port
 *	    ::polled::client handler	asks for one connection
 *	    ::polled::broker		accepts; does not return
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <tcl.h>
#include <unistd.h>

#include "../c/common.h"
#include "../c/handover.h"

/*
 * One queue for the process.
 */

static struct {
    int listenFd;		/* The listening socket; -1 in a worker. */
    int queue[2];		/* The receive end and the send end. */
    pid_t opener;		/* The process that opened them. */
    Tcl_Obj *handlerPtr;	/* What to evaluate for a connection; NULL
				 * when none was asked for. */
    Tcl_Interp *interp;		/* Where to evaluate it. */
} polled = { -1, { -1, -1 }, 0, NULL, NULL };

static Tcl_ObjCmdProc	OpenCmd, ClientCmd, BrokerCmd;
static Tcl_FileProc	QueueReady;

/*
 *----------------------------------------------------------------------
 *
 * OpenCmd --
 *
 *	Implements "::polled::open".
 *
 * Results:
 *	A standard Tcl result; the port.
 *
 * Side effects:
 *	Listens and makes the queue.
 *
 *----------------------------------------------------------------------
 */

static int
OpenCmd(
    ClientData clientData,	/* Unused. */
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    int port;

    (void) clientData;
    if (objc != 1) {
	Tcl_WrongNumArgs(interp, 1, objv, NULL);
	return TCL_ERROR;
    }
    if (handoverOpen(polled.queue) < 0) {
	Tcl_SetObjResult(interp, Tcl_NewStringObj(Tcl_PosixError(interp), -1));
	return TCL_ERROR;
    }
    polled.listenFd = listenLoopback(&port);
    polled.opener = getpid();
    Tcl_SetObjResult(interp, Tcl_NewIntObj(port));
    return TCL_OK;
}

/*
 *----------------------------------------------------------------------
 *
 * ClientCmd --
 *
 *	Implements "::polled::client handler".
 *
 * Results:
 *	A standard Tcl result.
 *
 * Side effects:
 *	Watches the queue. On first use in a worker closes what is the
 *	broker's.
 *
 *----------------------------------------------------------------------
 */

static int
ClientCmd(
    ClientData clientData,	/* Unused. */
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    (void) clientData;
    if (objc != 2) {
	Tcl_WrongNumArgs(interp, 1, objv, "handler");
	return TCL_ERROR;
    }
    if (polled.listenFd >= 0 && getpid() != polled.opener) {
	close(polled.listenFd);
	close(polled.queue[1]);
	polled.listenFd = polled.queue[1] = -1;
    }
    Tcl_IncrRefCount(objv[1]);
    if (polled.handlerPtr != NULL) {
	Tcl_DecrRefCount(polled.handlerPtr);
    }
    polled.handlerPtr = objv[1];
    polled.interp = interp;
    Tcl_CreateFileHandler(polled.queue[0], TCL_READABLE, QueueReady, NULL);
    return TCL_OK;
}

/*
 *----------------------------------------------------------------------
 *
 * CallHandler --
 *
 *	Evaluates "handler sock ip port" at global level.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Takes the reference to the handler. What fails is a background error.
 *
 *----------------------------------------------------------------------
 */

static void
CallHandler(
    Tcl_Obj *handlerPtr,
    Tcl_Channel channel,	/* Registered already. */
    const struct sockaddr_in *peerPtr)
{
    Tcl_Interp *interp = polled.interp;
    char ip[INET_ADDRSTRLEN];
    Tcl_Obj *words[4];
    int i, code;

    inet_ntop(AF_INET, &peerPtr->sin_addr, ip, sizeof(ip));
    words[0] = handlerPtr;
    words[1] = Tcl_NewStringObj(Tcl_GetChannelName(channel), -1);
    words[2] = Tcl_NewStringObj(ip, -1);
    words[3] = Tcl_NewIntObj(ntohs(peerPtr->sin_port));
    for (i = 1; i < 4; i++) {
	Tcl_IncrRefCount(words[i]);
    }
    Tcl_Preserve(interp);
    code = Tcl_EvalObjv(interp, 4, words, TCL_EVAL_GLOBAL);
    if (code != TCL_OK) {
	Tcl_BackgroundException(interp, code);
    }
    Tcl_Release(interp);
    for (i = 0; i < 4; i++) {
	Tcl_DecrRefCount(words[i]);
    }
}

/*
 *----------------------------------------------------------------------
 *
 * QueueReady --
 *
 *	The event loop says that a connection is queued. Another worker may
 *	have been faster.
 *
 * Results:
 *	None.
 *
 * Side effects:
 *	Takes the connection, stops watching, evaluates the handler. Ends the
 *	process when the queue has ended.
 *
 *----------------------------------------------------------------------
 */

static void
QueueReady(
    ClientData clientData,	/* Unused. */
    int mask)			/* Unused: always TCL_READABLE. */
{
    struct sockaddr_in peer;
    Tcl_Obj *handlerPtr = polled.handlerPtr;
    Tcl_Channel channel;
    int fd = handoverReceive(polled.queue[0], MSG_DONTWAIT, &peer);

    (void) clientData;
    (void) mask;
    if (fd < 0) {
	if (errno != EAGAIN) {
	    Tcl_Exit(errno == EPIPE ? 0 : 1);
	}
	return;
    }
    Tcl_DeleteFileHandler(polled.queue[0]);
    polled.handlerPtr = NULL;
    channel = Tcl_MakeTcpClientChannel((ClientData) (intptr_t) fd);
    Tcl_RegisterChannel(polled.interp, channel);
    CallHandler(handlerPtr, channel, &peer);
}

/*
 *----------------------------------------------------------------------
 *
 * BrokerCmd --
 *
 *	Implements "::polled::broker": accepts and hands over, in plain C.
 *
 * Results:
 *	None; does not return.
 *
 * Side effects:
 *	Ends the process on failure.
 *
 *----------------------------------------------------------------------
 */

static int
BrokerCmd(
    ClientData clientData,	/* Unused. */
    Tcl_Interp *interp,
    int objc,
    Tcl_Obj *const objv[])
{
    struct sockaddr_in peer;

    (void) clientData;
    if (objc != 1) {
	Tcl_WrongNumArgs(interp, 1, objv, NULL);
	return TCL_ERROR;
    }
    close(polled.queue[0]);
    for (;;) {
	int fd = acceptNext(polled.listenFd, &peer);

	if (handoverSend(polled.queue[1], fd, &peer) < 0) {
	    die("sendmsg");
	}
    }
}

/*
 *----------------------------------------------------------------------
 *
 * Polled_Init --
 *
 *	What "load" calls.
 *
 * Results:
 *	A standard Tcl result.
 *
 * Side effects:
 *	Creates the commands and provides the package.
 *
 *----------------------------------------------------------------------
 */

int
Polled_Init(
    Tcl_Interp *interp)
{
    if (Tcl_InitStubs(interp, "8.6-", 0) == NULL) {
	return TCL_ERROR;
    }
    Tcl_CreateNamespace(interp, "::polled", NULL, NULL);
    Tcl_CreateObjCommand(interp, "::polled::open", OpenCmd, NULL, NULL);
    Tcl_CreateObjCommand(interp, "::polled::client", ClientCmd, NULL, NULL);
    Tcl_CreateObjCommand(interp, "::polled::broker", BrokerCmd, NULL, NULL);
    return Tcl_PkgProvide(interp, "polled", "1.0");
}
