package load

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve runs a server that treats every connection the same way, and returns
// its port.
func serve(t *testing.T, treat func(*net.TCPConn)) int {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go treat(conn.(*net.TCPConn))
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// reply reads a line and answers with what make makes of it.
func reply(conn *net.TCPConn, make func(line string) string) {
	line, _ := bufio.NewReader(conn).ReadString('\n')
	fmt.Fprint(conn, make(line))
}

func echo(line string) string { return "123 " + line }

func TestOutcomes(t *testing.T) {
	forever := make(chan struct{})
	t.Cleanup(func() { close(forever) })
	tests := []struct {
		want  Outcome
		treat func(*net.TCPConn)
	}{
		{Served, func(c *net.TCPConn) { reply(c, echo); c.Close() }},
		{Served, func(c *net.TCPConn) {
			reply(c, func(line string) string { return "123 " + line[:len(line)-1] + "\r\n" })
			time.Sleep(time.Millisecond)
			c.Close()
		}},
		{Reset, func(c *net.TCPConn) { c.SetLinger(0); c.Close() }},
		{Reset, func(c *net.TCPConn) { reply(c, echo); c.SetLinger(0); c.Close() }},
		{NoReply, func(c *net.TCPConn) { reply(c, func(string) string { return "" }); c.Close() }},
		{Wrong, func(c *net.TCPConn) { reply(c, func(string) string { return "123 other\n" }); c.Close() }},
		{Wrong, func(c *net.TCPConn) { reply(c, func(string) string { return "123" }); c.Close() }},
		{Wrong, func(c *net.TCPConn) { reply(c, func(line string) string { return echo(line) + "more" }); c.Close() }},
		{TimedOut, func(c *net.TCPConn) { <-forever; c.Close() }},
		{NoFin, func(c *net.TCPConn) { reply(c, echo); <-forever; c.Close() }},
	}
	for _, test := range tests {
		plan := Plan{
			Port: serve(t, test.treat), Clients: 3, Limit: 6, Lines: 1,
			Window: 10 * time.Second, Timeout: 200 * time.Millisecond,
		}
		result, err := Run(context.Background(), plan, 2)
		if err != nil {
			t.Fatalf("%v: %v", test.want, err)
		}
		if result.Started != 6 || result.Outcomes[test.want] != 6 {
			t.Errorf("%v: got %+v", test.want, result.Counts)
		}
	}
}

func TestRefused(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	plan := Plan{Port: port, Clients: 2, Limit: 4, Lines: 1, Window: time.Second, Timeout: time.Second}
	result, err := Run(context.Background(), plan, 1)
	if err != nil {
		t.Fatal(err)
	}
	if result.Outcomes[Refused] != 4 || result.Failed() != 4 {
		t.Errorf("got %+v", result.Counts)
	}
}

func TestLines(t *testing.T) {
	plan := Plan{
		Port: serve(t, stayOn), Clients: 2, Limit: 4, Lines: 10, HalfEnd: true,
		Window: 10 * time.Second, Timeout: time.Second,
	}
	result, err := Run(context.Background(), plan, 1)
	if err != nil {
		t.Fatal(err)
	}
	if result.Outcomes[Served] != 4 || result.Pids[123] != 40 {
		t.Errorf("got %+v, replies %v", result.Counts, result.Pids)
	}
}

// stayOn answers lines until the client has no more.
func stayOn(c *net.TCPConn) {
	defer c.Close()
	for lines := bufio.NewScanner(c); lines.Scan(); {
		fmt.Fprintf(c, "123 %s\n", lines.Text())
	}
}

func TestStay(t *testing.T) {
	plan := Plan{
		Port: serve(t, stayOn), Clients: 3, Stay: true, HalfEnd: true,
		Window: 200 * time.Millisecond, Timeout: time.Second,
	}
	result, err := Run(context.Background(), plan, 2)
	if err != nil {
		t.Fatal(err)
	}
	if result.Started != 3 || result.Outcomes[Served] != 3 {
		t.Errorf("got %+v", result.Counts)
	}
	if n := result.Answers; n < 30 || n != result.Pids[123] || n != len(result.Latencies) || n-result.InWindow > 3 {
		t.Errorf("%d answers, %d in the window, %d latencies, %v", n, result.InWindow, len(result.Latencies), result.Pids)
	}
}

func TestStayFails(t *testing.T) {
	plan := Plan{
		Port:    serve(t, func(c *net.TCPConn) { reply(c, echo); c.Close() }),
		Clients: 2, Limit: 4, Stay: true, HalfEnd: true, Window: 10 * time.Second, Timeout: time.Second,
	}
	result, err := Run(context.Background(), plan, 1)
	if err != nil {
		t.Fatal(err)
	}
	// The end of file meets the second line, which may be answered by a reset.
	if n := result.Outcomes[NoReply] + result.Outcomes[Reset]; n != 4 || len(result.Pids) != 0 {
		t.Errorf("got %+v, %v", result.Counts, result.Pids)
	}
}

func TestEnough(t *testing.T) {
	enough := make(chan struct{})
	time.AfterFunc(100*time.Millisecond, func() { close(enough) })
	port := serve(t, func(c *net.TCPConn) { reply(c, echo); c.Close() })
	for name, plan := range map[string]Plan{
		"closed loop":           {Clients: 2, Lines: 1},
		"open loop":             {Clients: 2, Lines: 1, Rate: 100},
		"connections that stay": {Clients: 2, Stay: true},
	} {
		plan.Port, plan.Enough, plan.Window, plan.Timeout = port, enough, time.Minute, time.Second
		result, err := Run(context.Background(), plan, 2)
		if err != nil || result.Elapsed > 10*time.Second {
			t.Errorf("%s: ended after %v: %v", name, result.Elapsed, err)
		}
	}
}

func TestNoTwoLinesAlike(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	port := serve(t, func(c *net.TCPConn) {
		reply(c, func(line string) string {
			mu.Lock()
			seen[line]++
			mu.Unlock()
			return echo(line)
		})
		c.Close()
	})
	plan := Plan{
		Port: port, Clients: 8, Limit: 40, Lines: 1, Prefix: "id ", Window: 10 * time.Second, Timeout: time.Second,
	}
	if _, err := Run(context.Background(), plan, 4); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for i := range 40 {
		if line := fmt.Sprintf("id %d\n", i); seen[line] != 1 {
			t.Errorf("%q was sent %d times", line, seen[line])
		}
	}
}

func TestLate(t *testing.T) {
	port := serve(t, func(c *net.TCPConn) { reply(c, echo); time.Sleep(late + 100*time.Millisecond); c.Close() })
	plan := Plan{Port: port, Clients: 2, Limit: 2, Lines: 1, Window: 10 * time.Second, Timeout: 5 * time.Second}
	result, err := Run(context.Background(), plan, 1)
	if err != nil {
		t.Fatal(err)
	}
	if result.Outcomes[Served] != 2 || result.Late != 2 || result.Longest < late {
		t.Errorf("got %+v, %d late, longest %v", result.Counts, result.Late, result.Longest)
	}
}

func TestAtMostClients(t *testing.T) {
	var open, most atomic.Int64
	port := serve(t, func(c *net.TCPConn) {
		most.Store(max(most.Load(), open.Add(1)))
		time.Sleep(20 * time.Millisecond)
		open.Add(-1)
		reply(c, echo)
		c.Close()
	})
	plan := Plan{Port: port, Clients: 3, Rate: 1000, Limit: 30, Lines: 1, Window: 10 * time.Second, Timeout: time.Second}
	result, err := Run(context.Background(), plan, 2)
	if err != nil || result.Outcomes[Served] != 30 || most.Load() > 3 {
		t.Errorf("%d served, %d at a time: %v", result.Outcomes[Served], most.Load(), err)
	}
}

func TestGap(t *testing.T) {
	port := serve(t, func(c *net.TCPConn) { reply(c, echo); c.Close() })
	plan := Plan{
		Port: port, Clients: 2, Limit: 2, Lines: 1, Prefix: "12345", Gap: 20 * time.Millisecond,
		Window: 10 * time.Second, Timeout: 5 * time.Second,
	}
	result, err := Run(context.Background(), plan, 1)
	if err != nil {
		t.Fatal(err)
	}
	// Six characters and the newline: six gaps.
	if result.Outcomes[Served] != 2 || result.Latencies[0] < 120*time.Millisecond {
		t.Errorf("got %+v in %v", result.Counts, result.Latencies)
	}
}

func TestOpenLoopCountsFromDue(t *testing.T) {
	block := make(chan struct{})
	time.AfterFunc(300*time.Millisecond, func() { close(block) })
	port := serve(t, func(c *net.TCPConn) { <-block; reply(c, echo); c.Close() })
	plan := Plan{Port: port, Rate: 200, Lines: 1, Window: 400 * time.Millisecond, Timeout: 5 * time.Second}
	result, err := Run(context.Background(), plan, 2)
	if err != nil {
		t.Fatal(err)
	}
	if n := result.Outcomes[Served]; n != result.Started || n < 40 || n > 160 {
		t.Errorf("got %+v, expected about 80 served", result.Counts)
	}
	if longest := result.Latencies[len(result.Latencies)-1]; longest < 200*time.Millisecond {
		t.Errorf("the longest took %v, though all were stopped for 300 ms", longest)
	}
}

func TestCancel(t *testing.T) {
	port := serve(t, func(c *net.TCPConn) { reply(c, echo); c.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	plan := Plan{Port: port, Clients: 2, Lines: 1, Window: time.Minute, Timeout: time.Second}
	if _, err := Run(ctx, plan, 1); err == nil {
		t.Error("a cancelled run ended without an error")
	}
}

func TestSplit(t *testing.T) {
	plan := Plan{Clients: 5, Limit: 3}
	shares := plan.split(4)
	clients, limit := 0, 0
	for _, share := range shares {
		clients += share.Clients
		limit += share.Limit
		if share.Limit == 0 {
			t.Error("a share without a limit")
		}
	}
	if clients != 5 || limit != 3 {
		t.Errorf("shares add up to %d clients and %d connections", clients, limit)
	}
}

func TestParseReply(t *testing.T) {
	tests := []struct {
		reply string
		pid   int
		ok    bool
	}{
		{"17 line\n", 17, true},
		{"17 line\r\n", 17, true},
		{"17 lin\n", 0, false},
		{"line\n", 0, false},
		{"x line\n", 0, false},
		{"-1 line\n", 0, false},
	}
	for _, test := range tests {
		pid, ok := parseReply([]byte(test.reply), []byte("line"))
		if ok != test.ok || ok && pid != test.pid {
			t.Errorf("%q: got %d, %v", test.reply, pid, ok)
		}
	}
}

func TestCheck(t *testing.T) {
	counts := Counts{Started: 3}
	counts.Outcomes[Served], counts.Outcomes[Wrong] = 1, 1
	if counts.Check() == nil {
		t.Error("a connection without an outcome went unnoticed")
	}
	counts.Add(Counts{Outcomes: [outcomes]int{NoFin: 1}})
	if err := counts.Check(); err != nil {
		t.Error(err)
	}
	if got := counts.Failures(); len(got) != 2 || got["wrong"] != 1 || got["replied without FIN"] != 1 {
		t.Errorf("failures: %v", got)
	}
}
