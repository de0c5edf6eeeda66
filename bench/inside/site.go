package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/operator"
	"socketserver/bench/internal/server"
)

// site is a server that runs.
type site struct {
	*server.Server
	run
	folder string
	status string // where its status is shown, an address; "": nowhere
}

// open starts a server that shows its status.
func (r run) open(ctx context.Context, handler string, options ...string) (*site, error) {
	port, err := server.FreePort()
	if err != nil {
		return nil, err
	}
	status := fmt.Sprintf("127.0.0.1:%d", port)
	s, err := r.openHidden(ctx, handler, append([]string{"-status", status}, options...)...)
	if err != nil {
		return nil, err
	}
	s.status = status
	if err := s.awaitShown(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// openHidden starts one that doesn't.
func (r run) openHidden(ctx context.Context, handler string, options ...string) (*site, error) {
	folder, err := os.MkdirTemp("", "inside-")
	if err != nil {
		return nil, err
	}
	s := &site{run: r, folder: folder}
	environ := append(contest.TclEnviron(contest.Env{Package: r.Build}), "INSIDE_STALL="+s.path("stall"))
	args := append([]string{r.Tclsh, "inside/inside.tcl", handler, "-control", s.control()}, options...)
	if s.Server, err = server.Start(ctx, args, environ); err != nil {
		os.RemoveAll(folder)
		return nil, err
	}
	return s, nil
}

func (s *site) close() {
	s.Stop()
	os.RemoveAll(s.folder)
}

// path names a file of the site.
func (s *site) path(name string) string {
	return filepath.Join(s.folder, name)
}

func (s *site) control() string {
	return s.path("control")
}

// awaitShown waits until the status is shown.
func (s *site) awaitShown() error {
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err = s.get("/healthz"); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no status is shown: %w%s", err, s.Complaint())
}

// client asks anew each time, so that each answer is a process's that is there.
var client = http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// get returns a page of the exporter's.
func (s *site) get(path string) (string, error) {
	return get("http://" + s.status + path)
}

// get returns a page that is there.
func get(url string) (string, error) {
	answer, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200s", url, answer.Status, text)
	}
	return string(text), err
}

// top returns what the program shows.
func (s *site) top() (string, error) {
	text, err := exec.Command(filepath.Join(s.Build, "socketserverctl"), "-s", s.control(), "top", "-n", "1").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("top: %w: %s", err, text)
	}
	return string(text), err
}

// exporter returns the process that shows the status; 0: there is none now.
func (s *site) exporter() int {
	for _, pid := range s.Pids() {
		if isExporter(pid) {
			return pid
		}
	}
	return 0
}

func isExporter(pid int) bool {
	words, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return err == nil && slices.ContainsFunc(bytes.Split(words, []byte{0}), func(word []byte) bool { return string(word) == "exporter" })
}

// workers returns the processes that serve.
func (s *site) workers() []int {
	return slices.DeleteFunc(s.Children(), isExporter)
}

// state is what is wanted of the server's status.
type state struct {
	Counters map[string]int64
	Died     int
}

func (s *site) state() (state, error) {
	var now state
	text, err := operator.Ask(s.control(), "status", [2]int64{}, "")
	if err == nil {
		err = json.Unmarshal([]byte(text), &now)
	}
	return now, err
}

// stall has Tcl in the server compute until it is resumed.
func (s *site) stall() error {
	if err := os.WriteFile(s.path("stall"), nil, 0o600); err != nil {
		return err
	}
	for range 100 {
		if _, err := operator.Ask(s.control(), "command", [2]int64{100}, "configure -grace"); err != nil {
			return nil
		}
	}
	return errors.New("the server answers while Tcl should compute")
}

func (s *site) resume() {
	os.Remove(s.path("stall"))
}

// ask has a worker answer a line, and tells whether it did.
func (s *site) ask(line string) error {
	conn, err := net.DialTimeout("tcp4", "127.0.0.1:"+strconv.Itoa(s.Port), 10*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintln(conn, line)
	reply, err := io.ReadAll(conn)
	if err == nil && !strings.HasSuffix(string(reply), " "+line+"\n") {
		err = fmt.Errorf("%q was answered by %q", line, reply)
	}
	return err
}
