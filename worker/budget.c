#include "budget.h"

#include <limits.h>

#if TCL_MAJOR_VERSION > 8
#define CHILDREN "::interp children"
#else				/* Old ones know only this word. */
#define CHILDREN "::interp slaves"
#endif

SsBudget
SsBudgetSpend(Tcl_Interp *interp)
{
    SsBudget before = {
	.isLimited = Tcl_LimitTypeEnabled(interp, TCL_LIMIT_COMMANDS),
	.commands = Tcl_LimitGetCommands(interp),
    };

    Tcl_LimitSetCommands(interp, INT_MIN);
    Tcl_LimitTypeSet(interp, TCL_LIMIT_COMMANDS);
    return before;
}

void
SsBudgetRestore(Tcl_Interp *interp, SsBudget budget)
{
    Tcl_LimitTypeReset(interp, TCL_LIMIT_COMMANDS);
    Tcl_LimitSetCommands(interp, budget.commands);
    if (budget.isLimited) {
	Tcl_LimitTypeSet(interp, TCL_LIMIT_COMMANDS);
    }
}

void
SsBudgetFreeChildren(Tcl_Interp *interp)
{
    Tcl_InterpState state = Tcl_SaveInterpState(interp, TCL_OK);
    Tcl_Interp *childPtr;
    Tcl_Obj **names;
    Tcl_Size count = 0;

    if (Tcl_EvalEx(interp, CHILDREN, -1, TCL_EVAL_GLOBAL) == TCL_OK) {
	Tcl_ListObjGetElements(NULL, Tcl_GetObjResult(interp), &count, &names);
    }
    while (count > 0) {
	childPtr = Tcl_GetChild(interp, Tcl_GetString(names[--count]));
	if (childPtr != NULL
		&& Tcl_LimitTypeEnabled(childPtr, TCL_LIMIT_COMMANDS)
		&& Tcl_LimitGetCommands(childPtr) == 0) {
	    Tcl_LimitTypeReset(childPtr, TCL_LIMIT_COMMANDS);
	}
    }
    Tcl_RestoreInterpState(interp, state);
}
