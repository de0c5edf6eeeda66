/* The application's commands, called from C. */

#include "callback.h"
#include "result.h"

int
SsCallback(
    Tcl_Interp *interp,
    Tcl_Obj *prefixPtr,		/* A list. */
    int extraCount,	/* How many more words. */
    Tcl_Obj *const extra[])	/* Those words. */
{
    Tcl_Obj *callPtr = Tcl_DuplicateObj(prefixPtr);
    Tcl_Obj **words;
    Tcl_Size count;
    int i, code = TCL_OK;

    Tcl_IncrRefCount(callPtr);
    for (i = 0; code == TCL_OK && i < extraCount; i++) {
	code = Tcl_ListObjAppendElement(interp, callPtr, extra[i]);
    }
    if (code == TCL_OK) {
	code = Tcl_ListObjGetElements(interp, callPtr, &count, &words);
    }
    if (code == TCL_OK) {
	code = Tcl_EvalObjv(interp, count, words, TCL_EVAL_GLOBAL);
    }
    Tcl_DecrRefCount(callPtr);
    return code;
}

static void
InBackground(Tcl_Interp *interp, Tcl_Obj *prefixPtr, int extraCount,
    Tcl_Obj *const extra[])
{
    int code;

    Tcl_Preserve(interp);
    code = SsCallback(interp, prefixPtr, extraCount, extra);
    if (code != TCL_OK) {
	Tcl_BackgroundException(interp, code);
    }
    Tcl_Release(interp);
}

void
SsCallbackEvaluate(Tcl_Interp *interp, Tcl_Obj *prefixPtr)
{
    InBackground(interp, prefixPtr, 0, NULL);
}

void
SsCallbackTell(Tcl_Interp *interp, Tcl_Obj *prefixPtr, Tcl_Obj *wordPtr)
{
    Tcl_IncrRefCount(wordPtr);
    InBackground(interp, prefixPtr, 1, &wordPtr);
    Tcl_DecrRefCount(wordPtr);
}
