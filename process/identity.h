/* Whose process this is. */

#ifndef SS_IDENTITY_H
#define SS_IDENTITY_H

#include <tcl.h>

/*
 * Finds a user and a group, both names or numbers; group "" is the user's own.
 * If it is to become that user, the process does for good: supplementary
 * groups, group and user.  TCL_ERROR leaves a message in the interpreter; the
 * process may then be half changed and had better end.
 */
int		SsIdentity(Tcl_Interp *interp, const char *user,
		    const char *group, int become);

/* The number of a user or a group by name or number, or -1. */
int		SsIdentityUser(const char *user);
int		SsIdentityGroup(const char *group);

#endif /* SS_IDENTITY_H */
