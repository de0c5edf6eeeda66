package main

import (
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"socketserver/internal/control"
	"socketserver/internal/leaktest"
)

// beProgram makes the test's own binary the program.
const beProgram = "SOCKETSERVERCTL_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// newTerminal is a terminal and who sits before it.
func newTerminal(t *testing.T) (terminal, user *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { user.Close() })
	control, err := user.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	_ = control.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
		_ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 12, Col: 100})
	})
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return terminal, user
}

// sitting is a program on a terminal, and what it has written there.
type sitting struct {
	t       *testing.T
	user    *os.File
	command *exec.Cmd
	written string
}

// await reads until the terminal shows this, and forgets what was before.
func (s *sitting) await(text string) {
	s.t.Helper()
	_ = s.user.SetReadDeadline(time.Now().Add(30 * time.Second))
	buffer := make([]byte, 4096)
	for !strings.Contains(s.written, text) {
		n, err := s.user.Read(buffer)
		if err != nil {
			s.t.Fatalf("no %q in %q: %v", text, s.written, err)
		}
		s.written += string(buffer[:n])
	}
	_, s.written, _ = strings.Cut(s.written, text)
}

func (s *sitting) press(keys string) {
	_, _ = s.user.WriteString(keys)
}

func (s *sitting) signal(which syscall.Signal) {
	_ = s.command.Process.Signal(which)
}

// awaitStop waits until the program is stopped.
func (s *sitting) awaitStop() {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(s.command.Process.Pid, &status, unix.WUNTRACED, nil)
		if err != unix.EINTR {
			break
		}
	}
	if !status.Stopped() {
		s.t.Errorf("status %#x", status)
	}
}

func TestTerminalIsRestored(t *testing.T) {
	for what, try := range map[string]struct {
		do   func(*sitting)
		code int
	}{
		"q":       {func(s *sitting) { s.press("q") }, 0},
		"sort":    {func(s *sitting) { s.press("m"); s.await("*m memory"); s.press("jkq") }, 0},
		"^C":      {func(s *sitting) { s.press("\x03") }, 130},
		"SIGINT":  {func(s *sitting) { s.signal(syscall.SIGINT) }, 130},
		"SIGTERM": {func(s *sitting) { s.signal(syscall.SIGTERM) }, 143},
		"SIGHUP":  {func(s *sitting) { s.signal(syscall.SIGHUP) }, 129},
		"SIGQUIT": {func(s *sitting) { s.signal(syscall.SIGQUIT) }, 131},
		"^Z": {func(s *sitting) {
			s.press("\x1a")
			s.awaitStop()
			s.await(leave)
			s.signal(syscall.SIGCONT)
			s.await("*c cpu")
			s.press("q")
		}, 0},
		"size": {func(s *sitting) {
			s.await("1 to 6 of 50 workers")
			_ = unix.IoctlSetWinsize(int(s.user.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 22, Col: 100})
			s.signal(syscall.SIGWINCH)
			s.await("1 to 16 of 50 workers")
			s.press("q")
		}, 0},
	} {
		t.Run(what, func(t *testing.T) { sit(t, try.do, try.code) })
	}
}

// sit runs "top" on a terminal, and looks how the program leaves it.
func sit(t *testing.T, do func(*sitting), code int) {
	leaktest.Check(t)
	f := newFake(t, map[string]control.Message{"workers": {Text: []byte(workersJSON(50, 1))}})
	terminal, user := newTerminal(t)
	before, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Args[0], "-s", f.path, "top", "-i", "0.1")
	command.Env = append(os.Environ(), beProgram+"=1")
	command.Stdin, command.Stdout, command.Stderr = terminal, terminal, terminal
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s := &sitting{t: t, user: user, command: command}
	s.await(enter)
	s.await("*c cpu")
	do(s)
	s.await(leave)
	_ = command.Wait()
	if got := command.ProcessState.ExitCode(); got != code {
		t.Errorf("exit status %d, want %d", got, code)
	}
	if after, err := term.GetState(int(terminal.Fd())); err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("%v: before %v, after %v", err, before, after)
	}
}
