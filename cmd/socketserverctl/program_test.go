package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"socketserver/internal/answers"
	"socketserver/internal/control"
	"socketserver/internal/control/controltest"
	"socketserver/internal/leaktest"
)

const stateJSON = `{"version":"2.0.0","pid":%d,"name":"127.0.0.1:8888","listeners":[{"name":"127.0.0.1:8888","port":8888,"addresses":["127.0.0.1"]},
{"name":"unix:/run/a.sock","port":0,"addresses":[]}],"healthListener":"8081","statusListener":"127.0.0.1:9100","control":"/run/app.sock","health":"ready","state":"running",
"generation":2,"wanted":3,"minworkers":2,"maxworkers":32,"workers":{"starting":0,"idle":1,"busy":2,"retiring":0,"attached":1},
"accepted":%d,"handedOver":9,"resumed":8,"served":%d,"lost":1,"waits":2,"retries":3,"pauses":4,"parked":5,
"holding":{"queue":1,"proxy":2,"firstbyte":3,"head":4,"closing":5},"queued":6,"oldest":0.012,"firstByte":0.003,"shed":{"queuetime":1,"maxqueue":2},
"gone":1,"refused":{"maxperaddr":3,"rateperaddr":4},"expired":{"proxy":1,"firstbyte":2,"head":3,"parked":4},"malformed":5,"probes":6,"backlog":7,"datagrams":{"received":21,"answered":20,"dropped":1},
"forked":10,"ended":9,"died":8,"killed":7,"reloads":6,"failed":5,
"limitReached":4,"exits":{"ended":9,"died":1,"timeout":2,"start":3,"end":4,"grace":5,"reload":6}}`

// fake is a server that remembers what it was asked.
type fake struct {
	path    string
	mutex   sync.Mutex
	asked   []string
	answers map[string]control.Message
}

// newFake answers these requests so, and others as a good server does.
func newFake(t testing.TB, answers map[string]control.Message) *fake {
	t.Helper()
	f := &fake{answers: answers}
	f.path = controltest.Start(t, controltest.Answering(f.answer)).Path
	return f
}

func (f *fake) answer(m control.Message) control.Message {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	request := m.Name
	if m.Name == "command" {
		request += fmt.Sprintf(" %d %s", m.Numbers[0], m.Text)
	}
	f.asked = append(f.asked, request)
	if answer, ok := f.answers[m.Name]; ok {
		return answer
	}
	text := ""
	switch m.Name {
	case "version":
		text = `{"version":"2.1.0","protocol":1,"pid":4711}`
	case "health":
		text = "ready"
	case "status":
		text = fmt.Sprintf(stateJSON, os.Getpid(), 1000*len(f.asked), 900*len(f.asked))
	case "workers":
		text = workersJSON(3, len(f.asked))
	case "command":
		if string(m.Text) == "configure" {
			text = "-grace 30 -initcmd {a\nb} -logcmd {} -workers 4"
		} else if string(m.Text) == "configure -grace" {
			text = "30"
		}
	}
	return control.Message{Text: []byte(text)}
}

// forget returns what it was asked since the last time.
func (f *fake) forget() []string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	asked := f.asked
	f.asked = nil
	return asked
}

// workersJSON is what so many workers do; those that exist are this process.
func workersJSON(n, served int) string {
	workers := make([]string, n)
	for i := range workers {
		workers[i] = fmt.Sprintf(`{"pid":%d,"slot":%d,"generation":2,"state":"busy","attached":%t,"connections":1,"served":%d,
"age":%d.5,"peer":"127.0.0.1","peerPort":%d,"handler":"Handle","listener":"8888","note":"GET /%d"}`,
			map[bool]int{true: os.Getpid(), false: 1<<30 + i}[i == 0], i, i == 1, served*i, 10*i, 1000+i, i)
	}
	return "[" + strings.Join(workers, ",\n") + "]"
}

// outcome is what the program did.
type outcome struct {
	code      int
	out, errs string
}

func ask(words ...string) outcome {
	var out, errs bytes.Buffer
	code := run(words, nil, &out, &errs)
	return outcome{code, out.String(), errs.String()}
}

// wantError fails the test unless there is one line on stderr with this text.
func (o outcome) wantError(t *testing.T, code int, text string) {
	t.Helper()
	if o.code != code || !strings.HasPrefix(o.errs, "socketserverctl: ") || strings.Count(o.errs, "\n") != 1 || !strings.Contains(o.errs, text) {
		t.Errorf("got %d, %q; want %d, %q", o.code, o.errs, code, text)
	}
}

func TestStatus(t *testing.T) {
	leaktest.Check(t)
	f := newFake(t, nil)
	got := ask("-s", f.path, "status")
	for _, line := range []string{"health           ready", "127.0.0.1:8888 on 127.0.0.1", "                 unix:/run/a.sock", "status page      127.0.0.1:9100", "2 busy, 1 idle, 0 starting, 0 retiring, 1 attached",
		"3 workers wanted (2 to 32)", "6 queued (the oldest for 12ms), 5 parked, 7 in the backlog", "1 queue, 2 proxy, 3 first byte, 4 head, 5 closing", "21 received, 20 answered, 1 dropped by the system"} {
		if !strings.Contains(got.out, line) {
			t.Errorf("no %q in\n%s", line, got.out)
		}
	}
	got = ask("-s", f.path, "status", "--json")
	var all map[string]any
	if err := json.Unmarshal([]byte(got.out), &all); err != nil || all["parked"] != 5.0 || got.code != 0 {
		t.Errorf("%v: %+v", err, got)
	}
}

func TestWorkers(t *testing.T) {
	leaktest.Check(t)
	f := newFake(t, nil)
	got := ask("-s", f.path, "workers")
	lines := strings.Split(got.out, "\n")
	if got.code != 0 || len(lines) != 5 || !strings.Contains(lines[2], "busy (attached)") || !strings.Contains(lines[3], "127.0.0.1:1002  GET /2  8888      Handle") {
		t.Errorf("%+v", got)
	}
	f = newFake(t, map[string]control.Message{"workers": {Text: []byte("[]")}})
	if got := ask("-s", f.path, "workers"); got != (outcome{0, "no workers\n", ""}) {
		t.Errorf("%+v", got)
	}
}

func TestCommands(t *testing.T) {
	leaktest.Check(t)
	f := newFake(t, nil)
	t.Setenv(pathVariable, f.path)
	for _, try := range [][2]string{
		{"add", "add 1"}, {"add 3", "add 3"}, {"retire 2", "retire 2"}, {"reload", "reload"}, {"drain", "drain"}, {"drain 0.5", "drain 0.5"},
		{"stop", "stop"}, {"stop --grace 2", "stop -grace 2"}, {"configure grace 3 -initcmd -x", "configure -grace 3 -initcmd -x"},
		{"stop -grace 2", "stop -grace 2"}, {"configure -grace 3", "configure -grace 3"}, {"configure -- -grace 3", "configure -grace 3"},
		{"configure -timeout 3 json --json", "configure -timeout 3 -json --json"}, {"configure -s " + f.path + " -skipgone half", "configure -skipgone half"},
	} {
		got := ask(append([]string{"-timeout", "2.5"}, strings.Fields(try[0])...)...)
		if want := []string{"command 2500 " + try[1]}; got.code != 0 || got.errs != "" || strings.Count(got.out, "\n") != 1 || !slices.Equal(f.forget(), want) {
			t.Errorf("%s: %+v", try[0], got)
		}
	}
	if got := ask("add", "--json"); got.out != "{\n  \"answer\": \"\",\n  \"command\": \"add\"\n}\n" {
		t.Errorf("%+v", got)
	}
}

func TestConfigure(t *testing.T) {
	leaktest.Check(t)
	f := newFake(t, nil)
	for words, want := range map[string]string{
		"configure":            "grace    30\ninitcmd  a\\nb\nlogcmd   {}\nworkers  4\n",
		"configure grace":      "30\n",
		"configure -grace":     "30\n",
		"configure -json":      "{\n  \"grace\": \"30\",\n  \"initcmd\": \"a\\nb\",\n  \"logcmd\": \"\",\n  \"workers\": \"4\"\n}\n",
		"configure --json":     "{\n  \"grace\": \"30\",\n  \"initcmd\": \"a\\nb\",\n  \"logcmd\": \"\",\n  \"workers\": \"4\"\n}\n",
		"__complete configure": "grace\ninitcmd\nlogcmd\nworkers\n:4\n",
	} {
		args := append([]string{"-s", f.path}, strings.Fields(words)...)
		if args[2] == "__complete" {
			args = []string{"__complete", "-s", f.path, "configure", ""}
		}
		if got := ask(args...); got.code != 0 || got.out != want {
			t.Errorf("%s: %+v", words, got)
		}
	}
	for _, try := range [][2]string{{"-gr", "-grace\n:4"}, {"grace 3 -wo", "-workers\n:4"}, {"-grace 3 wo", "workers\n:4"}, {"--ti", "--timeout\t"}} {
		words := append([]string{"__complete", "-s", f.path, "configure"}, strings.Fields(try[0])...)
		if got := ask(words...); !strings.HasPrefix(got.out, try[1]) {
			t.Errorf("%s: %+v", try[0], got)
		}
	}
	if got := ask("__complete", "top", "--sort", "s"); !strings.HasPrefix(got.out, "cpu\nmemory\nrate\nserved\n") {
		t.Errorf("%+v", got)
	}
}

func TestHealth(t *testing.T) {
	leaktest.Check(t)
	if got := ask("-s", newFake(t, nil).path, "health"); got != (outcome{0, "ready\n", ""}) {
		t.Errorf("%+v", got)
	}
	f := newFake(t, map[string]control.Message{"health": {Text: []byte("draining")}})
	if got := ask("-s", f.path, "health"); got != (outcome{1, "draining\n", ""}) {
		t.Errorf("%+v", got)
	}
	if got := ask("-s", f.path, "health", "--json"); got != (outcome{1, "{\n  \"health\": \"draining\"\n}\n", ""}) {
		t.Errorf("%+v", got)
	}
}

func TestVersion(t *testing.T) {
	leaktest.Check(t)
	t.Setenv(pathVariable, "")
	if got := ask("version"); got != (outcome{0, "socketserverctl unknown\n", ""}) {
		t.Errorf("%+v", got)
	}
	if got := ask("-s", newFake(t, nil).path, "version"); got != (outcome{0, "socketserverctl unknown\nserver 2.1.0, protocol 1, process 4711\n", ""}) {
		t.Errorf("%+v", got)
	}
	ask("-s", "/nonexistent/path", "version").wantError(t, exitNobody, "is the server running")
}

func TestUsage(t *testing.T) {
	t.Setenv(pathVariable, "/nonexistent/path")
	for words, text := range map[string]string{
		"statu": "Did you mean", "status x": "unknown command", "status --foo": "unknown flag", "add 0": "from 1 on", "add 1 2": "at most 1",
		"drain soon": "seconds", "stop --grace nan": "seconds", "configure a b c": "no value", "drain -1": "from 0 to", "retire -1": "from 1 on", "top --sort x": "cpu, memory", "top --interval 0": "0.1",
		"top --json": "workers", "status --timeout 0": "0.001", "status --timeout x": "invalid argument", "top -n -1": "from 0 on",
	} {
		ask(strings.Fields(words)...).wantError(t, exitUsage, text)
	}
	t.Setenv(pathVariable, "")
	ask("status").wantError(t, exitUsage, pathVariable)
}

func TestNobody(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	left, file := filepath.Join(dir, "left"), filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ended, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Bind(ended, &unix.SockaddrUnix{Name: left})
	_ = unix.Close(ended)
	stream, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(stream)
	other := filepath.Join(dir, "stream")
	_ = unix.Bind(stream, &unix.SockaddrUnix{Name: other})
	_ = unix.Listen(stream, 1)
	for path, text := range map[string]string{left: "start it", file: "no socket", dir + "/nobody": "is the server running", other: "another kind"} {
		ask("-s", path, "status").wantError(t, exitNobody, text)
	}
}

func TestRefused(t *testing.T) {
	leaktest.Check(t)
	f := newFake(t, map[string]control.Message{"command": {Name: "USAGE", Text: []byte("no room\n\x1b[2Jfor it")}})
	ask("-s", f.path, "add").wantError(t, exitFailed, `no room \x1b[2Jfor it`)
	f = newFake(t, map[string]control.Message{"command": {Name: "TIMEOUT", Text: []byte("Tcl doesn't answer")}})
	ask("-s", f.path, "add").wantError(t, exitTimeout, "Tcl doesn't answer")
	closes := controltest.Start(t, func(int) {})
	ask("-s", closes.Path, "status").wantError(t, exitFailed, "neither its user nor root")
	silent := controltest.Start(t, func(fd int) { _, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd)}}, -1) })
	ask("-s", silent.Path, "status", "--timeout", "0.02").wantError(t, exitTimeout, "--timeout gives it more")
}

// hostile are answers of servers that have lost their minds.
var hostile = []string{
	"", "null", "{}", "[]", "[[]]", "[{}]", "{", `[{"pid":1e999}]`, `{"pid":"x"}`, `{"workers":null,"listeners":[null]}`,
	`{"name":"\u001b[2J\u009b\u202e","health":"\u0007","oldest":1e308,"accepted":-1}`,
	`[{"pid":-1,"peer":"\u001b]0;x\u0007","state":"` + strings.Repeat("é", 100000) + `","age":-1e300,"served":9223372036854775807}]`,
	"[" + strings.Repeat("{},", answers.MostListed+1) + "{}]", strings.Repeat("[", 1<<20), "\x1b[31m", "\xff\xfe", "[\"\x7f\u009b\"]", "-a {\x1b} \xff",
	strings.Repeat("x", mostAnswer+1), "{unbalanced", "ready\x1b",
}

func TestHostileServers(t *testing.T) {
	leaktest.Check(t)
	for _, answer := range hostile {
		m := control.Message{Text: []byte(answer)}
		f := newFake(t, map[string]control.Message{"status": m, "workers": m, "health": m, "version": m, "command": m})
		all := []string{"status", "workers --json", "configure", "status --json", "workers", "health", "health --json",
			"version", "version --json", "add", "configure a", "configure --json", "top -n 1"}
		if len(answer) > 1<<17 {
			all = all[:3] // A long one takes its time.
		}
		for _, words := range all {
			checkHarmless(t, f, words)
		}
	}
}

// TestNoise lets a server answer anything.
func TestNoise(t *testing.T) {
	leaktest.Check(t)
	serve := func(fd int) {
		random := rand.New(rand.NewPCG(1, rand.Uint64()))
		for {
			packet := make([]byte, random.IntN(5000))
			for i := range packet {
				packet[i] = byte(random.Uint32())
			}
			if random.IntN(2) == 0 {
				clear(packet[:min(len(packet), 12)])
			}
			if _, err := unix.Write(fd, packet); err != nil {
				return
			}
		}
	}
	f := &fake{path: controltest.Start(t, serve).Path}
	for range 50 {
		checkHarmless(t, f, "status --timeout 0.1")
	}
}

// checkHarmless asks, and looks for what a terminal might obey.
func checkHarmless(t *testing.T, f *fake, words string) {
	t.Helper()
	got := ask(append([]string{"-s", f.path}, strings.Fields(words)...)...)
	if got.code != 0 && got.code != exitFailed && got.code != exitTimeout {
		t.Errorf("%s: %d", words, got.code)
	}
	for _, r := range got.out + got.errs {
		if r != '\n' && r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == 0xfffd {
			t.Errorf("%s prints %q", words, r)
			return
		}
	}
}
