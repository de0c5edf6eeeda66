#include "identity.h"
#include "result.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

typedef struct Identity {	/* Who a process is to become. */
    const char *name;		/* The user's, NULL: one without a name. */
    uid_t user;
    gid_t group;
} Identity;

static int
ReadNumber(const char *text, unsigned long *numberPtr)
{
    char *endPtr;

    errno = 0;
    *numberPtr = strtoul(text, &endPtr, 10);

    /* The highest number means "no change" to setresuid. */
    return text[0] >= '0' && text[0] <= '9' && *endPtr == '\0' && errno == 0
	    && *numberPtr < (uid_t) -1;
}

static int
Find(
    Tcl_Interp *interp,
    const char *user,
    const char *group,		/* "": the user's. */
    Identity *identityPtr)	/* Set. */
{
    struct passwd *userPtr = getpwnam(user);
    struct group *groupPtr;
    unsigned long number;
    int isNumber = ReadNumber(user, &number);

    if (userPtr == NULL && isNumber) {
	userPtr = getpwuid((uid_t) number);
    }
    if (userPtr != NULL) {
	*identityPtr = (Identity) { userPtr->pw_name, userPtr->pw_uid,
	    userPtr->pw_gid };
    } else if (isNumber && group[0] != '\0') {
	*identityPtr = (Identity) { NULL, (uid_t) number, 0 };
    } else {
	return SsErrorOurs(interp, "USER", "there is no user \"%.100s\"",
		user);
    }
    if (group[0] == '\0') {
	return TCL_OK;
    }
    groupPtr = getgrnam(group);
    if (groupPtr == NULL && !ReadNumber(group, &number)) {
	return SsErrorOurs(interp, "GROUP", "there is no group \"%.100s\"",
		group);
    }
    identityPtr->group = (groupPtr != NULL) ? groupPtr->gr_gid
	    : (gid_t) number;
    return TCL_OK;
}

/*
 * Groups first, while the process still may.  Returns 0 or an errno; the
 * process may be half changed when it fails.
 */
static int
Become(const Identity *identityPtr)
{
    uid_t user = identityPtr->user;
    gid_t group = identityPtr->group;
    int failed = (identityPtr->name != NULL)
	    ? initgroups(identityPtr->name, group) : setgroups(1, &group);

    return (failed < 0 || setresgid(group, group, group) < 0
	    || setresuid(user, user, user) < 0) ? errno : 0;
}

/* In each respect. */
static int
Is(const Identity *identityPtr)
{
    uid_t user[3];
    gid_t group[3];
    int i, is = 1;

    getresuid(&user[0], &user[1], &user[2]);
    getresgid(&group[0], &group[1], &group[2]);
    for (i = 0; i < 3; i++) {
	is = is && user[i] == identityPtr->user
		&& group[i] == identityPtr->group;
    }
    return is;
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

int
SsIdentity(Tcl_Interp *interp, const char *user, const char *group,
    int become)
{
    uid_t userBefore = geteuid();
    gid_t groupBefore = getegid();
    Identity identity;
    int error;

    if (Find(interp, user, group, &identity) != TCL_OK) {
	return TCL_ERROR;
    }
    if (!become || (userBefore != 0 && Is(&identity))) {
	return TCL_OK;
    }
    error = Become(&identity);
    if (error != 0) {
	return SsErrorPosix(interp, error, "can't become user \"%.100s\": %m",
		user);
    }
    if (!Is(&identity) || (identity.user != 0
	    && CanGoBack(userBefore, groupBefore))) {
	return SsErrorOurs(interp, "IDENTITY",
		"can't become user \"%.100s\" for good: the process could"
		" still go back", user);
    }
    return TCL_OK;
}

/* Numbers above those of an int are as good as none. */
static int
Number(const char *text)
{
    unsigned long number;

    return (ReadNumber(text, &number) && number <= INT_MAX) ? (int) number
	    : -1;
}

int
SsIdentityUser(const char *user)
{
    const struct passwd *userPtr = getpwnam(user);

    return (userPtr != NULL) ? (int) userPtr->pw_uid : Number(user);
}

int
SsIdentityGroup(const char *group)
{
    const struct group *groupPtr = getgrnam(group);

    return (groupPtr != NULL) ? (int) groupPtr->gr_gid : Number(group);
}
