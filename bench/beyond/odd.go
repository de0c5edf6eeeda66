package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"socketserver/bench/internal/criterion"
)

// asker exchanges datagrams.
type asker struct {
	conn net.Conn
	buf  []byte
}

func (s *site) asker(listener string) (*asker, error) {
	host := "127.0.0.1"
	if strings.Contains(listener, "[") {
		host = "::1"
	}
	conn, err := net.Dial("udp", net.JoinHostPort(host, strconv.Itoa(s.Port)))
	return &asker{conn, make([]byte, 1<<16)}, err
}

// ask sends a datagram and returns its reply.
func (a *asker) ask(what []byte) ([]byte, error) {
	if _, err := a.conn.Write(what); err != nil {
		return nil, err
	}
	a.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := a.conn.Read(a.buf)
	if err != nil {
		return nil, fmt.Errorf("%d bytes beginning with %.20q: %w", len(what), what, err)
	}
	return a.buf[:n], nil
}

// garbage is how many random datagrams are sent, and how many empty ones.
const garbage = 1000

// odd asks that what nobody would send is served like all else. One worker serves,
// which knows what it was sent before.
func odd(loop, listener string, most int) func(context.Context, run) (criterion.Row, error) {
	return func(ctx context.Context, r run) (criterion.Row, error) {
		got := criterion.Row{Asked: fmt.Sprintf("%d bytes come back, and so do %d random datagrams; %d empty ones are served;"+
			" a reply of %d bytes is an error, and not sent", most, garbage, garbage, most+1)}
		s, err := r.open(ctx, "odd", listener, "-workers", "1", "-loop", loop)
		if err != nil {
			return got, err
		}
		defer s.close()
		a, err := s.asker(listener)
		if err != nil {
			return got, err
		}
		defer a.conn.Close()
		err = errors.Join(a.echoes(most), a.empties(), a.tooLong(most))
		counts, err2 := s.counted() // what the three have sent, and have had back
		if err2 != nil {
			return got, errors.Join(err, err2)
		}
		if got.Seen = list(counts); err != nil {
			got.Seen += "; " + strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		got.OK = err == nil && counts["received"] == 3*garbage+6 && counts["answered"] == 2*garbage+4 && counts["dropped"] == 0
		return got, nil
	}
}

// echoes has random bytes come back, a few of them and as many as there may be.
func (a *asker) echoes(most int) error {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range garbage {
		what := make([]byte, 1+rng.IntN(3000))
		if i == 0 {
			what = make([]byte, most)
		}
		for j := range what {
			what[j] = byte(rng.Uint32())
		}
		reply, err := a.ask(what)
		if err != nil {
			return err
		}
		if !bytes.Equal(reply, what) {
			return fmt.Errorf("%d bytes came back as %d others", len(what), len(reply))
		}
	}
	return nil
}

// empties sends datagrams without a byte; none is replied to.
func (a *asker) empties() error {
	for range garbage {
		if _, err := a.conn.Write(nil); err != nil {
			return err
		}
		if reply, err := a.ask([]byte("between")); err != nil || string(reply) != "between" {
			return fmt.Errorf("after an empty one: %.20q, %v", reply, err)
		}
	}
	reply, err := a.ask([]byte("empty"))
	if err == nil && string(reply) != strconv.Itoa(garbage) {
		err = fmt.Errorf("%.20q empty ones were served, not %d", reply, garbage)
	}
	return err
}

// tooLong has the handler reply as much as there may be, and more.
func (a *asker) tooLong(most int) error {
	reply, err := a.ask(fmt.Appendf(nil, "reply %d", most))
	if err != nil || len(reply) != most {
		return fmt.Errorf("a reply of %d bytes: %d came, %v", most, len(reply), err)
	}
	for _, size := range []int{most + 1, 90000} {
		if _, err := a.conn.Write(fmt.Appendf(nil, "reply %d", size)); err != nil {
			return err
		}
		reply, err := a.ask([]byte("failure"))
		if err != nil || !strings.HasPrefix(string(reply), "POSIX EMSGSIZE") {
			return fmt.Errorf("a reply of %d bytes: %d came, or %.60q, %v", size, len(reply), reply, err)
		}
	}
	return nil
}
