package page

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"socketserver/internal/exporter"
)

// BenchmarkFollow measures what it takes of a processor to have the page of 1,000
// workers open, of whom 20 change each second: the browser, which nobody drives,
// and what makes the events. Once is enough: -bench Follow -benchtime 1x.
func BenchmarkFollow(b *testing.B) {
	const settle, watch = 8 * time.Second, 20 * time.Second
	for _, kind := range []struct {
		changes int
		sort    string
	}{{0, "slot"}, {20, "slot"}, {20, "cpu"}, {1000, "slot"}} {
		b.Run(fmt.Sprintf("changes=%d/sort=%s", kind.changes, kind.sort), func(b *testing.B) {
			s := newServer(1000)
			s.traffic = 940
			s.each = func(now *exporter.Snapshot, noise *rand.Rand) {
				for range kind.changes {
					turn(now, noise)
				}
			}
			browser := watching(b, serving(b, rehearse(b, s, 40))+"/?sort="+kind.sort)
			time.Sleep(settle)
			theirs, ours := spent(family(browser)...), spent(os.Getpid())
			time.Sleep(watch)
			b.ReportMetric(100*float64(spent(family(browser)...)-theirs)/float64(watch), "%browser")
			b.ReportMetric(100*float64(spent(os.Getpid())-ours)/float64(watch), "%exporter")
		})
	}
}

// turn makes an idle worker busy or a busy one idle.
func turn(s *exporter.Snapshot, noise *rand.Rand) {
	w := &s.Workers[noise.IntN(len(s.Workers))]
	w.Served, w.CPUShare, w.Since = w.Served+1, noise.Float64(), time.Now()
	if w.State == "idle" {
		w.State, w.Note, w.Peer = "busy", fmt.Sprint("GET /", noise.IntN(1000)), "127.0.0.1:4000"
	} else {
		w.State, w.Note, w.Peer = "idle", "", ""
	}
}

// watching starts a browser that shows a page until the test ends.
func watching(tb testing.TB, address string) (pid int) {
	tb.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		tb.Skip("there is no chromium: apt-get install chromium")
	}
	command := exec.Command(path, "--headless", "--no-sandbox", "--no-first-run", "--disable-extensions", "--disable-sync",
		"--disable-background-networking", "--disable-component-update", "--window-size=1280,900", "--remote-debugging-port=0",
		"--user-data-dir="+tb.TempDir(), address)
	command.Env = append(os.Environ(), "TMPDIR="+tb.TempDir())
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		for _, pid := range family(command.Process.Pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = command.Wait()
	})
	return command.Process.Pid
}

// family is a process and all that descend from it.
func family(pid int) []int {
	all := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		children, _ := os.ReadFile(list)
		for _, child := range strings.Fields(string(children)) {
			if pid, err := strconv.Atoi(child); err == nil {
				all = append(all, family(pid)...)
			}
		}
	}
	return all
}

// spent is the processor's time that processes have had.
func spent(pids ...int) (all time.Duration) {
	for _, pid := range pids {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, thread := range threads {
			var nanoseconds int64
			text, _ := os.ReadFile(thread)
			if _, err := fmt.Sscan(string(text), &nanoseconds); err == nil {
				all += time.Duration(nanoseconds)
			}
		}
	}
	return all
}
