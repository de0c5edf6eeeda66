#include "argv.h"

int
SsArgvMake(Tcl_Interp *interp, Tcl_Obj *listPtr, SsArgv *argvPtr)
{
    Tcl_Obj **words;
    Tcl_Size i, count;

    if (Tcl_ListObjGetElements(interp, listPtr, &count, &words) != TCL_OK) {
	return TCL_ERROR;
    }
    argvPtr->count = count;
    argvPtr->words = (char **) Tcl_Alloc(
	    (unsigned) (count + 1) * sizeof(char *));
    argvPtr->texts = (Tcl_DString *) Tcl_Alloc(
	    (unsigned) (count + 1) * sizeof(Tcl_DString));
    for (i = 0; i < count; i++) {
	argvPtr->words[i] = Tcl_UtfToExternalDString(NULL,
		Tcl_GetString(words[i]), -1, &argvPtr->texts[i]);
    }
    argvPtr->words[count] = NULL;
    return TCL_OK;
}

void
SsArgvFree(SsArgv *argvPtr)
{
    Tcl_Size i;

    for (i = 0; i < argvPtr->count; i++) {
	Tcl_DStringFree(&argvPtr->texts[i]);
    }
    Tcl_Free((char *) argvPtr->texts);
    Tcl_Free((char *) argvPtr->words);
}
