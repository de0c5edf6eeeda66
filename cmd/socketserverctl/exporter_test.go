package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/internal/leaktest"
)

// TestExporter runs one until a signal ends it, without a word.
func TestExporter(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(t.TempDir(), "http")
	done := make(chan outcome)
	go func() { done <- ask("-s", "/nonexistent/path", "exporter", "-listen", "unix:"+path) }()
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}}
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		answer, err := client.Get("http://localhost/metrics")
		if err == nil {
			text, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if !strings.HasSuffix(string(text), "\nsocketserver_up 0\n") {
				t.Errorf("%s", text)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if err := unix.Kill(unix.Getpid(), unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := <-done; got != (outcome{}) {
		t.Errorf("%+v", got)
	}
}

func TestExporterThatCannotBegin(t *testing.T) {
	leaktest.Check(t)
	const nobody = "/nonexistent/path"
	for words, text := range map[string]string{
		"": "where is the exporter to listen", "-kept -listen 127.0.0.1:0": "where is the exporter to listen",
		"-listen 0.0.0.0:0": "--status-password-file", "-listen x": "host:port", "a": "unknown command",
	} {
		ask(append([]string{"-s", nobody, "exporter"}, strings.Fields(words)...)...).wantError(t, exitUsage, text)
	}
	t.Setenv(pathVariable, "")
	ask("exporter", "-listen", "127.0.0.1:0").wantError(t, exitUsage, pathVariable)
	ask("-s", nobody, "exporter", "-kept").wantError(t, exitNobody, "is the server running")
	ask("-s", nobody, "exporter", "-listen", "127.0.0.1:0", "-status-password-file", nobody).wantError(t, exitFailed, "passwords")
}
