/*
 * address.c --
 *
 *	What the user calls an address, as numbers.
 */

#include "address.h"
#include "boundary.h"
#include "result.h"

#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

/*
 *----------------------------------------------------------------------
 *
 * SsResolve --
 *
 *	See address.h.
 *
 * Results:
 *	TCL_OK or TCL_ERROR.
 *
 * Side effects:
 *	May ask the network.
 *
 * Process:
 *	Server.
 *
 *----------------------------------------------------------------------
 */

int
SsResolve(
    Tcl_Interp *interp,
    const char *name,
    char addresses[SS_ADDRESSES_SIZE])
{
    struct addrinfo hints = {
	.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
	.ai_flags = AI_PASSIVE
    };
    struct addrinfo *firstPtr, *infoPtr;
    char numeric[NI_MAXHOST];
    size_t used = 0;
    int count = 0, code;

    code = (name[0] == '\0') ? EAI_NONAME
	    : getaddrinfo(name, NULL, &hints, &firstPtr);
    if (code != 0) {
	return SsErrorOurs(interp, "ADDRESS",
		"no address \"%.100s\": give -myaddr an address or a name"
		" of this machine (%s)", name, gai_strerror(code));
    }
    for (infoPtr = firstPtr; infoPtr != NULL && count < SS_MAX_LISTENERS;
	    infoPtr = infoPtr->ai_next) {
	if (getnameinfo(infoPtr->ai_addr, infoPtr->ai_addrlen, numeric,
		sizeof(numeric), NULL, 0, NI_NUMERICHOST) == 0
		&& used + strlen(numeric) + 2 < SS_ADDRESSES_SIZE) {
	    if (count++ > 0) {
		addresses[used++] = ',';
	    }
	    strcpy(addresses + used, numeric);
	    used += strlen(numeric);
	}
    }
    freeaddrinfo(firstPtr);
    if (count == 0 || infoPtr != NULL) {
	return SsErrorOurs(interp, "ADDRESS",
		"\"%.100s\" has %s: give -myaddr a numeric address", name,
		(count == 0) ? "no such address"
		: "more addresses than can be listened on");
    }
    return TCL_OK;
}
