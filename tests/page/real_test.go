package page

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// program is a real server: whoever writes a line has a worker, which notes it, until
// the line "done" comes. It says where it listens, and where it shows itself.
const program = `
package require socketserver
proc handle {sock args} {
    chan configure $sock -buffering line
    ::socketserver::counter incr calls
    while {[chan gets $sock line] >= 0 && $line ne "done"} {
	::socketserver::note $line
	chan puts $sock noted
    }
}
proc ready {pool} {
    set status [$pool status]
    puts "[dict get [lindex [dict get $status listeners] 0] name] [dict get $status statusListener]"
    flush stdout
}
set pool [::socketserver::pool start -workers 8 -status 127.0.0.1:0 -readycmd ready 127.0.0.1:0 handle]
chan event stdin readable {if {[gets stdin] eq "" && [eof stdin]} {$pool stop -grace 0}}
$pool wait
`

// real starts that server; it ends with the test. The addresses of the pool and of its
// page.
func real(t *testing.T) (pool, page string) {
	t.Helper()
	build := os.Getenv("SOCKETSERVER_BUILD")
	if build == "" {
		t.Skip("no build: SOCKETSERVER_BUILD says where it is")
	}
	file := filepath.Join(t.TempDir(), "server.tcl")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(cmp.Or(os.Getenv("TCLSH"), "tclsh"), file)
	server.Env = append(os.Environ(), "TCLLIBPATH="+build)
	server.Stderr = os.Stderr
	in, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		kill := time.AfterFunc(most, func() { _ = server.Process.Kill() })
		defer kill.Stop()
		_, _ = io.Copy(io.Discard, out)
		if err := server.Wait(); err != nil {
			t.Error(err)
		}
	})
	if _, err := fmt.Fscan(bufio.NewReader(out), &pool, &page); err != nil {
		t.Fatal(err)
	}
	return pool, page
}

// caller is a client that keeps a worker busy.
type caller struct {
	t    *testing.T
	conn net.Conn
}

func call(t *testing.T, pool string) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", pool)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &caller{t, conn}
}

// says has the worker note something.
func (c *caller) says(what string) {
	c.t.Helper()
	_ = c.conn.SetDeadline(time.Now().Add(most))
	answer := make([]byte, len("noted\n"))
	if _, err := fmt.Fprintln(c.conn, what); err != nil {
		c.t.Fatal(err)
	}
	if _, err := io.ReadFull(c.conn, answer); err != nil {
		c.t.Fatal(err)
	}
}

// notes are those of busy workers, with their peers, one a line.
const notes = `[...document.querySelectorAll('tbody tr[data-slot]')].filter(r => /busy/.test(r.textContent))` +
	`.map(r => [...r.cells].map(c => c.textContent.trim()).filter(t => /^(GET|POST|127)/.test(t)).join(' ')).sort().join('\n')`

// TestRealServer follows a real one in a page that is never loaded again.
func TestRealServer(t *testing.T) {
	pool, page := real(t)
	first := call(t, pool)
	first.says("GET /first " + hostile)
	b := newBrowser(t)
	b.do(chromedp.Navigate("http://" + page + "/"))
	b.await(isLive)
	b.do(chromedp.Evaluate[chromedp.Void](`window.mark = 'here'`))
	b.shows("0 1 2 3 4 5 6 7")
	b.await(fmt.Sprintf("(%s) === %q", notes, first.conn.LocalAddr().String()+" GET /first "+hostile))
	second := call(t, pool)
	second.says("POST /second")
	if _, err := fmt.Fprintln(first.conn, "done"); err != nil {
		t.Fatal(err)
	}
	b.await(fmt.Sprintf("(%s) === %q", notes, second.conn.LocalAddr().String()+" POST /second"))
	for expression, want := range map[string]string{
		`window.mark`: "here", `typeof hit`: "undefined", `counters.textContent`: "calls2",
	} {
		b.await(fmt.Sprintf("String(%s) === %q", expression, want))
	}
}

// TestRealServerWithoutScript: the page is right as it comes.
func TestRealServerWithoutScript(t *testing.T) {
	pool, page := real(t)
	for range 8 {
		call(t, pool).says("GET /first")
	}
	b := newBrowser(t)
	b.do(ask(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	b.do(chromedp.Navigate("http://" + page + "/"))
	b.do(chromedp.WaitVisible("tr[data-slot='7']"))
	if text := get(b, chromedp.Text("tbody tr[data-slot='0']")); !strings.Contains(text, "busy") || !strings.Contains(text, "GET /first") {
		t.Error(text)
	}
}
