package signals

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBlockAsynchronous(t *testing.T) {
	runtime.LockOSThread() // For good: the thread ends with the test.
	BlockAsynchronous()
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		t.Skip(err)
	}
	_, after, _ := strings.Cut(string(status), "SigBlk:")
	line, _, _ := strings.Cut(after, "\n")
	blocked, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	is := func(signal unix.Signal) bool { return blocked>>(signal-1)&1 != 0 }
	for _, signal := range []unix.Signal{
		unix.SIGCHLD, unix.SIGURG, unix.SIGHUP, unix.SIGINT, unix.SIGTERM, unix.SIGPIPE,
		unix.SIGALRM, unix.SIGUSR1, unix.SIGIO, 64,
	} {
		if !is(signal) {
			t.Errorf("%v is open", signal)
		}
	}
	for _, signal := range []unix.Signal{unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP, 32, 33, 34} {
		if is(signal) {
			t.Errorf("%v is blocked", signal)
		}
	}
}
