/*
 * Tcl's limit of commands, used as a bell: an interpreter whose budget is spent
 * calls the handlers of that limit before it evaluates anything else.  Nothing
 * here is remembered.
 */

#ifndef SS_BUDGET_H
#define SS_BUDGET_H

#include "result.h"

#include <tcl.h>

typedef struct SsBudget {
    int isLimited;
    Tcl_Size commands;
} SsBudget;

/* Spends it.  Returns what it was. */
SsBudget	SsBudgetSpend(Tcl_Interp *interp);
void		SsBudgetRestore(Tcl_Interp *interp, SsBudget budget);

/*
 * A child that was made while its parent's was spent has a limit of no command:
 * this takes it away.  Evaluates in the parent, which must not be limited.
 */
void		SsBudgetFreeChildren(Tcl_Interp *interp);

#endif /* SS_BUDGET_H */
