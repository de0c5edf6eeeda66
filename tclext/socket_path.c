/*
 * socket_path.c --
 *
 *	Where Unix sockets are.
 */

#include "socket_path.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LONGEST (sizeof(((struct sockaddr_un *) NULL)->sun_path) - 1)

/* As the system writes it: a NUL in it is written as Tcl does. */
static const char *
Check(const char *path)
{
    Tcl_DString native;
    size_t length;

    Tcl_UtfToExternalDString(NULL, path, -1, &native);
    length = (size_t) Tcl_DStringLength(&native);
    Tcl_DStringFree(&native);
    if (length > LONGEST) {
	return "a Unix socket's path has at most 107 bytes";
    }
    return (strpbrk(path, "\t\r\n") != NULL || strstr(path, "\300\200") != NULL)
	    ? "a path without tabs, ends of lines and NULs is needed" : NULL;
}

/* Its folder may be not there, which who listens is told. */
static Tcl_Obj *
Absolute(const char *text)
{
    Tcl_Obj *writtenPtr = Tcl_NewStringObj(text, -1);
    Tcl_Obj *pathPtr;

    Tcl_IncrRefCount(writtenPtr);
    pathPtr = (text[0] == '/' || text[0] == '@') ? writtenPtr
	    : Tcl_FSGetNormalizedPath(NULL, writtenPtr);
    if (pathPtr != NULL) {
	Tcl_IncrRefCount(pathPtr);
    }
    Tcl_DecrRefCount(writtenPtr);
    return pathPtr;
}

const char *
SsSocketPath(const char *text, Tcl_Obj **pathPtrPtr)
{
    const char *why;
    Tcl_Obj *pathPtr;

    if (text[0] == '\0' || strcmp(text, "@") == 0) {
	return "write a path, or @name";
    }
    pathPtr = Absolute(text);
    if (pathPtr == NULL) {
	return "a relative path, and there is no current folder: give an"
		" absolute one";
    }
    why = Check(Tcl_GetString(pathPtr));
    if (why != NULL) {
	Tcl_DecrRefCount(pathPtr);
	return why;
    }
    *pathPtrPtr = pathPtr;
    return NULL;
}

void
SsSocketPathWrite(Tcl_Obj *textPtr, const char *path)
{
    Tcl_DString native;

    Tcl_UtfToExternalDString(NULL, path, -1, &native);
    Tcl_AppendToObj(textPtr, Tcl_DStringValue(&native),
	    Tcl_DStringLength(&native));
    Tcl_DStringFree(&native);
}
