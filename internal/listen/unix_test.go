package listen

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
)

// path asks for a Unix socket.
func path(name string) Options {
	return Options{Path: name, Backlog: 8, Mode: -1, UID: -1, GID: -1}
}

// here is a name in a folder of the test's own.
func here(t *testing.T) string {
	t.Helper()
	leaktest.Check(t)
	return filepath.Join(t.TempDir(), "socket")
}

// openedAt listens until the test ends; the path stays.
func openedAt(t *testing.T, options Options) Opened {
	t.Helper()
	o, err := Listen(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { descriptor.Close(o.Fds...) })
	if len(o.Fds) != 1 || o.Port != 0 || o.Addresses != nil || o.Path != options.Path || o.Shared {
		t.Errorf("%+v", o)
	}
	return o
}

// stale leaves a socket on which nobody listens.
func stale(t *testing.T, name string) {
	t.Helper()
	o, err := Listen(path(name))
	if err != nil {
		t.Fatal(err)
	}
	descriptor.Close(o.Fds...)
}

func reaches(t *testing.T, network, name string) {
	t.Helper()
	conn, err := net.Dial(network, name)
	if err != nil {
		t.Error(err)
		return
	}
	conn.Close()
}

// fails expects an error, and no lock that is left.
func fails(t *testing.T, options Options, want unix.Errno, text string) {
	t.Helper()
	o, err := Listen(options)
	if !errors.Is(err, want) || !strings.Contains(err.Error(), text) ||
		!strings.HasPrefix(err.Error(), "can't listen on unix:"+options.Path+": ") || o.Fds != nil {
		t.Errorf("got %+v, %v", o, err)
	}
	var number unix.Errno
	if !errors.As(err, &number) {
		t.Errorf("no number: %v", err)
	}
}

// abstract is a name that nobody else has.
func abstract(name string) string {
	return fmt.Sprintf("@socketserver-%s-%d", name, os.Getpid())
}

func isThere(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func TestPath(t *testing.T) {
	name := here(t)
	o := openedAt(t, path(name))
	reaches(t, "unix", name)
	if isThere(name + ".lock") {
		t.Error("the lock is left")
	}
	o.Remove()
	o.Remove()
	if isThere(name) || isThere(name+".lock") {
		t.Error("it is left")
	}
}

func TestPackets(t *testing.T) {
	options := path(here(t))
	options.Packets = true
	openedAt(t, options)
	reaches(t, "unixpacket", options.Path)
	fails(t, options, unix.EADDRINUSE, "a server is listening there")
	fails(t, path(options.Path), unix.EADDRINUSE, "a server is listening there")
}

func TestAbstract(t *testing.T) {
	leaktest.Check(t)
	options := path(abstract("listen"))
	options.Mode = 0o600
	o := openedAt(t, options)
	reaches(t, "unix", o.Path)
	fails(t, options, unix.EADDRINUSE, "in use")
	o.Remove()
	reaches(t, "unix", o.Path)
}

func TestStalePath(t *testing.T) {
	name := here(t)
	stale(t, name)
	if !isThere(name) {
		t.Fatal("it isn't there")
	}
	openedAt(t, path(name))
	reaches(t, "unix", name)
}

// TestStalePathOfAnotherKind: it may have been another program's.
func TestStalePathOfAnotherKind(t *testing.T) {
	name := here(t)
	stale(t, name)
	packets := path(name)
	packets.Packets = true
	openedAt(t, packets)
	reaches(t, "unixpacket", name)
}

func TestLivingPath(t *testing.T) {
	options := path(here(t))
	options.Backlog = 0
	openedAt(t, options)
	for range 4 { // Until its backlog is full, and then.
		fails(t, options, unix.EADDRINUSE, "a server is listening there")
	}
	if !isThere(options.Path) {
		t.Error("it was removed")
	}
}

// TestInTheWay has all that is no socket at the path, which stays.
func TestInTheWay(t *testing.T) {
	name := here(t)
	target := name + ".target"
	openedAt(t, path(target))
	for what, create := range map[string]func() error{
		"file":           func() error { return os.WriteFile(name, []byte("precious"), 0o600) },
		"folder":         func() error { return os.Mkdir(name, 0o700) },
		"link":           func() error { return os.Symlink(target, name) },
		"link to naught": func() error { return os.Symlink(name+".none", name) },
		"pipe":           func() error { return unix.Mkfifo(name, 0o600) },
	} {
		if err := create(); err != nil {
			t.Fatal(err)
		}
		before, _ := os.Lstat(name)
		fails(t, path(name), unix.EEXIST, "no socket")
		after, err := os.Lstat(name)
		if err != nil || !os.SameFile(before, after) || isThere(name+".lock") {
			t.Errorf("%s: %v", what, err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	reaches(t, "unix", target)
}

func TestPathErrors(t *testing.T) {
	folder := filepath.Dir(here(t))
	fails(t, path(folder+"/none/socket"), unix.ENOENT, "no such file")
	fails(t, path("relative"), unix.EINVAL, "absolute")
	fails(t, path("@"), unix.EINVAL, "name")
	fails(t, path("/with\x00nul"), unix.EINVAL, "absolute")
	fails(t, path("@"+strings.Repeat("x", 107)), unix.ENAMETOOLONG, "108 bytes, the limit is 107")
	for _, size := range []int{107, 108} {
		name := folder + "/" + strings.Repeat("x", size-len(folder)-1)
		if size == 107 {
			openedAt(t, path(name))
			reaches(t, "unix", name)
		} else {
			fails(t, path(name), unix.ENAMETOOLONG, "108 bytes, the limit is 107")
		}
	}
}

func TestLockBusy(t *testing.T) {
	name := here(t)
	l, err := take(name)
	if err != nil {
		t.Fatal(err)
	}
	fails(t, path(name), unix.EADDRINUSE, "somebody is taking it")
	l.release()
	o := openedAt(t, path(name))
	if l, err = take(name); err != nil {
		t.Fatal(err)
	}
	o.Remove() // Waits for nobody.
	if !isThere(name) {
		t.Error("it was removed from under who has the lock")
	}
	l.release()
}

// TestLockOfTheDead: a lock ends with its holder, whose file stays.
func TestLockOfTheDead(t *testing.T) {
	name := here(t)
	l, err := take(name)
	if err != nil {
		t.Fatal(err)
	}
	descriptor.Close(l.fd)
	openedAt(t, path(name))
	if isThere(name + ".lock") {
		t.Error("the lock is left")
	}
}

// TestLockRemoved: who has opened the file before it was removed has locked nothing.
func TestLockRemoved(t *testing.T) {
	name := here(t)
	first, err := take(name)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(first.name, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close(fd)
	if held, err := first.hold(fd); held || err != errBusy {
		t.Errorf("%v, %v", held, err)
	}
	first.release()
	second, err := take(name)
	if err != nil {
		t.Fatal(err)
	}
	if held, err := first.hold(fd); held || err != nil {
		t.Errorf("%v, %v", held, err)
	}
	second.release()
}

func TestLockIsSomebodyElses(t *testing.T) {
	name := here(t)
	if err := os.WriteFile(name+".lock", []byte("17\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, path(name), unix.EEXIST, "somebody else's")
	if text, err := os.ReadFile(name + ".lock"); err != nil || string(text) != "17\n" {
		t.Errorf("%q, %v", text, err)
	}
	if err := os.Remove(name + ".lock"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", name+".lock"); err != nil {
		t.Fatal(err)
	}
	fails(t, path(name), unix.ELOOP, ".lock")
}

// TestRemovedMeanwhile: what others have put there stays.
func TestRemovedMeanwhile(t *testing.T) {
	name := here(t)
	o := openedAt(t, path(name))
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	o.Remove()
	o = openedAt(t, path(name))
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	openedAt(t, path(name))
	o.Remove()
	reaches(t, "unix", name)
}

func mode(t *testing.T, name string) (uint32, *syscall.Stat_t) {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	status := info.Sys().(*syscall.Stat_t)
	return status.Mode & 0o7777, status
}

func TestMode(t *testing.T) {
	name := here(t)
	defer unix.Umask(unix.Umask(0o027))
	for _, want := range []int{-1, 0o600, 0o660, 0o666, 0o777, 0} {
		options := path(name)
		options.Mode = want
		o := openedAt(t, options)
		if want < 0 {
			want = 0o750
		}
		if got, _ := mode(t, name); got != uint32(want) {
			t.Errorf("mode %o instead of %o", got, want)
		}
		o.Remove()
	}
}

func TestOwner(t *testing.T) {
	name := here(t)
	options := path(name)
	options.UID, options.GID = os.Getuid(), os.Getgid()
	o := openedAt(t, options)
	o.Remove()
	options.Mode, options.UID, options.GID = 0o660, 4711, 4712
	if os.Getuid() != 0 {
		fails(t, options, unix.EPERM, "can't give it to user 4711, group 4712")
		if isThere(name) {
			t.Error("it is left")
		}
		return
	}
	openedAt(t, options)
	if got, status := mode(t, name); got != 0o660 || status.Uid != 4711 || status.Gid != 4712 {
		t.Errorf("mode %o, user %d, group %d", got, status.Uid, status.Gid)
	}
}

// TestOneTakesIt has several servers start at once where one has died.
func TestOneTakesIt(t *testing.T) {
	name := here(t)
	for range 50 {
		stale(t, name)
		const servers = 8
		results := make(chan Opened, servers)
		for range servers {
			go func() {
				o, err := Listen(path(name))
				if err != nil && !errors.Is(err, unix.EADDRINUSE) {
					t.Error(err)
				}
				results <- o
			}()
		}
		won := 0
		for range servers {
			if o := <-results; o.Fds != nil {
				won++
				defer descriptor.Close(o.Fds...)
				defer o.Remove()
			}
		}
		if won != 1 || !isThere(name) || isThere(name+".lock") {
			t.Fatalf("%d have got it", won)
		}
		reaches(t, "unix", name)
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFewDescriptors: after an error nothing is left at the path.
func TestFewDescriptors(t *testing.T) {
	name := here(t)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	for room := range 4 {
		var fds []int
		for range room + 1 {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			fds = append(fds, fd)
		}
		descriptor.Close(fds...)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(fds[room]), Max: limit.Max}); err != nil {
			t.Fatal(err)
		}
		opened, err := Listen(path(name))
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
		if err == nil {
			opened.Remove()
			descriptor.Close(opened.Fds...)
		} else if !errors.Is(err, unix.EMFILE) {
			t.Error(err)
		}
		if isThere(name) {
			t.Errorf("room for %d: it is there, %v", room, err)
			_ = os.Remove(name)
		}
	}
}
