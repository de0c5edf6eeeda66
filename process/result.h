/*
 * Errors as Tcl sees them: a message that says what to do and an errorCode,
 * {POSIX name text} from the system or {SOCKETSERVER reason} from us.  Formats
 * are those of printf; "%m" is what the system says of its error.  All return
 * TCL_ERROR.
 */

#ifndef SS_RESULT_H
#define SS_RESULT_H

#include <tcl.h>

#ifndef TCL_SIZE_MAX
typedef int Tcl_Size;		/* As in Tcl 9; 8.6 counts with int. */
#endif

int		SsErrorOurs(Tcl_Interp *interp, const char *reason,
		    const char *format, ...);
int		SsErrorPosix(Tcl_Interp *interp, int error,
		    const char *format, ...);

/* Of a port that was served, to who asks for connections. */
int		SsErrorClosed(Tcl_Interp *interp, const char *called);

#endif /* SS_RESULT_H */
