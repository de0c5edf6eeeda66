/*
 * socket_path.h --
 *
 *	Where Unix sockets are: a path, or @name, which is no file.
 */

#ifndef SS_SOCKET_PATH_H
#define SS_SOCKET_PATH_H

#include <tcl.h>

/*
 * Makes a path absolute: a new object, the caller's reference.  Returns NULL,
 * or why it can't be one, and no object.
 */
const char *	SsSocketPath(const char *text, Tcl_Obj **pathPtrPtr);

/* Appends it to a request, as the system writes it. */
void		SsSocketPathWrite(Tcl_Obj *textPtr, const char *path);

#endif /* SS_SOCKET_PATH_H */
