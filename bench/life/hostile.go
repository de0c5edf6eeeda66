package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/criterion"
	"socketserver/bench/internal/loading"
	"socketserver/bench/internal/operator"
	"socketserver/bench/internal/server"
	"socketserver/tests/load"
)

// silentOperators connect and say nothing.
const silentOperators = 500

// names are what hostile operators ask for: what there is for operators, what
// only the process itself may ask, and nothing at all.
var names = []string{
	"version", "health", "status", "workers", "command", "attach", "takeover", "ready",
	"serve", "pool", "close", "done", "detach", "admit", "commanded", "discard", "arrival", "COMMAND", "nosuch", "",
}

// either is what one of them doesn't ask for. Who asks for a takeover and then
// says that it is ready has taken over, and by right; so nobody does both.
func either(rng *rand.Rand) string {
	return []string{"takeover", "ready"}[rng.IntN(2)]
}

// texts are what they say. None is a command when it is cut off somewhere: one that
// stops the pool would be obeyed.
var texts = [][]byte{
	nil, []byte("\x00add 1"), []byte("xretire"), []byte("configure -grace 5"), []byte("configure -initcmd"), []byte("{"),
	[]byte("nosuch"), []byte("xreload"), []byte("name=8888\tuse=queue\tfds=64\n"), []byte("run stop"), {0xff, 0xfe, 0},
}

// hostile asks that operators who send what nobody would send harm nobody.
func hostile(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: fmt.Sprintf("%d wrong or hostile messages on the control path, %d silent operators, 500 connections/s:"+
		" none of these fails, no descriptor is left", r.messages, silentOperators)}
	s, err := r.newSite("once")
	if err != nil {
		return got, err
	}
	defer s.close()
	srv, err := s.start(ctx)
	if err != nil {
		return got, err
	}
	if err := asks("tcp4", s.tcp()); err != nil {
		return got, err
	}
	before := server.Descriptors(srv.Pid())
	if _, err := r.attackers(ctx, s.control(), r.messages/10); err != nil {
		return got, err
	}
	memory := server.OwnPSS(srv.Pid())
	running := loading.Begin(ctx, load.Plan{Port: s.port, Rate: 500})
	silent := silence(s.control())
	sent, failure := r.attackers(ctx, s.control(), r.messages)
	status, askErr := operator.Ask(s.control(), "health", [2]int64{}, "")
	result, err := running.End()
	for _, fd := range silent {
		unix.Close(fd)
	}
	if err != nil || failure != nil {
		return got, fmt.Errorf("%w, %w", err, failure)
	}
	after := srv.SettledDescriptors(before)
	got.Seen = fmt.Sprintf("%d sent; failed %d of %d; %d descriptors before, %d after; %.1f MB after a tenth of them, %.1f after all; health: %s %v",
		sent, loading.Lost(result), result.Started, before, after, mega(memory), mega(server.OwnPSS(srv.Pid())), status, askErr)
	got.Outcomes = loading.Outcomes(result)
	got.OK = loading.Lost(result) == 0 && result.Answers > 0 && after <= before && askErr == nil && sent >= r.messages
	return got, nil
}

func mega(kilobytes int) float64 {
	return float64(kilobytes) / 1024
}

// silence connects operators that say nothing; those that are let go stay so.
func silence(path string) []int {
	var fds []int
	for range silentOperators {
		if fd, err := operator.Dial(path); err == nil {
			fds = append(fds, fd)
		}
	}
	return fds
}

// attackers runs attack in a process of its own: where it attaches as a worker, the
// server may kill it.
func (r run) attackers(ctx context.Context, path string, messages int) (int, error) {
	program, err := os.Executable()
	if err != nil {
		return 0, err
	}
	command := exec.CommandContext(ctx, program, "-attack", path, "-messages", strconv.Itoa(messages), r.Build)
	out, err := command.Output()
	if err != nil {
		return 0, fmt.Errorf("the hostile operators: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(out)))
}

// attack has four operators send, and returns how many messages went out.
func attack(ctx context.Context, path string, messages int) int64 {
	var sent atomic.Int64
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			for sent.Load() < int64(messages) && ctx.Err() == nil {
				if !abuse(path, rng, &sent) {
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	return sent.Load()
}

// abuse connects once and sends some messages, reading some answers; false: it
// couldn't connect.
func abuse(path string, rng *rand.Rand, sent *atomic.Int64) bool {
	fd, err := operator.Dial(path)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	buf, never := make([]byte, 1<<16), either(rng)
	for range 1 + rng.IntN(40) {
		if err := sendBad(fd, rng, never); err != nil {
			sent.Add(1)
			return true // let go, as it should be
		}
		sent.Add(1)
		if rng.IntN(3) == 0 {
			unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
		}
	}
	return true
}

// sendBad sends a message that is wrong in one way or several: in its bytes, its
// length, its numbers, its parts, its descriptors; one name it never has.
func sendBad(fd int, rng *rand.Rand, never string) error {
	name := names[rng.IntN(len(names))]
	if name == never {
		name = "nosuch"
	}
	numbers := [2]int64{rng.Int64N(5) - 2, int64(rng.Uint64())}
	message := operator.Packet(rng.Uint32N(3), name, numbers, texts[rng.IntN(len(texts))])
	switch rng.IntN(6) {
	case 0:
		for range 1 + rng.IntN(8) {
			message[rng.IntN(len(message))] = byte(rng.Uint32())
		}
	case 1:
		message = message[:rng.IntN(len(message))]
	case 2:
		binary.NativeEndian.PutUint32(message[operator.OffsetMore:], 1)
	case 3:
		message = append(message, make([]byte, rng.IntN(70000))...)
	}
	var rights []byte
	if rng.IntN(4) == 0 {
		fds := make([]int, 1+rng.IntN(64))
		for i := range fds {
			fds[i] = []int{0, fd}[rng.IntN(2)]
		}
		rights = unix.UnixRights(fds...)
	}
	return unix.Sendmsg(fd, message, rights, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT*rng.IntN(2))
}
