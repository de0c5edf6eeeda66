/*
 * address.c --
 *
 *	What the user calls an address, as numbers.
 */

#include "address.h"
#include "arguments.h"
#include "boundary.h"
#include "result.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Returns 0 where there is no such family. */
static int
Append(char addresses[SS_ADDRESSES_SIZE], const struct sockaddr *addressPtr,
    socklen_t length)
{
    static const char mapped[] = "::ffff:";
    char numeric[NI_MAXHOST];
    const char *plain = numeric;
    size_t used = strlen(addresses);

    if (getnameinfo(addressPtr, length, numeric, sizeof(numeric), NULL, 0,
	    NI_NUMERICHOST) != 0) {
	return 0;
    }
    if (strncmp(numeric, mapped, strlen(mapped)) == 0
	    && strchr(numeric, '.') != NULL) {
	plain += strlen(mapped);
    }
    snprintf(addresses + used, SS_ADDRESSES_SIZE - used, "%s%s",
	    (used > 0) ? "," : "", plain);
    return 1;
}

static int
Resolve(
    Tcl_Interp *interp,
    const char *name,
    char addresses[SS_ADDRESSES_SIZE],
				/* Its own are appended. */
    int *countPtr)		/* How many there are. */
{
    struct addrinfo hints = {
	.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
	.ai_flags = AI_PASSIVE
    };
    struct addrinfo *firstPtr, *infoPtr;
    int before = *countPtr, code;

    code = (name[0] == '\0') ? EAI_NONAME
	    : getaddrinfo(name, NULL, &hints, &firstPtr);
    if (code != 0) {
	return SsErrorOurs(interp, "ADDRESS",
		"no address \"%.100s\": give -myaddr an address or a name"
		" of this machine (%s)", name, gai_strerror(code));
    }
    for (infoPtr = firstPtr; infoPtr != NULL && *countPtr < SS_MAX_ADDRESSES;
	    infoPtr = infoPtr->ai_next) {
	*countPtr += Append(addresses, infoPtr->ai_addr, infoPtr->ai_addrlen);
    }
    freeaddrinfo(firstPtr);
    if (infoPtr != NULL && before > 0) {
	return SsErrorOurs(interp, "ADDRESS", "-myaddr names more than %d"
		" addresses: give the others to another listener",
		SS_MAX_ADDRESSES);
    }
    if (*countPtr == before || infoPtr != NULL) {
	return SsErrorOurs(interp, "ADDRESS",
		"\"%.100s\" has %s: give -myaddr a numeric address", name,
		(infoPtr == NULL) ? "no such address"
		: "more addresses than can be listened on");
    }
    return TCL_OK;
}

int
SsResolve(Tcl_Interp *interp, Tcl_Obj *listPtr, SsListener *listenerPtr)
{
    Tcl_Obj **names;
    Tcl_Size i, numNames;
    int count = 0, code = TCL_OK;

    listenerPtr->asked[0] = '\0';
    if (Tcl_ListObjGetElements(NULL, listPtr, &numNames, &names) != TCL_OK) {
	return SsBadValue(interp, listPtr, "-myaddr", "a list of addresses");
    }
    if (numNames == 0) {
	return Resolve(interp, "", listenerPtr->asked, &count);
    }
    for (i = 0; i < numNames && code == TCL_OK; i++) {
	code = Resolve(interp, Tcl_GetString(names[i]), listenerPtr->asked,
		&count);
    }
    listenerPtr->each = (numNames > 1);
    return code;
}

int
SsAddressesIn(const char *some, const char *all)
{
    size_t length;
    const char *item;

    for (; *some != '\0'; some += length + (some[length] == ',')) {
	length = strcspn(some, ",");
	for (item = all; strncmp(item, some, length) != 0
		|| strcspn(item, ",") != length; item++) {
	    item += strcspn(item, ",");
	    if (*item == '\0') {
		return 0;
	    }
	}
    }
    return 1;
}
