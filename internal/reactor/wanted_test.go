package reactor

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
	"socketserver/internal/leaktest"
	"socketserver/internal/limit"
	"socketserver/internal/listen"
	"socketserver/internal/queue"
)

func TestReadWanted(t *testing.T) {
	all, err := readWanted("port=80\tname=\taddresses=\n" +
		"name=unix:a\tpath=/run/a\tmode=0660\tuid=5\tgid=0\tnodelay=1\tkeepalive=1,2,32767\tusertimeout=700\n" +
		"use=control\tpath=@c\tmode=777\n" +
		"use=health\tname=fd:web\tfds=2\n" +
		"use=takeover\tpath=/run/old\ttime=60000\n")
	if err != nil {
		t.Fatal(err)
	}
	if w := all[0]; w.use != "queue" || w.count != -1 || w.nameOf(80) != "80" ||
		w.Port != 80 || w.Backlog != defaultBacklog || w.Mode != -1 || w.UID != -1 || w.GID != -1 {
		t.Errorf("%+v", w)
	}
	if w := all[1]; w.nameOf(0) != "unix:a" || w.Path != "/run/a" || w.Mode != 0o660 || w.UID != 5 || w.GID != 0 ||
		!w.NoDelay || w.KeepAlive != [3]int{1, 2, 32767} || w.UserTimeout != 700 {
		t.Errorf("%+v", w)
	}
	if w := all[2]; w.use != "control" || w.Mode != 0o600 || !w.Packets {
		t.Errorf("%+v", w)
	}
	if w := all[3]; w.use != "health" || w.count != 2 || w.nameOf(80) != "fd:web" {
		t.Errorf("%+v", w)
	}
	if w := all[4]; w.use != "takeover" || w.Path != "/run/old" || w.time != 60000 {
		t.Errorf("%+v", w)
	}
}

func TestReadWantedDatagrams(t *testing.T) {
	all, err := readWanted("type=udp\tname=udp:127.0.0.1:\taddresses=127.0.0.1\tport=0\trcvbuf=100000\n" +
		"type=udp\tname=fd:a\tfds=1\n" + "type=tcp\tname=\tport=80\trcvbuf=0\n")
	if err != nil {
		t.Fatal(err)
	}
	if w := all[0]; !w.Datagrams || w.RcvBuf != 100000 || w.nameOf(53) != "udp:127.0.0.1:53" {
		t.Errorf("%+v", w)
	}
	if w := all[1]; !w.Datagrams || w.RcvBuf != 0 || w.nameOf(53) != "fd:a" {
		t.Errorf("%+v", w)
	}
	if w := all[2]; w.Datagrams || w.nameOf(80) != "80" {
		t.Errorf("%+v", w)
	}
}

func TestReadWantedRejects(t *testing.T) {
	for _, field := range []string{
		"use=", "use=other", "mode=8", "mode=1000", "mode=-1", "uid=x", "uid=-2", "gid=4294967295",
		"fds=-1", "fds=65", "nodelay=2", "keepalive=1,2", "keepalive=0,1,1", "keepalive=1,1,32768",
		"usertimeout=-1", "time=", "nothing=1", "port=",
		"type=", "type=sctp", "rcvbuf=-1", "rcvbuf=1073741824", "rcvbuf=x", "type=udp\tpath=/run/a",
		"use=health\ttype=udp", "type=udp\tuse=control", "use=takeover\ttype=udp",
	} {
		if all, err := readWanted(field + "\n"); err == nil {
			t.Errorf("%s: %+v", field, all)
		}
	}
}

// TestUnixListener serves a path, whose clients are known by their processes.
func TestUnixListener(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(t.TempDir(), "socket here")
	r, _ := alone(t)
	wanted, err := readWanted("maxperaddr=1\tname=unix:" + path + "\tpath=" + path + "\tfirstbyte=1000\n" + asks("", 0, 8, ""))
	if err != nil {
		t.Fatal(err)
	}
	s, workers, err := (&opening{reactor: r, handle: 1, wanted: wanted}).start()
	if err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close(workers)
	if got, want := string(s.describe()), "unix:"+strings.ReplaceAll(path, " ", `\ `)+" 0 {} 0\n"; len(got) < len(want) || got[:len(want)] != want {
		t.Errorf("%q instead of %q", got, want)
	}
	s.begin()
	for range 2 {
		client, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		s.listeners[0].takeOne()
	}
	if s.counts.Refused[limit.ByConnections] != 1 || s.limits.Connections() != 1 {
		t.Errorf("a user's connections aren't counted: %+v", s.counts)
	}
	s.fail(0)
	s.back.end()
}

func TestNameTwiceLeavesNoPath(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(t.TempDir(), "a")
	wanted, err := readWanted("name=a\tpath=" + path + "\nname=a\tpath=" + path + "b\n")
	if err != nil {
		t.Fatal(err)
	}
	r, _ := alone(t)
	if _, _, err := (&opening{reactor: r, handle: 1, wanted: wanted}).start(); !errors.Is(err, errTwice) {
		t.Error(err)
	}
	for _, left := range []string{path, path + "b"} {
		if _, err := os.Lstat(left); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", left, err)
		}
	}
}

// TestPeerOfUnixSocket: nothing is allocated for it either.
func TestPeerOfUnixSocket(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(t.TempDir(), "a")
	opened, err := listen.Listen(listen.Options{Path: path, Backlog: 64, Mode: -1, UID: -1, GID: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer descriptor.Close(opened.Fds...)
	defer opened.Remove()
	r, _ := alone(t)
	const runs = 20
	for range runs + 2 {
		client, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
	}
	var m queue.Message
	once := func() {
		fd, errno := r.sys.accept(opened.Fds[0], &m)
		if errno != 0 {
			t.Fatal(errno)
		}
		rawClose(fd)
	}
	once()
	pid, uid, gid, ok := m.Unix()
	if !ok || int(pid) != unix.Getpid() || int(uid) != unix.Getuid() || int(gid) != unix.Getgid() {
		t.Errorf("process %d, user %d, group %d: %v", pid, uid, gid, ok)
	}
	if n := testing.AllocsPerRun(runs, once); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
