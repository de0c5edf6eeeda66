package exporter

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/board"
	"socketserver/internal/control"
	"socketserver/internal/control/controltest"
	"socketserver/internal/counters"
	"socketserver/internal/descriptor"
)

const statusJSON = `{"version":"2.1.0","pid":%d,"name":"8888","listeners":[{"name":"8888","port":8888,"addresses":["127.0.0.1"]},
{"name":"unix:/run/a.sock","port":0,"addresses":[]}],"health":%q,"state":"running",
"generation":2,"wanted":3,"minworkers":2,"maxworkers":32,"workers":{"starting":0,"idle":1,"busy":2,"retiring":0,"attached":1},
"accepted":100,"handedOver":9,"resumed":8,"served":7,"lost":1,"waits":2,"retries":3,"pauses":4,"parked":5,
"holding":{"queue":1,"proxy":2,"firstbyte":3,"head":4,"closing":5},"queued":6,"oldest":0.5,"firstByte":0.003,"shed":{"queuetime":11,"maxqueue":12},
"gone":13,"refused":{"maxperaddr":14,"rateperaddr":15},"expired":{"proxy":16,"firstbyte":17,"head":18,"parked":19},"malformed":20,"probes":21,"backlog":22,
"datagrams":{"received":23,"answered":24,"dropped":25},"forked":26,"ended":27,"died":28,"killed":29,"reloads":30,"failed":31,
"exits":{"ended":32,"timeout":33},"limitReached":34,"statusListener":"127.0.0.1:9100"}`

// boardEntry and boardSlot are what internal/board reads.
type boardEntry struct {
	state, pid, generation, connections int32
	started, since                      int64
	served, taken, waited               uint64
	dismissed, listener, peerPort       int32
	peer                                [64]byte
	handler                             [65]byte
	trouble                             [256]byte
	note                                [129]byte
}

type boardSlot struct {
	sequence, ask uint32
	copies        [2]boardEntry
	times         board.Times
	_             [24]byte
}

// States of an entry.
const (
	isIdle = 2
	isBusy = 3
)

// fakeServer is a server that can be watched.
type fakeServer struct {
	*controltest.Server
	mutex    sync.Mutex
	health   string
	pid      int
	slots    [][4]int
	board    int
	counters *counters.Counters
	sockets  []int
	answer   func(*control.Message) // Changes an answer, or nil.
	asked    int
}

// newFakeServer has a board of so many slots.
func newFakeServer(t testing.TB, slots int) *fakeServer {
	t.Helper()
	f := newFake(t, slots)
	f.Server = controltest.Start(t, controltest.Answering(f.observe))
	return f
}

// again serves at the same path, once Stop has ended it.
func (f *fakeServer) again(t testing.TB) {
	t.Helper()
	f.Server = controltest.StartAt(t, f.Path, controltest.Answering(f.observe))
}

func newFake(t testing.TB, slots int) *fakeServer {
	t.Helper()
	c, err := counters.New()
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeServer{health: "ready", pid: os.Getpid(), board: newBoard(t, slots), counters: c}
	t.Cleanup(func() {
		descriptor.Close(f.board)
		descriptor.Close(f.sockets...)
		f.counters.Close()
	})
	return f
}

// newBoard makes a board, which is the caller's.
func newBoard(t testing.TB, slots int) int {
	t.Helper()
	return newMemory(t, slots*int(unsafe.Sizeof(boardSlot{})), unix.F_SEAL_SHRINK|unix.F_SEAL_GROW)
}

func newMemory(t testing.TB, size, seals int) int {
	t.Helper()
	fd, err := unix.MemfdCreate("board", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	return fd
}

func (f *fakeServer) observe(m control.Message) control.Message {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.asked++
	slots, _ := json.Marshal(f.slots)
	answer := control.Message{Text: fmt.Appendf(nil, `{"status":%s,"slots":%s}`, fmt.Sprintf(statusJSON, f.pid, f.health), slots)}
	if m.Name != "observe" || m.Numbers[0] != 1 {
		return control.Message{Name: "USAGE", Text: []byte("no such request")}
	}
	answer.Fds = append([]int{f.board, f.counters.Fd()}, f.sockets...)
	if f.answer != nil {
		f.answer(&answer)
	}
	return answer
}

// change does something to the server between two answers.
func (f *fakeServer) change(do func()) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	do()
}

// put writes what a worker shows, and tells of it as the server does.
func (f *fakeServer) put(t testing.TB, number int, e boardEntry, times board.Times) {
	t.Helper()
	s := boardSlot{copies: [2]boardEntry{e}, times: times}
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&s)), unsafe.Sizeof(s))
	if _, err := unix.Pwrite(f.board, bytes, int64(number)*int64(len(bytes))); err != nil {
		t.Fatal(err)
	}
	f.change(func() { f.slots = append(f.slots, [4]int{number, int(e.pid), int(e.generation), number % 2}) })
}

// busy is a worker that serves somebody.
func busy(pid int) boardEntry {
	e := boardEntry{state: isBusy, pid: int32(pid), generation: 2, connections: 1, served: 3,
		since: int64(uptime()/time.Millisecond) - 5000, listener: 1, peerPort: 4242}
	copy(e.peer[:], "127.0.0.1")
	copy(e.handler[:], "Handle")
	copy(e.note[:], "GET /x")
	return e
}

// await waits until something is so.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("in vain waited for: " + what)
		}
	}
}
