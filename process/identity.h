/* Whose process this is. */

#ifndef SS_IDENTITY_H
#define SS_IDENTITY_H

#include <tcl.h>

/*
 * Makes the process a user's, for good: supplementary groups, group and user.
 * Both are names or numbers; group "" is the user's own.  TCL_ERROR leaves a
 * message in the interpreter; the process may then be half changed and had
 * better end.
 */
int		SsIdentity(Tcl_Interp *interp, const char *user,
		    const char *group);

/* Whether there are such a user and group, changing nothing. */
int		SsIdentityKnown(Tcl_Interp *interp, const char *user,
		    const char *group);

#endif /* SS_IDENTITY_H */
