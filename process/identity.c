#include "identity.h"
#include "result.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

typedef struct Identity {	/* Who a process is to become. */
    const char *name;		/* The user's, NULL: one without a name. */
    uid_t user;
    gid_t group;
} Identity;

static int	Find(Tcl_Interp *interp, const char *user, const char *group,
		    Identity *identityPtr);
static int	FindGroup(Tcl_Interp *interp, const char *group,
		    gid_t *groupPtr);
static int	ReadNumber(const char *text, unsigned long *numberPtr);
static int	Become(const Identity *identityPtr);
static int	Is(const Identity *identityPtr);
static int	CanGoBack(uid_t user, gid_t group);

int
SsIdentity(
    Tcl_Interp *interp,
    const char *user,
    const char *group)		/* "": the user's. */
{
    uid_t userBefore = geteuid();
    gid_t groupBefore = getegid();
    Identity identity;
    int error;

    if (Find(interp, user, group, &identity) != TCL_OK) {
	return TCL_ERROR;
    }
    if (userBefore != 0 && Is(&identity)) {
	return TCL_OK;
    }
    error = Become(&identity);
    if (error != 0) {
	return SsErrorPosix(interp, error, "can't become user \"%.100s\": %s",
		user, strerror(error));
    }
    if (!Is(&identity) || (identity.user != 0
	    && CanGoBack(userBefore, groupBefore))) {
	return SsErrorOurs(interp, "IDENTITY",
		"can't become user \"%.100s\" for good: the process could"
		" still go back", user);
    }
    return TCL_OK;
}

int
SsIdentityKnown(
    Tcl_Interp *interp,
    const char *user,
    const char *group)		/* "": the user's. */
{
    Identity identity;

    return Find(interp, user, group, &identity);
}

static int
Find(
    Tcl_Interp *interp,
    const char *user,
    const char *group,		/* "": the user's. */
    Identity *identityPtr)	/* Set. */
{
    struct passwd *entryPtr = getpwnam(user);
    unsigned long number;

    if (entryPtr == NULL && ReadNumber(user, &number)) {
	entryPtr = getpwuid((uid_t) number);
	if (entryPtr == NULL && group[0] != '\0') {
	    identityPtr->name = NULL;
	    identityPtr->user = (uid_t) number;
	    return FindGroup(interp, group, &identityPtr->group);
	}
    }
    if (entryPtr == NULL) {
	return SsErrorOurs(interp, "USER", "there is no user \"%.100s\"",
		user);
    }
    identityPtr->name = entryPtr->pw_name;
    identityPtr->user = entryPtr->pw_uid;
    identityPtr->group = entryPtr->pw_gid;
    return (group[0] == '\0') ? TCL_OK
	    : FindGroup(interp, group, &identityPtr->group);
}

static int
FindGroup(
    Tcl_Interp *interp,
    const char *group,
    gid_t *groupPtr)		/* Set. */
{
    struct group *entryPtr = getgrnam(group);
    unsigned long number;

    if (entryPtr != NULL) {
	*groupPtr = entryPtr->gr_gid;
	return TCL_OK;
    }
    if (ReadNumber(group, &number)) {
	*groupPtr = (gid_t) number;
	return TCL_OK;
    }
    return SsErrorOurs(interp, "GROUP", "there is no group \"%.100s\"",
	    group);
}

static int
ReadNumber(
    const char *text,
    unsigned long *numberPtr)	/* Set. */
{
    char *endPtr;

    if (text[0] < '0' || text[0] > '9') {
	return 0;
    }
    errno = 0;
    *numberPtr = strtoul(text, &endPtr, 10);

    /* The highest number means "no change" to setresuid. */
    return *endPtr == '\0' && errno == 0 && *numberPtr < (uid_t) -1;
}

/*
 * Groups first, while the process still may.  Returns 0 or an errno; the
 * process may be half changed when it fails.
 */
static int
Become(const Identity *identityPtr)
{
    int failed;

    if (identityPtr->name != NULL) {
	failed = initgroups(identityPtr->name, identityPtr->group);
    } else {
	failed = setgroups(1, &identityPtr->group);
    }
    if (failed < 0
	    || setresgid(identityPtr->group, identityPtr->group,
		    identityPtr->group) < 0
	    || setresuid(identityPtr->user, identityPtr->user,
		    identityPtr->user) < 0) {
	return errno;
    }
    return 0;
}

/* In each respect. */
static int
Is(const Identity *identityPtr)
{
    uid_t user[3];
    gid_t group[3];
    int i;

    if (getresuid(&user[0], &user[1], &user[2]) < 0
	    || getresgid(&group[0], &group[1], &group[2]) < 0) {
	return 0;
    }
    for (i = 0; i < 3; i++) {
	if (user[i] != identityPtr->user || group[i] != identityPtr->group) {
	    return 0;
	}
    }
    return 1;
}

/*
 * As one that has kept a capability can.  One that can has gone back.
 */
static int
CanGoBack(
    uid_t user,			/* Who it was. */
    gid_t group)
{
    return (user != geteuid() && seteuid(user) == 0)
	    || (group != getegid() && setegid(group) == 0)
	    || (geteuid() != 0 && seteuid(0) == 0);
}
