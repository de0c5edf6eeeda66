package systemd

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// child is set where a test runs in a process that descriptors were passed to.
const child = "SYSTEMD_TEST_CHILD"

// passing runs a test anew, in a process with so many descriptors from 3 on.
func passing(t *testing.T, count int) {
	t.Helper()
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), child+"=1")
	for range count {
		command.ExtraFiles = append(command.ExtraFiles, file)
	}
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, output)
	}
}

// TestPassedAsTheLibraryHasIt compares with another reader of the variables.
func TestPassedAsTheLibraryHasIt(t *testing.T) {
	const count = 5
	if os.Getenv(child) == "" {
		passing(t, count)
		return
	}
	var kept []*os.File // Their end would close them.
	self := strconv.Itoa(os.Getpid())
	for _, pid := range []string{self, "1", "", "x", "-" + self} {
		for _, fds := range []string{"0", "1", "5", "", "-1", "many"} {
			for _, names := range []string{"", "a", "a:b", "a::c", ":b", "a:b:c:d:e", "a:b:c:d:e:f", "with blank:\xff"} {
				t.Setenv("LISTEN_PID", pid)
				t.Setenv("LISTEN_FDS", fds)
				t.Setenv("LISTEN_FDNAMES", names)
				var want []Passed
				for _, file := range activation.Files(false) {
					kept = append(kept, file)
					want = append(want, Passed{firstPassed + len(want), file.Name()})
				}
				got, _ := PassedTo(os.Getpid(), pid, fds, names)
				if !slices.Equal(got, want) {
					t.Errorf("%q %q %q: %v, not %v", pid, fds, names, got, want)
				}
			}
		}
	}
	runtime.KeepAlive(kept)
}

func TestPassedAreCloseOnExec(t *testing.T) {
	if os.Getenv(child) == "" {
		passing(t, 2)
		return
	}
	if got, err := PassedTo(7, "7", "2", "web:"); err != nil || !slices.Equal(got, []Passed{{3, "web"}, {4, "LISTEN_FD_4"}}) {
		t.Errorf("%v, %v", got, err)
	}
	for fd := 3; fd <= 4; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%d: %#x, %v", fd, flags, err)
		}
	}
}

func TestPassedThatIsNotOpen(t *testing.T) {
	if os.Getenv(child) == "" {
		passing(t, 3)
		return
	}
	_ = unix.Close(4)
	got, err := PassedTo(7, "7", "3", "a:b:c")
	if !errors.Is(err, unix.EBADF) || !slices.Equal(got, []Passed{{3, "a"}, {5, "c"}}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestSurplusOnesAreClosed(t *testing.T) {
	const count = MostPassed + 2
	if os.Getenv(child) == "" {
		passing(t, count)
		return
	}
	got, err := PassedTo(7, "7", strconv.Itoa(count), "")
	if !errors.Is(err, errTooMany) || len(got) != MostPassed {
		t.Errorf("%v, %v", got, err)
	}
	for fd := 3; fd < 3+count; fd++ {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if open := err == nil; open != (fd < 3+MostPassed) {
			t.Errorf("%d is open: %v", fd, open)
		}
	}
}

func TestPassedThatCannotBe(t *testing.T) {
	for _, fds := range []string{"x", "-1", "1x", "99999999999999999999", "2000000000"} {
		if got, err := PassedTo(7, "7", fds, ""); !errors.Is(err, errListed) || got != nil {
			t.Errorf("%q: %v, %v", fds, got, err)
		}
	}
}
