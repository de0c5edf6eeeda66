package load

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serveDatagrams treats each datagram, one after the other, and returns the port.
func serveDatagrams(t *testing.T, treat func(line string, reply func(string))) int {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadBuffer(1 << 20)
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			treat(string(buf[:n]), func(text string) { conn.WriteToUDPAddrPort([]byte(text), from) })
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).Port
}

func datagrams(port int) Plan {
	return Plan{
		Port: port, Datagrams: true, Echo: true, Clients: 8, Limit: 400, Prefix: "id ",
		Window: 10 * time.Second, Timeout: 5 * time.Second,
	}
}

func TestDatagrams(t *testing.T) {
	for _, pid := range []string{"", "123 "} {
		port := serveDatagrams(t, func(line string, reply func(string)) { reply(pid + line) })
		result, err := Run(context.Background(), datagrams(port), 3)
		if err != nil || result.Started != 400 || result.Outcomes[Served] != 400 || result.Overdue+result.Surplus != 0 {
			t.Fatalf("%q: got %+v, %v", pid, result.Counts, err)
		}
		if result.Answers != 400 || len(result.Latencies) != 400 || pid != "" && result.Pids[123] != 400 {
			t.Errorf("%q: %d replies, %d latencies, by %v", pid, result.Answers, len(result.Latencies), result.Pids)
		}
	}
}

func TestDatagramsAreWrong(t *testing.T) {
	lies := map[string]func(line string) string{
		"no echo":       func(string) string { return "no\n" },
		"empty":         func(string) string { return "" },
		"more":          func(line string) string { return line + line },
		"another's":     func(line string) string { return strings.Replace(line, "id ", "id 1", 1) },
		"other prefix":  func(line string) string { return "x" + line },
		"longer":        func(line string) string { return line + strings.Repeat(".", 10000) },
		"a pid that is": func(line string) string { return "0 " + line },
	}
	for name, lie := range lies {
		plan := datagrams(serveDatagrams(t, func(line string, reply func(string)) { reply(lie(line)) }))
		result, err := Run(context.Background(), plan, 2)
		if err != nil || result.Outcomes[Wrong] != 400 || result.Overdue+result.Surplus != 0 {
			t.Errorf("%s: got %+v, %d overdue, %d surplus, %v", name, result.Counts, result.Overdue, result.Surplus, err)
		}
	}
}

// Where an echo isn't expected the pid has to be there.
func TestDatagramWithoutPid(t *testing.T) {
	plan := datagrams(serveDatagrams(t, func(line string, reply func(string)) { reply(line) }))
	plan.Echo = false
	result, err := Run(context.Background(), plan, 1)
	if err != nil || result.Outcomes[Wrong] != 400 {
		t.Errorf("got %+v, %v", result.Counts, err)
	}
}

func TestDatagramsLost(t *testing.T) {
	n := 0
	plan := datagrams(serveDatagrams(t, func(line string, reply func(string)) {
		if n++; n%10 != 0 {
			reply(line)
		}
	}))
	plan.Timeout = 100 * time.Millisecond
	result, err := Run(context.Background(), plan, 2)
	if err != nil || result.Outcomes[TimedOut] != 40 || result.Outcomes[Served] != 360 {
		t.Errorf("got %+v, %v", result.Counts, err)
	}
	plan.GiveUp, plan.Rate, plan.Limit = 100*time.Millisecond, 200, 40
	result, err = Run(context.Background(), plan, 1)
	if err != nil || result.Outcomes[GaveUp] != 4 || result.Outcomes[Served] != 36 {
		t.Errorf("giving up: got %+v, %v", result.Counts, err)
	}
}

// A second reply harms no request, whether one is under way or not.
func TestDatagramsTwice(t *testing.T) {
	plan := datagrams(serveDatagrams(t, func(line string, reply func(string)) { reply(line); reply(line) }))
	result, err := Run(context.Background(), plan, 1)
	if err != nil || result.Outcomes[Served] != 400 || result.Overdue != 0 {
		t.Fatalf("got %+v, %d overdue, %v", result.Counts, result.Overdue, err)
	}
	if result.Surplus < 300 || result.Surplus > 400 {
		t.Errorf("%d surplus", result.Surplus)
	}
}

func TestDatagramsOverdue(t *testing.T) {
	held := map[string]func(string){}
	plan := datagrams(serveDatagrams(t, func(line string, reply func(string)) {
		if len(held) == 0 {
			held[line] = reply
			return
		}
		for old, late := range held {
			late(old)
		}
		reply(line)
	}))
	plan.Clients, plan.Limit, plan.Timeout = 1, 3, 100*time.Millisecond
	result, err := Run(context.Background(), plan, 1)
	if err != nil || result.Outcomes[TimedOut] != 1 || result.Outcomes[Served] != 2 {
		t.Fatalf("got %+v, %v", result.Counts, err)
	}
	if result.Overdue != 1 || result.Surplus != 1 {
		t.Errorf("%d overdue, %d surplus", result.Overdue, result.Surplus)
	}
}

func TestDatagramsRefused(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := conn.LocalAddr().(*net.UDPAddr).Port
	conn.Close()
	result, err := Run(context.Background(), datagrams(port), 2)
	if err != nil || result.Outcomes[Refused] != 400 {
		t.Errorf("got %+v, %v", result.Counts, err)
	}
}

func TestDatagramsAtRate(t *testing.T) {
	port := serveDatagrams(t, func(line string, reply func(string)) { reply(line) })
	plan := datagrams(port)
	plan.Clients, plan.Limit, plan.Rate, plan.Window = 0, 0, 400, time.Second
	result, err := Run(context.Background(), plan, 2)
	if err != nil || result.Failed() != 0 || result.Started < 250 || result.Started > 550 {
		t.Errorf("got %+v, %v", result.Counts, err)
	}
}

// Each client keeps its socket.
func TestDatagramsOfOneSocket(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var clients atomic.Int64
	go func() {
		seen := map[netip.AddrPort]bool{}
		buf := make([]byte, 100)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			seen[from] = true
			clients.Store(int64(len(seen)))
			conn.WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	result, err := Run(context.Background(), datagrams(conn.LocalAddr().(*net.UDPAddr).Port), 3)
	if err != nil || result.Outcomes[Served] != 400 || clients.Load() != 8 {
		t.Errorf("%d clients, got %+v, %v", clients.Load(), result.Counts, err)
	}
}
