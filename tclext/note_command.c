/* The command ::socketserver::note. */

#include "commands.h"
#include "arguments.h"
#include "board.h"

/*
 * Who reads it knows UTF-8 as it is everywhere, not Tcl's, with its halves of
 * characters and a NUL of two bytes.  A process without a slot has nobody to
 * say it to.
 */
int
SsNoteObjCmd(void *clientData, Tcl_Interp *interp, int objc,
    Tcl_Obj *const objv[])
{
    Tcl_Encoding utf8;
    Tcl_DString note;
    char *bytes;
    int i;

    if (objc != 2) {
	return SsWrongArgs(interp, 1, objv, "text");
    }
    utf8 = Tcl_GetEncoding(NULL, "utf-8");
    bytes = Tcl_UtfToExternalDString(utf8, Tcl_GetString(objv[1]), -1, &note);
    for (i = 0; i < Tcl_DStringLength(&note); i++) {
	if (bytes[i] == '\0') {
	    bytes[i] = ' ';
	}
    }
    SsBoardNote(bytes);
    Tcl_DStringFree(&note);
    Tcl_FreeEncoding(utf8);
    return TCL_OK;
}
