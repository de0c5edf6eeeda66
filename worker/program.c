#include "program.h"
#include "argv.h"
#include "connection.h"
#include "result.h"
#include "signals.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * What the program is told in its environment.  What stands there of these
 * names, perhaps of somebody's who started the server so, is not this
 * connection's.
 */

static const char *const ours[] = {
    "PROTO", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "SERVER_ADDR",
    "SERVER_PORT", "TCPLOCALHOST", "TCPLOCALIP", "TCPLOCALPORT",
    "TCPREMOTEHOST", "TCPREMOTEINFO", "TCPREMOTEIP", "TCPREMOTEPORT",
    "UNIXLOCALPATH", "UNIXREMOTEEGID", "UNIXREMOTEEUID", "UNIXREMOTEPATH",
    "UNIXREMOTEPID"
};

#define OURS_MOST (sizeof(ours) / sizeof(ours[0]))

typedef struct Environment {
    char **variables;		/* The process's, then texts; NULL ends
				 * them. */
    int count;
    char texts[OURS_MOST][sizeof(struct sockaddr_un) + 32];
    int numTexts;
} Environment;

static int
IsOurs(const char *variable)
{
    size_t i, length;

    for (i = 0; i < OURS_MOST; i++) {
	length = strlen(ours[i]);
	if (strncmp(variable, ours[i], length) == 0
		&& variable[length] == '=') {
	    return 1;
	}
    }
    return 0;
}

static void
Put(Environment *environmentPtr, const char *name, const char *format, ...)
{
    char *text = environmentPtr->texts[environmentPtr->numTexts++];
    size_t size = sizeof(environmentPtr->texts[0]);
    int used = snprintf(text, size, "%s=", name);
    va_list args;

    va_start(args, format);
    vsnprintf(text + used, size - (size_t) used, format, args);
    va_end(args);
    environmentPtr->variables[environmentPtr->count++] = text;
}

/* The same by both names that there are. */
static void
PutBoth(Environment *environmentPtr, const char *name, const char *other,
    const char *value)
{
    Put(environmentPtr, name, "%s", value);
    Put(environmentPtr, other, "%s", value);
}

typedef union Address {
    struct sockaddr any;
    struct sockaddr_in inet;
    struct sockaddr_in6 inet6;
    struct sockaddr_un local;
} Address;

/* Where the client, or the proxy, has connected to; IPv4 as such. */
static void
PutLocal(Environment *environmentPtr, const Address *addressPtr)
{
    const void *bytes = &addressPtr->inet.sin_addr;
    const struct in6_addr *inet6Ptr = &addressPtr->inet6.sin6_addr;
    char text[INET6_ADDRSTRLEN], port[8];
    int family = addressPtr->any.sa_family;

    if (family != AF_INET && family != AF_INET6) {
	return;
    }
    if (family == AF_INET6) {
	int mapped = IN6_IS_ADDR_V4MAPPED(inet6Ptr);

	bytes = mapped ? (const void *) &inet6Ptr->s6_addr[12]
		: (const void *) inet6Ptr;
	family = mapped ? AF_INET : AF_INET6;
    }
    inet_ntop(family, bytes, text, sizeof(text));
    /* Both families have the port in the same place. */
    snprintf(port, sizeof(port), "%d", ntohs(addressPtr->inet.sin_port));
    PutBoth(environmentPtr, "SERVER_ADDR", "TCPLOCALIP", text);
    PutBoth(environmentPtr, "SERVER_PORT", "TCPLOCALPORT", port);
}

/* A path may be as long as there is room, without NUL; '@' is none. */
static void
PutUnix(Environment *environmentPtr, const SsArrival *arrivalPtr,
    const Address *addressPtr, socklen_t size)
{
    const char *path = addressPtr->local.sun_path;
    int length = (int) size - (int) offsetof(struct sockaddr_un, sun_path);
    SsCredentials peer;

    Put(environmentPtr, "PROTO", "UNIX");
    Put(environmentPtr, "REMOTE_ADDR", "unix");
    if (addressPtr->any.sa_family == AF_UNIX && length > 0) {
	int abstract = (path[0] == '\0');

	Put(environmentPtr, "UNIXLOCALPATH", "%s%.*s", abstract ? "@" : "",
		length - abstract, path + abstract);
    }
    if (SsArrivalCredentials(arrivalPtr, &peer) && peer.pid != 0) {
	Put(environmentPtr, "UNIXREMOTEPID", "%u", (unsigned) peer.pid);
	Put(environmentPtr, "UNIXREMOTEEUID", "%u", (unsigned) peer.uid);
	Put(environmentPtr, "UNIXREMOTEEGID", "%u", (unsigned) peer.gid);
    }
}

/* The variables are the caller's to free. */
static void
FillEnvironment(Environment *environmentPtr, const SsArrival *arrivalPtr)
{
    Address address = { .any.sa_family = AF_UNSPEC };
    socklen_t size = sizeof(address);
    char port[16];
    int i, count = 0;

    while (environ != NULL && environ[count] != NULL) {
	count++;
    }
    environmentPtr->variables = (char **) Tcl_Alloc((unsigned)
	    ((size_t) count + OURS_MOST + 1) * sizeof(char *));
    environmentPtr->count = environmentPtr->numTexts = 0;
    for (i = 0; i < count; i++) {
	if (!IsOurs(environ[i])) {
	    environmentPtr->variables[environmentPtr->count++] = environ[i];
	}
    }
    getsockname(arrivalPtr->fd, &address.any, &size);
    if (arrivalPtr->head.family == SS_FAMILY_UNIX) {
	PutUnix(environmentPtr, arrivalPtr, &address, size);
    } else {
	snprintf(port, sizeof(port), "%d", arrivalPtr->port);
	Put(environmentPtr, "PROTO", "TCP");
	PutBoth(environmentPtr, "REMOTE_ADDR", "TCPREMOTEIP",
		arrivalPtr->address);
	PutBoth(environmentPtr, "REMOTE_PORT", "TCPREMOTEPORT", port);
	PutLocal(environmentPtr, &address);
    }
    environmentPtr->variables[environmentPtr->count] = NULL;
}

/*
 * Returns 0 or an errno.  Signals of the C library's own, which sigfillset
 * leaves out, the program would ignore.
 */
static int
Spawn(char *const argv[], char *const variables[], int fd, int errorFd,
    pid_t *pidPtr)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    int error;

    memset(&all, 0xff, sizeof(all));
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
	    POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_init(&actions);
    error = posix_spawn_file_actions_adddup2(&actions, fd, 0);
    if (error == 0) {
	error = posix_spawn_file_actions_adddup2(&actions, fd, 1);
    }
    if (error == 0) {
	error = posix_spawn_file_actions_adddup2(&actions, errorFd, 2);
    }
    if (error == 0) {
	error = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    }
    if (error == 0) {
	error = posix_spawnp(pidPtr, argv[0], &actions, &attributes, argv,
		variables);
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

/*
 * This process's copy would keep the client from seeing the end that the
 * program makes.
 */
static void
LetGo(int fd)
{
    int silent = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (silent >= 0) {
	dup3(silent, fd, O_CLOEXEC);
	close(silent);
    }
}

/* Somebody else may have waited for it, or nobody can: it has ended then. */
static int
Await(Tcl_Interp *interp, pid_t pid)
{
    char how[SS_SIGNAL_NAME_SIZE];
    int status = 0;
    pid_t ended;

    do {
	ended = waitpid(pid, &status, 0);
    } while (ended < 0 && errno == EINTR);
    if (ended < 0 || !WIFSIGNALED(status) || WTERMSIG(status) == SIGPIPE) {
	return TCL_OK;
    }
    SsSignalName(WTERMSIG(status), how);
    return SsErrorOurs(interp, "PROGRAM", "killed by SIG%s%s", how,
	    WCOREDUMP(status) ? ", core dumped" : "");
}

static int
Run(Tcl_Interp *interp, const SsConnection *connectionPtr,
    char *const argv[], int errorFd)
{
    int error, off = 0, fd = connectionPtr->socket.fd;
    Environment environment;
    pid_t pid;

    ioctl(fd, FIONBIO, &off);
    FillEnvironment(&environment, &connectionPtr->arrival);
    error = Spawn(argv, environment.variables, fd, errorFd, &pid);
    Tcl_Free((char *) environment.variables);
    if (error != 0) {
	return SsErrorPosix(interp, error, "can't run \"%.200s\": %m",
		argv[0]);
    }
    LetGo(fd);
    return Await(interp, pid);
}

int
SsProgramServe(Tcl_Interp *interp, const char *channel, Tcl_Obj *wordsPtr,
    int errorFd)
{
    const SsConnection *connectionPtr = SsConnectionFind(interp, channel);
    SsArgv argv;
    int code;

    if (connectionPtr == NULL) {
	return SsErrorOurs(interp, "USAGE", "channel \"%.100s\" is no open"
		" connection of this process", channel);
    }
    if (connectionPtr->arrival.datagramPtr != NULL) {
	return SsErrorOurs(interp, "USAGE", "channel \"%.100s\" is a datagram:"
		" a program can't read that to its end", channel);
    }
    if (SsArgvMake(interp, wordsPtr, &argv) != TCL_OK) {
	return TCL_ERROR;
    }
    code = Run(interp, connectionPtr, argv.words, errorFd);
    SsArgvFree(&argv);
    return code;
}
