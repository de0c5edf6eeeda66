package reactor

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"socketserver/internal/admit"
	"socketserver/internal/board"
	"socketserver/internal/descriptor"
	"socketserver/internal/limit"
	"socketserver/internal/listen"
	"socketserver/internal/standing"
	"socketserver/internal/supervise"
)

// pooled is a pool of a service, whose board the test writes.
type pooled struct {
	*pool
	fd int // Of the board.
}

const (
	boardSlots = 4
	boardSlot  = 1472 // Its size.
)

func newPooled(t *testing.T, rules string) *pooled {
	t.Helper()
	s, _ := turn(t, rules)
	s.reactor.options.Pools = &standing.Table{}
	fd, err := unix.MemfdCreate("board", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Ftruncate(fd, boardSlots*boardSlot); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW); err != nil {
		t.Fatal(err)
	}
	b, err := board.Map(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close()
		descriptor.Close(fd)
	})
	s.reactor.options.Version = "2.0.0"
	p := &pool{reactor: s.reactor, service: s, supervisor: 7, board: b, checked: named{name: "127.0.0.1:81"}}
	p.control = newControlPath(p, named{Opened: listen.Opened{Path: "/run/a b.sock"}})
	return &pooled{p, fd}
}

// boardEntry is an entry as workers write it.
type boardEntry struct {
	State, Pid, Generation, Connections int32
	Started, Since                      int64
	Served, Taken, Waited               uint64
	Dismissed, Listener, PeerPort       int32
	Peer                                [64]byte
	Handler                             [65]byte
	Trouble                             [256]byte
	Note                                [129]byte
}

// says has a worker write its entry; states count from 1.
func (p *pooled) says(t *testing.T, slot int, entry boardEntry) {
	t.Helper()
	var all bytes.Buffer
	if err := binary.Write(&all, binary.NativeEndian, entry); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Pwrite(p.fd, all.Bytes(), int64(slot*boardSlot+8)); err != nil {
		t.Fatal(err)
	}
}

// stands has the supervisor publish.
func (p *pooled) stands(phase supervise.Phase, workers ...standing.Worker) {
	p.reactor.options.Pools.Set(p.supervisor, standing.Pool{
		Phase: phase, Generation: 2, Wanted: 3, Min: 1, Max: 4, LimitReached: 17, Workers: workers,
		Counts: supervise.Counts{
			Forked: 11, Ended: 12, Died: 13, Killed: 14, Reloads: 15, Failed: 16, Served: 1000,
			Exits: supervise.Exits{21, 22, 23, 24, 25, 26, 27},
		},
	})
}

func (p *pooled) status(t *testing.T) map[string]any {
	t.Helper()
	var status map[string]any
	if err := json.Unmarshal(p.appendStatus([]byte{}), &status); err != nil {
		t.Fatalf("%v\n%s", err, p.appendStatus(nil))
	}
	return status
}

func (p *pooled) workers(t *testing.T) (workers []map[string]any) {
	t.Helper()
	if err := json.Unmarshal(p.appendWorkers(nil), &workers); err != nil {
		t.Fatalf("%v\n%s", err, p.appendWorkers(nil))
	}
	return workers
}

// same compares what was told of some members.
func same(t *testing.T, told map[string]any, want string) {
	t.Helper()
	var wanted map[string]any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	for name, value := range wanted {
		got, _ := json.Marshal(told[name])
		expected, _ := json.Marshal(value)
		if !bytes.Equal(got, expected) {
			t.Errorf("%s: %s, want %s", name, got, expected)
		}
	}
}

func TestStatusNames(t *testing.T) {
	p := newPooled(t, "defer=0")
	got := slices.Sorted(maps.Keys(p.status(t)))
	want := strings.Fields("version pid name listeners healthListener control health state generation wanted" +
		" minworkers maxworkers workers accepted handedOver resumed served lost waits retries pauses parked holding" +
		" queued oldest firstByte shed gone refused expired malformed probes backlog datagrams" +
		" statusListener forked ended died killed reloads failed limitReached exits counters")
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestStatus(t *testing.T) {
	p := newPooled(t, "defer=0")
	p.stands(supervise.Reloading,
		standing.Worker{Pid: 101, Slot: 0, Generation: 2},
		standing.Worker{Pid: 102, Slot: 1, Generation: 2},
		standing.Worker{Pid: 103, Slot: 3, Generation: 1, Attached: true})
	p.says(t, 0, boardEntry{State: 2, Pid: 101, Generation: 2, Served: 5})
	p.says(t, 1, boardEntry{State: 3, Pid: 99, Generation: 2, Served: 50}) // Whose slot it was.
	p.says(t, 3, boardEntry{State: 4, Pid: 103, Generation: 1, Served: 1})
	s := p.service
	s.counts = counts{
		Accepted: 1, HandedOver: 2, Resumed: 3, Lost: 4, Waits: 5, Retries: 6, Pauses: 7,
		Gone: 8, Malformed: 9, Probes: 10, FirstBytes: 2, FirstByteTime: 3e9,
	}
	s.counts.Shed = [reasons]uint64{tooLong: 20, tooMany: 21}
	s.counts.Refused[limit.ByConnections], s.counts.Refused[limit.ByRate] = 22, 23
	for stage := range admit.Stages {
		s.holding[stage] = 30 + int(stage)
		s.counts.Expired[stage] = 40 + uint64(stage)
	}
	defer func() { s.holding = [admit.Stages]int{} }()
	status := p.status(t)
	same(t, status, `{"version":"2.0.0","healthListener":"127.0.0.1:81","statusListener":"","control":"/run/a b.sock","health":"ready",
		"state":"reloading","generation":2,"wanted":3,"minworkers":1,"maxworkers":4,
		"workers":{"starting":1,"idle":1,"busy":0,"retiring":1,"attached":1},
		"accepted":1,"handedOver":2,"resumed":3,"served":1006,"lost":4,"waits":5,"retries":6,"pauses":7,"parked":33,
		"holding":{"queue":0,"proxy":30,"firstbyte":31,"head":32,"closing":34},"queued":0,"oldest":0,"firstByte":1.5,
		"shed":{"queuetime":20,"maxqueue":21},"gone":8,"refused":{"maxperaddr":22,"rateperaddr":23},
		"expired":{"proxy":40,"firstbyte":41,"head":42,"parked":43},"malformed":9,"probes":10,"backlog":0,
		"forked":11,"ended":12,"died":13,"killed":14,"reloads":15,"failed":16,"limitReached":17,
		"exits":{"ended":21,"died":22,"timeout":23,"start":24,"end":25,"grace":26,"reload":27}}`)
	if status["pid"] != float64(os.Getpid()) || status["name"] != s.named[0].name {
		t.Errorf("%v, %v", status["pid"], status["name"])
	}
	listener := status["listeners"].([]any)[0].(map[string]any)
	same(t, listener, `{"addresses":["127.0.0.1"]}`)
	if listener["port"] != float64(s.named[0].Port) || listener["name"] != s.named[0].name {
		t.Errorf("%v", listener)
	}
}

// TestStatusQueued counts what is queued and what is pending, and for how long.
func TestStatusQueued(t *testing.T) {
	p := newPooled(t, "defer=0")
	s := p.service
	for range 2 {
		s.client(t)
		s.listeners[0].takeOne()
	}
	s.client(t)
	if errno := s.listeners[0].accept(&s.current); errno != 0 {
		t.Fatal(errno)
	}
	s.keep()
	now := s.reactor.sys.now
	s.reactor.sys.now = func() uint64 { return now() + 2e9 }
	status := p.status(t)
	same(t, status, `{"queued":3,"accepted":3,"handedOver":2}`)
	if oldest := status["oldest"].(float64); oldest < 2 || oldest > 60 {
		t.Errorf("the oldest has waited %v s", oldest)
	}
}

func TestWorkers(t *testing.T) {
	p := newPooled(t, "defer=0")
	if got := string(p.appendWorkers([]byte("x"))); got != "x[]" {
		t.Errorf("got %s", got)
	}
	p.stands(supervise.Running,
		standing.Worker{Pid: 101, Slot: 2, Generation: 2},
		standing.Worker{Pid: 102, Slot: 3, Generation: 1, Attached: true})
	entry := boardEntry{State: 3, Pid: 101, Generation: 77, Connections: 2, Served: 6, Since: p.clock() - 1500, PeerPort: 4711}
	copy(entry.Peer[:], "::1")
	copy(entry.Handler[:], "a \"quoted\" \\ word")
	copy(entry.Note[:], "GET /\"x\x1b")
	p.says(t, 2, entry)
	workers := p.workers(t)
	same(t, workers[0], `{"pid":101,"slot":2,"generation":2,"state":"busy","attached":false,"connections":2,"served":6,
		"peer":"::1","peerPort":4711,"handler":"a \"quoted\" \\ word","note":"GET /\"x "}`)
	if workers[0]["listener"] != p.service.named[0].name {
		t.Errorf("%v", workers[0])
	}
	if age := workers[0]["age"].(float64); age < 1.5 || age > 60 {
		t.Errorf("age %v", age)
	}
	same(t, workers[1], `{"pid":102,"slot":3,"generation":1,"state":"starting","attached":true,"connections":0,
		"served":0,"age":0,"peer":"","peerPort":0,"handler":"","listener":"","note":""}`)
	if len(workers) != 2 || len(workers[0]) != 13 {
		t.Errorf("%v", workers)
	}
}

// TestWorkerOfNoListener: a worker may say anything.
func TestWorkerOfNoListener(t *testing.T) {
	p := newPooled(t, "defer=0")
	p.stands(supervise.Running, standing.Worker{Pid: 101, Generation: 2})
	for _, number := range []int32{1, 65535, 1 << 30, -1} {
		p.says(t, 0, boardEntry{State: 3, Pid: 101, Connections: 1, Listener: number})
		if got := p.workers(t)[0]["listener"]; number > 0 && got != "" {
			t.Errorf("%d is %v", number, got)
		}
	}
}

func TestPoolHealth(t *testing.T) {
	p := newPooled(t, "defer=0")
	healthIs := func(want string) {
		t.Helper()
		if got := p.healthState(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	healthIs(isStarting)
	p.stands(supervise.Running)
	healthIs(isStarting)
	worker := standing.Worker{Pid: 101, Slot: 1, Generation: 2}
	p.stands(supervise.Running, standing.Worker{Pid: 100, Generation: 1}, worker)
	p.says(t, 0, boardEntry{State: 2, Pid: 100})
	for state, want := range []string{isStarting, isStarting, isReady, isReady, isStarting} {
		p.says(t, 1, boardEntry{State: int32(state), Pid: 101})
		healthIs(want)
	}
	p.says(t, 1, boardEntry{State: 3, Pid: 101})
	for phase, want := range map[supervise.Phase]string{
		supervise.Running: isReady, supervise.Reloading: isReady, supervise.Draining: isDraining,
		supervise.Stopping: isStopping, supervise.Over: isStopping,
	} {
		p.stands(phase, worker)
		healthIs(want)
	}
	p.stands(supervise.Running, worker)
	b := p.board
	p.board = nil
	healthIs(isStarting)
	p.board = b
	healthIs(isReady)
	p.service.fail(0)
	healthIs(isStopping)
	p.status(t)
}

// TestQuote: whatever it is made of, it is JSON of the same text.
func TestQuote(t *testing.T) {
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	for _, text := range []string{
		"", "plain", `"\/`, "\x00\x1f\x7f", "\u00e9\u2028\U0001f600", "\xff\xc3", "\xed\xa0\x80", string(all),
	} {
		quoted := jsonText(nil).quote(text)
		var got string
		if err := json.Unmarshal(quoted, &got); err != nil || !utf8.Valid(quoted) {
			t.Errorf("%q: %v, %s", text, err, quoted)
		}
		if want := string([]rune(text)); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestTellsAllocateLittle once there is memory: what the board answers, at most.
func TestTellsAllocateLittle(t *testing.T) {
	p := newPooled(t, "defer=0")
	p.stands(supervise.Running, standing.Worker{Pid: 101, Generation: 2})
	memory := make([]byte, 0, 4096)
	got := testing.AllocsPerRun(100, func() {
		memory = p.appendStatus(memory[:0])
		memory = p.appendWorkers(memory[:0])
	})
	if got > 8 {
		t.Errorf("%v allocations", got)
	}
}
