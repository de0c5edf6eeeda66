#include "result.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static void
SetMessage(Tcl_Interp *interp, const char *format, va_list args)
{
    char message[512];

    vsnprintf(message, sizeof(message), format, args);
    Tcl_SetObjResult(interp, Tcl_NewStringObj(message, -1));
}

int
SsErrorOurs(
    Tcl_Interp *interp,
    const char *reason,		/* Second word of the errorCode. */
    const char *format,		/* As for printf. */
    ...)
{
    va_list args;

    va_start(args, format);
    SetMessage(interp, format, args);
    va_end(args);
    Tcl_SetErrorCode(interp, "SOCKETSERVER", reason, NULL);
    return TCL_ERROR;
}

int
SsErrorPosix(
    Tcl_Interp *interp,
    int error,			/* An errno. */
    const char *format,		/* As for printf. */
    ...)
{
    va_list args;

    errno = error;		/* For "%m". */
    va_start(args, format);
    SetMessage(interp, format, args);
    va_end(args);
    Tcl_SetErrno(error);
    Tcl_PosixError(interp);
    return TCL_ERROR;
}

int
SsErrorClosed(Tcl_Interp *interp, const char *called)
{
    return SsErrorOurs(interp, "CLOSED",
	    "%s is closed and its queue is empty: serve it again before"
	    " you ask for a connection", called);
}
