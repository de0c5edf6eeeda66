package exporter

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/board"
	"socketserver/internal/control"
	"socketserver/internal/leaktest"
)

// export runs an exporter on a Unix socket until the test ends, or stop is called,
// which returns what it did.
func export(t *testing.T, o *Options) (stop func() error, done chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done = make(chan struct{})
	var err error
	go func() {
		err = Run(ctx, o)
		close(done)
	}()
	stop = func() error {
		cancel()
		<-done
		return err
	}
	t.Cleanup(func() { _ = stop() })
	if path, isPath := strings.CutPrefix(o.Listen, "unix:"); isPath {
		await(t, "the exporter", func() bool {
			conn, err := net.Dial("unix", path)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}
	return stop, done
}

// socketPath is one that nobody has.
func socketPath(t *testing.T) string {
	return filepath.Join(t.TempDir(), "http")
}

// client asks at a Unix socket.
func client(t *testing.T, path string) *http.Client {
	c := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", path)
	}}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func fetch(t *testing.T, c *http.Client, path string, headers ...string) (int, string, http.Header) {
	t.Helper()
	r, _ := http.NewRequest("GET", "http://localhost"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text), answer.Header
}

func TestAnswers(t *testing.T) {
	leaktest.Check(t)
	f := newFakeServer(t, 2)
	f.put(t, 0, busy(os.Getpid()), board.Times{})
	path := socketPath(t)
	export(t, &Options{Path: f.Path, Listen: "unix:" + path})
	c := client(t, path)

	code, text, header := fetch(t, c, "/metrics")
	if code != 200 || !strings.Contains(text, "\nsocketserver_up 1\n") || !strings.HasPrefix(header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("%d, %v, %s", code, header, text)
	}
	code, text, header = fetch(t, c, "/metrics", "Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
	if code != 200 || !strings.HasSuffix(text, "\n# EOF\n") || !strings.HasPrefix(header.Get("Content-Type"), "application/openmetrics-text; version=1.0.0") {
		t.Errorf("%d, %v, %s", code, header, text)
	}
	code, text, header = fetch(t, c, "/status.json")
	var all struct {
		Up      bool
		Status  map[string]any
		Workers []map[string]any
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil || code != 200 || !all.Up || all.Status["accepted"] != 100.0 || len(all.Workers) != 1 ||
		all.Workers[0]["note"] != "GET /x" || all.Workers[0]["cpu"] == nil || header.Get("Content-Type") != "application/json" {
		t.Errorf("%d, %v: %s", code, err, text)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin"} {
		if header.Get(name) != want {
			t.Errorf("%s: %q", name, header.Get(name))
		}
	}
	for path, want := range map[string]string{"/healthz": "200 ok", "/readyz": "200 ready", "/none": "404 404 page not found\n"} {
		if code, text, _ := fetch(t, c, path); fmt.Sprint(code, " ", text) != want {
			t.Error(path, code, text)
		}
	}
	f.change(func() { f.health = "draining" })
	await(t, "503", func() bool { code, text, _ := fetch(t, c, "/readyz"); return code == 503 && text == "draining\n" })
	f.Stop()
	await(t, "no server", func() bool { code, _, _ := fetch(t, c, "/healthz"); return code == 503 })
	if code, text, _ := fetch(t, c, "/readyz"); code != 503 || text == "" {
		t.Error(code, text)
	}
	if _, text, _ := fetch(t, c, "/metrics"); !strings.HasSuffix(text, "socketserver_up 0\n") {
		t.Error(text)
	}
	f.again(t)
	await(t, "its successor", func() bool { code, _, _ := fetch(t, c, "/healthz"); return code == 200 })
}

// raw sends text, and returns the first line of the answer, or "".
func raw(t *testing.T, path, text string) string {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(text))
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line)
}

func TestQuestionsThatWontDo(t *testing.T) {
	leaktest.Check(t)
	f := newFakeServer(t, 1)
	path := socketPath(t)
	export(t, &Options{Path: f.Path, Listen: "unix:" + path})
	const rest = " HTTP/1.1\r\nHost: localhost\r\n"
	for text, want := range map[string]string{
		"POST /metrics" + rest + "Content-Length: 0\r\n\r\n":                    "405",
		"POST /metrics" + rest + "Content-Length: 1000000\r\n\r\n":              "405",
		"DELETE /" + rest + "\r\n":                                              "405",
		"OPTIONS *" + rest + "\r\n":                                             "405",
		"CONNECT a:1" + rest + "\r\n":                                           "405",
		"GET /metrics" + rest + "Content-Length: 1000000\r\n\r\n":               "413",
		"GET /metrics" + rest + "Transfer-Encoding: chunked\r\n\r\n":            "413",
		"GET /metrics" + rest + "X: " + strings.Repeat("x", 20000) + "\r\n\r\n": "431",
		"GET /metrics HTTP/1.1\r\n\r\n":                                         "400",
		"HEAD /metrics" + rest + "\r\n":                                         "200",
		"GET /metrics HTTP/1.0\r\n\r\n":                                         "200",
		"nonsense\r\n\r\n":                                                      "400",
	} {
		if got := raw(t, path, text); !strings.Contains(got, " "+want+" ") {
			t.Errorf("%.40q: %q", text, got)
		}
	}
}

// TestRoom: who comes when all connections are taken waits until one is given back.
func TestRoom(t *testing.T) {
	leaktest.Check(t)
	f := newFakeServer(t, 1)
	path := socketPath(t)
	export(t, &Options{Path: f.Path, Listen: "unix:" + path})
	var conns []net.Conn
	defer func() {
		for _, conn := range conns {
			conn.Close()
		}
	}()
	const question = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	ask := func() net.Conn {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		_, _ = conn.Write([]byte(question))
		return conn
	}
	answered := func(conn net.Conn, within time.Duration) bool {
		_ = conn.SetReadDeadline(time.Now().Add(within))
		n, _ := conn.Read(make([]byte, 1))
		return n == 1
	}
	for range mostConnections {
		if !answered(ask(), 20*time.Second) {
			t.Fatal("no answer on connection", len(conns))
		}
	}
	last := ask()
	if answered(last, 50*time.Millisecond) {
		t.Error("there was room for one more")
	}
	conns[0].Close()
	if !answered(last, 20*time.Second) {
		t.Error("it was never given room")
	}
}

// TestSlowReader: who asks and doesn't read is cut off.
func TestSlowReader(t *testing.T) {
	leaktest.Check(t)
	a, _ := newAccess("")
	look := fixed{sample(t)}
	srv := newServer(context.Background(), look, NewPage(look), a)
	if srv.WriteTimeout != writeTime {
		t.Error(srv.WriteTimeout)
	}
	srv.WriteTimeout = 100 * time.Millisecond
	closed := make(chan struct{})
	srv.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	l, err := net.Listen("unix", socketPath(t))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- srv.Serve(l) }()
	conn, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		const question = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
		for err := error(nil); err == nil; {
			_, err = conn.Write([]byte(question))
		}
	}()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Error("it may be as slow as it likes")
	}
	srv.Close()
	<-done
}

func TestEnding(t *testing.T) {
	s := &server{look: newSource(&Options{})}
	s.look.(*Source).turn <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, do := range []http.HandlerFunc{s.healthy, s.ready, s.status} {
		r, _ := http.NewRequestWithContext(ctx, "GET", "/", nil)
		w := &status{}
		if do(w, r); w.code != 503 {
			t.Error(w.code)
		}
	}
}

func TestStreams(t *testing.T) {
	s := &server{streams: make(chan struct{}, 1)}
	handler := s.limitStreams(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	ask := func(path string) int {
		w := &status{}
		r, _ := http.NewRequest("GET", path, nil)
		handler.ServeHTTP(w, r)
		return w.code
	}
	if got := ask("/events"); got != 0 {
		t.Error(got)
	}
	s.streams <- struct{}{}
	if got := [2]int{ask("/events"), ask("/metrics")}; got != [2]int{503, 0} {
		t.Error(got)
	}
}

// status takes an answer's.
type status struct{ code int }

func (*status) Header() http.Header            { return http.Header{} }
func (*status) Write(text []byte) (int, error) { return len(text), nil }
func (s *status) WriteHeader(code int)         { s.code = code }

func TestSocket(t *testing.T) {
	leaktest.Check(t)
	f := newFakeServer(t, 1)
	path := socketPath(t)
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	o := &Options{Path: f.Path, Listen: "unix:" + path}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- Run(ctx, o) }()
	c := client(t, path)
	await(t, "what replaces a socket that is left", func() bool {
		answer, err := c.Get("http://localhost/healthz")
		if err == nil {
			answer.Body.Close()
		}
		return err == nil
	})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if err := Run(context.Background(), o); !errors.Is(err, unix.EADDRINUSE) {
		t.Error("a second one:", err)
	}
	began := time.Now()
	cancel()
	if err := <-done; err != nil || time.Since(began) > time.Second {
		t.Error(err, time.Since(began))
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("the path is left:", err)
	}
}

func TestAddresses(t *testing.T) {
	leaktest.Check(t)
	for listen, want := range map[string]string{
		"0.0.0.0:0": "others can reach", ":0": "others can reach", "[::]:0": "others can reach", "192.0.2.1:0": "others can reach",
		"unix:@a": "any user", "unix:": "no path", "unix:a": "absolute path", "": "give host:port", "9100": "give host:port",
		"127.0.0.1:x": "a port is", "127.0.0.1:70000": "a port is",
	} {
		if err := Run(context.Background(), &Options{Path: "/nonexistent", Listen: listen}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", listen, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, listen := range []string{"127.0.0.1:0", "localhost:0", "127.1.2.3:0"} {
		if err := Run(ctx, &Options{Path: "/nonexistent", Listen: listen}); err != nil {
			t.Errorf("%q: %v", listen, err)
		}
	}
	if err := Run(ctx, &Options{Path: "/nonexistent", Listen: "0.0.0.0:0", PasswordFile: passwords(t, "a:b", 0o600)}); err != nil {
		t.Error(err)
	}
	if err := Run(ctx, &Options{Path: "/nonexistent", Listen: "127.0.0.1:0", PasswordFile: passwords(t, "a:b", 0o604)}); err == nil {
		t.Error("with a password file that others read")
	}
}

// TestKept: an exporter of the server's listens on the server's socket, stays while
// the server answers nonsense, and ends with it.
func TestKept(t *testing.T) {
	leaktest.Check(t)
	f := newFakeServer(t, 1)
	path := socketPath(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := l.(*net.UnixListener).File()
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if err != nil {
		t.Fatal(err)
	}
	own, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	f.change(func() { f.sockets = []int{own} })
	stop, done := export(t, &Options{Path: f.Path, Kept: true})
	c := client(t, path)
	if code, _, _ := fetch(t, c, "/healthz"); code != 200 {
		t.Error(code)
	}
	f.change(func() { f.answer = func(m *control.Message) { m.Text = bytes.Repeat([]byte(" "), mostAnswer+1) } })
	await(t, "trouble", func() bool { code, _, _ := fetch(t, c, "/healthz"); return code == 503 })
	f.change(func() { f.answer = nil })
	await(t, "a good answer", func() bool { code, _, _ := fetch(t, c, "/healthz"); return code == 200 })
	f.Stop()
	<-done
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error("the server's path is gone:", err)
	}
}

func TestKeptWithoutSockets(t *testing.T) {
	leaktest.Check(t)
	f := newFakeServer(t, 1)
	if err := Run(context.Background(), &Options{Path: f.Path, Kept: true}); err == nil || !strings.Contains(err.Error(), "no -status") {
		t.Error(err)
	}
	f.change(func() { f.sockets = []int{newMemory(t, 1, 0)} })
	if err := Run(context.Background(), &Options{Path: f.Path, Kept: true}); err == nil {
		t.Error("a memory file was listened on")
	}
	f.Stop()
	if err := Run(context.Background(), &Options{Path: f.Path, Kept: true}); !errors.Is(err, unix.ECONNREFUSED) {
		t.Error(err)
	}
}
