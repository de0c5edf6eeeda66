package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// answers reads requests with heads and answers each with what make makes of
// its path, until that is empty.
func answers(conn *net.TCPConn, make func(path string) string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		var path string
		for line := "-"; line != "\r\n"; {
			var err error
			if line, err = in.ReadString('\n'); err != nil {
				return
			}
			fmt.Sscanf(line, "GET /%s", &path)
		}
		answer := make(path)
		if answer == "" {
			return
		}
		io.WriteString(conn, answer)
	}
}

func page(path string) string {
	body := "123 " + path + "\nmore\n"
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestHTTP(t *testing.T) {
	const busy = "HTTP/1.1 503 busy\r\n\r\n"
	tests := []struct {
		want   Outcome
		answer func(path string) string
	}{
		{Served, page},
		{Wrong, func(path string) string { return page("x" + path) }},
		{Wrong, func(path string) string { return page(path) + "more" }},
		{Wrong, func(string) string { return "HTTP/1.1 404 no\r\nContent-Length: 0\r\n\r\n" }},
		{NoReply, func(string) string { return "" }},
		{NoFin, func(path string) string { return page(path) }},
	}
	for _, test := range tests {
		plan := Plan{
			Port: serve(t, func(c *net.TCPConn) { answers(c, test.answer) }), HTTP: true, Prefix: "id-", Busy: busy,
			Clients: 2, Limit: 4, Lines: 3, HalfEnd: test.want != NoFin,
			Window: 10 * time.Second, Timeout: 200 * time.Millisecond,
		}
		result, err := Run(context.Background(), plan, 1)
		if err != nil || result.Outcomes[test.want] != 4 {
			t.Errorf("%v: got %+v, %v", test.want, result.Counts, err)
		}
	}
}

func TestBusy(t *testing.T) {
	const busy = "HTTP/1.1 503 busy\r\n\r\n"
	tests := []struct {
		want  Outcome
		treat func(*net.TCPConn)
	}{
		{Busy, func(c *net.TCPConn) { io.WriteString(c, busy); c.CloseWrite(); io.Copy(io.Discard, c); c.Close() }},
		{Wrong, func(c *net.TCPConn) {
			io.WriteString(c, busy+"more")
			c.CloseWrite()
			io.Copy(io.Discard, c)
			c.Close()
		}},
		{Reset, func(c *net.TCPConn) {
			io.WriteString(c, busy)
			time.Sleep(50 * time.Millisecond)
			c.SetLinger(0)
			c.Close()
		}},
	}
	for _, test := range tests {
		plan := Plan{
			Port: serve(t, test.treat), HTTP: true, Busy: busy,
			Clients: 2, Limit: 4, Lines: 1, Window: 10 * time.Second, Timeout: time.Second,
		}
		result, err := Run(context.Background(), plan, 1)
		if err != nil || result.Outcomes[test.want] != 4 || test.want != Wrong && len(result.Shed) != 4 {
			t.Errorf("%v: got %+v, %d shed, %v", test.want, result.Counts, len(result.Shed), err)
		}
	}
}

// A connection that the server closes between two requests is opened again,
// and not a failure.
func TestPause(t *testing.T) {
	port := serve(t, func(c *net.TCPConn) {
		asked := 0
		answers(c, func(path string) string {
			if asked++; asked == 3 {
				time.AfterFunc(time.Millisecond, func() { c.Close() })
			}
			return page(path)
		})
	})
	plan := Plan{
		Port: port, HTTP: true, Stay: true, HalfEnd: true, Clients: 4,
		Pause:  Pause{20 * time.Millisecond, 30 * time.Millisecond},
		Window: 500 * time.Millisecond, Timeout: time.Second,
	}
	result, err := Run(context.Background(), plan, 2)
	if err != nil {
		t.Fatal(err)
	}
	if result.Failed() != 0 || result.Outcomes[ClosedIdle] < 8 || result.Started <= 8 {
		t.Errorf("got %+v", result.Counts)
	}
	if n := result.Answers; n < 24 || n > 4*500/20+4 || n != len(result.Latencies) {
		t.Errorf("%d answers, %d latencies", n, len(result.Latencies))
	}
}

func TestPausesVary(t *testing.T) {
	var mu sync.Mutex
	var moments []time.Time
	port := serve(t, func(c *net.TCPConn) {
		answers(c, func(path string) string {
			mu.Lock()
			moments = append(moments, time.Now())
			mu.Unlock()
			return page(path)
		})
	})
	plan := Plan{
		Port: port, HTTP: true, Stay: true, HalfEnd: true, Clients: 1,
		Pause:  Pause{10 * time.Millisecond, 80 * time.Millisecond},
		Window: time.Second, Timeout: time.Second,
	}
	result, err := Run(context.Background(), plan, 1)
	if err != nil || result.Outcomes[Served] != 1 {
		t.Fatalf("got %+v, %v", result.Counts, err)
	}
	mu.Lock()
	defer mu.Unlock()
	var gaps []time.Duration
	for i := range len(moments) - 1 {
		gaps = append(gaps, moments[i+1].Sub(moments[i]))
	}
	if least, most := slices.Min(gaps), slices.Max(gaps); least < 9*time.Millisecond || most-least < 20*time.Millisecond {
		t.Errorf("pauses from %v to %v", least, most)
	}
}

// An open loop is how connections that stay begin; when the window is over no
// more do.
func TestStayAtRate(t *testing.T) {
	plan := Plan{
		Port: serve(t, stayOn), Clients: 5, Rate: 100, Stay: true, HalfEnd: true,
		Pause: Pause{time.Millisecond, 5 * time.Millisecond}, Window: 300 * time.Millisecond, Timeout: time.Second,
	}
	result, err := Run(context.Background(), plan, 1)
	if err != nil || result.Started != 5 || result.Outcomes[Served] != 5 {
		t.Errorf("got %+v, %v", result.Counts, err)
	}
}

func TestClosing(t *testing.T) {
	port := serve(t, func(c *net.TCPConn) {
		answers(c, func(path string) string {
			time.AfterFunc(10*time.Millisecond, func() { c.Close() })
			return strings.Replace(page(path), "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
		})
	})
	plan := Plan{
		Port: port, HTTP: true, Stay: true, Clients: 2, Limit: 6, Window: 10 * time.Second, Timeout: time.Second,
	}
	result, err := Run(context.Background(), plan, 1)
	if err != nil || result.Outcomes[Served] != 6 || result.Answers != 6 {
		t.Errorf("got %+v, %v", result.Counts, err)
	}
}

func TestGiveUp(t *testing.T) {
	forever := make(chan struct{})
	t.Cleanup(func() { close(forever) })
	plan := Plan{
		Port: serve(t, func(c *net.TCPConn) { <-forever; c.Close() }), Rate: 100, Lines: 1,
		Window: 300 * time.Millisecond, Timeout: 10 * time.Second, GiveUp: 100 * time.Millisecond,
	}
	result, err := Run(context.Background(), plan, 1)
	if err != nil || result.Outcomes[GaveUp] != result.Started || result.Failed() != result.Started {
		t.Errorf("got %+v, %v", result.Counts, err)
	}
	if len(result.Mishaps) != result.Started || result.Mishaps[0].At < 100*time.Millisecond || result.Longest > time.Second {
		t.Errorf("%d mishaps, longest %v", len(result.Mishaps), result.Longest)
	}
}

func TestPerSecond(t *testing.T) {
	port := serve(t, func(c *net.TCPConn) { reply(c, echo); c.Close() })
	plan := Plan{Port: port, Rate: 100, Lines: 1, Window: 1200 * time.Millisecond, Timeout: time.Second}
	result, err := Run(context.Background(), plan, 2)
	if err != nil || len(result.PerSecond) != 2 || result.PerSecond[0]+result.PerSecond[1] != result.Answers {
		t.Errorf("%d answers, %v: %v", result.Answers, result.PerSecond, err)
	}
	if over := result.Over(0); over != len(result.Latencies) {
		t.Errorf("%d of %d took longer than nothing", over, len(result.Latencies))
	}
	if over := result.Over(slices.Max(result.Latencies)); over != 0 {
		t.Errorf("%d took longer than the longest", over)
	}
}

func TestSilent(t *testing.T) {
	var mu sync.Mutex
	var heard []string
	port := serve(t, func(c *net.TCPConn) {
		text, _ := io.ReadAll(c)
		mu.Lock()
		heard = append(heard, string(text))
		mu.Unlock()
		c.Close()
	})
	for part, want := range map[int]string{0: "", 5: "GET /", 1000: "GET /0 HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
		mu.Lock()
		heard = nil
		mu.Unlock()
		plan := Plan{
			Port: port, HTTP: true, Silent: true, Part: part, Clients: 1,
			Window: 100 * time.Millisecond, Timeout: time.Millisecond,
		}
		result, err := Run(context.Background(), plan, 1)
		if err != nil || result.Started != 1 || result.Outcomes[Left] != 1 || result.Failed() != 0 {
			t.Errorf("got %+v, %v", result.Counts, err)
		}
		for begun := time.Now(); time.Since(begun) < 5*time.Second; time.Sleep(time.Millisecond) {
			mu.Lock()
			done := len(heard) > 0
			mu.Unlock()
			if done {
				break
			}
		}
		mu.Lock()
		if len(heard) != 1 || heard[0] != want {
			t.Errorf("part of %d: heard %q", part, heard)
		}
		mu.Unlock()
	}
}

func TestSilentClosed(t *testing.T) {
	port := serve(t, func(c *net.TCPConn) { time.Sleep(10 * time.Millisecond); c.Close() })
	plan := Plan{Port: port, Silent: true, Clients: 2, Limit: 6, Window: 10 * time.Second, Timeout: time.Second}
	result, err := Run(context.Background(), plan, 1)
	if err != nil || result.Outcomes[ClosedIdle] != 6 || result.Failed() != 0 {
		t.Errorf("got %+v, %v", result.Counts, err)
	}
}

func TestSource(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	port := serve(t, func(c *net.TCPConn) {
		host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
		mu.Lock()
		seen[host]++
		mu.Unlock()
		reply(c, echo)
		c.Close()
	})
	plan := Plan{
		Port: port, Source: netip.MustParsePrefix("127.0.9.8/30"), Clients: 2, Limit: 8, Lines: 1,
		Window: 10 * time.Second, Timeout: time.Second,
	}
	result, err := Run(context.Background(), plan, 2)
	if err != nil || result.Outcomes[Served] != 8 {
		t.Errorf("got %+v, %v", result.Counts, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 4 || seen["127.0.9.8"] != 2 || seen["127.0.9.11"] != 2 {
		t.Errorf("came from %v", seen)
	}
}

// The header comes at once, before the pause.
func TestProxyIsSent(t *testing.T) {
	heard := make(chan string, 2)
	port := serve(t, func(c *net.TCPConn) {
		in := bufio.NewReader(c)
		line, _ := in.ReadString('\n')
		heard <- line
		line, _ = in.ReadString('\n')
		io.WriteString(c, "123 "+line)
		c.Close()
	})
	plan := Plan{
		Port: port, Proxy: Proxy{Version: 1}, Clients: 1, Limit: 1, Lines: 1,
		Pause: Pause{0, time.Millisecond}, Window: 10 * time.Second, Timeout: time.Second,
	}
	result, err := Run(context.Background(), plan, 1)
	if err != nil || result.Outcomes[Served] != 1 {
		t.Errorf("got %+v, %v", result.Counts, err)
	}
	if got, want := <-heard, fmt.Sprintf("PROXY TCP4 192.0.2.0 127.0.0.1 1024 %d\r\n", port); got != want {
		t.Errorf("heard %q instead of %q", got, want)
	}
}

func TestProxyHeaders(t *testing.T) {
	six := netip.MustParsePrefix("2001:db8::/64")
	tests := []struct {
		proxy Proxy
		want  string
	}{
		{Proxy{Version: 1, From: six}, "PROXY TCP6 2001:db8::7 ::1 1031 80\r\n"},
		{Proxy{Version: 1, Local: true}, "PROXY UNKNOWN\r\n"},
		{Proxy{Version: 2}, "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\x7f\x00\x00\x01\x04\x07\x00\x50"},
		{Proxy{Version: 2, Local: true}, "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"},
		{Proxy{Version: 2, Local: true, TLVs: []TLV{{2, []byte("ab")}}}, "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x05\x02\x00\x02ab"},
		{Proxy{Version: 2, Local: true, Checksum: true}, "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x07\x03\x00\x04\xa9\xb8\x7e\x8f"},
	}
	for _, test := range tests {
		if got := string(test.proxy.append(nil, 7, 80)); got != test.want {
			t.Errorf("%+v: got %q", test.proxy, got)
		}
	}
}

func TestWakes(t *testing.T) {
	var w wakes
	for i := range 100 {
		w.push(time.Duration(i*37%100), i*37%100)
	}
	for i := range 100 {
		if at, ok := w.first(); !ok || at != time.Duration(i) || w.pop() != i {
			t.Fatalf("%d came out as number %d", at, i)
		}
	}
	if _, ok := w.first(); ok {
		t.Error("more came out than went in")
	}
}
