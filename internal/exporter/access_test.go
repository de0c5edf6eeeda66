package exporter

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// passwords writes a password file.
func passwords(t testing.TB, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPasswordFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "no user:password",
		"# nobody\n\n":                "no user:password",
		"ann\n":                       "line 1 is not",
		"ann:x\n:y\n":                 "line 2 is not",
		"ann:\n":                      "line 1 is not",
		strings.Repeat("a:b\n", 20e3): "more than",
	} {
		if _, err := newAccess(passwords(t, text, 0o600)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	for _, mode := range []os.FileMode{0o604, 0o602, 0o601} {
		if _, err := newAccess(passwords(t, "a:b\n", mode)); err == nil || !strings.Contains(err.Error(), "chmod o=") {
			t.Errorf("%o: %v", mode, err)
		}
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{pipe: "no file", filepath.Dir(pipe): "no file", "/nonexistent": "no such file"} {
		if _, err := newAccess(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// try asks as a browser or a program does, and returns the status.
func (a *access) try(host, login string) int {
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = host
	if user, password, found := strings.Cut(login, ":"); found {
		r.SetBasicAuth(user, password)
	}
	w := httptest.NewRecorder()
	a.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})).ServeHTTP(w, r)
	return w.Code
}

func TestPasswords(t *testing.T) {
	path := passwords(t, "# who may\nann:se:cret\nbob:ä b \n", 0o640)
	a, err := newAccess(path)
	if err != nil {
		t.Fatal(err)
	}
	for login, want := range map[string]int{
		"ann:se:cret": 200, "bob:ä b ": 200,
		"": 401, "ann:": 401, "ann:secret": 401, "ann:ä b ": 401, "bob:se:cret": 401, ":": 401, "# who may:": 401, "ann:se:cret\n": 401,
	} {
		if got := a.try("somewhere.example", login); got != want {
			t.Errorf("%q: %d", login, got)
		}
	}
	if err := os.WriteFile(path, []byte("cat:new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := [2]int{a.try("a", "cat:new"), a.try("a", "ann:se:cret")}; got != [2]int{200, 401} {
		t.Error("after a change:", got)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := a.try("a", "cat:new"); got != 503 {
		t.Error("with a file that anybody reads:", got)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := a.try("a", "cat:new"); got != 200 {
		t.Error("put right:", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := a.try("a", "cat:new"); got != 503 {
		t.Error("without a file:", got)
	}
}

// TestNames: without a password a name that isn't ours may have been made ours by
// a page in somebody's browser.
func TestNames(t *testing.T) {
	a, err := newAccess("")
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:9100": 200, "[::1]:9100": 200, "[::1]": 200, "localhost": 200, "LocalHost:9100": 200, "10.0.0.1:1": 200,
		"evil.example": 403, "evil.example:9100": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "": 403, "1": 403, "a:b:c": 403,
	} {
		if got := a.try(host, ""); got != want {
			t.Errorf("%q: %d", host, got)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "proxy.example"
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.UnixAddr{Name: "/run/a", Net: "unix"}))
	if !isOwnName(r) {
		t.Error("no browser comes by a Unix socket, a proxy may")
	}
}
