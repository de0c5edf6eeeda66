#include "callback.h"

int
SsCallback(
    Tcl_Interp *interp,
    Tcl_Obj *prefixPtr,		/* A list. */
    int extraCount,		/* How many more words. */
    Tcl_Obj *const extra[])
{
    Tcl_Obj *callPtr = Tcl_NewListObj(0, NULL);
    int i, code;

    Tcl_IncrRefCount(callPtr);
    code = Tcl_ListObjAppendList(interp, callPtr, prefixPtr);
    for (i = 0; i < extraCount; i++) {
	Tcl_ListObjAppendElement(NULL, callPtr, extra[i]);
    }
    if (code == TCL_OK) {
	code = Tcl_EvalObjEx(interp, callPtr, TCL_EVAL_GLOBAL);
    }
    Tcl_DecrRefCount(callPtr);
    return code;
}

void
SsCallbackTell(Tcl_Interp *interp, Tcl_Obj *prefixPtr, Tcl_Obj *wordPtr)
{
    int code;

    Tcl_Preserve(interp);
    code = SsCallback(interp, prefixPtr, wordPtr != NULL, &wordPtr);
    if (code != TCL_OK) {
	Tcl_BackgroundException(interp, code);
    }
    Tcl_Release(interp);
}
