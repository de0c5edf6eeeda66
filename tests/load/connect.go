package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
	"time"
)

// room is more than any reply takes.
const room = 128

// connect makes one connection and tells what came of it.
func (p plan) connect(id int64) result {
	begun := time.Now()
	c, err := net.DialTimeout("tcp", p.address, p.timeout)
	if err != nil {
		return result{outcome: whyNot(err, timedOut)}
	}
	defer c.Close()
	r := exchange(c, id, p.timeout)
	r.took = time.Since(begun)
	return r
}

// exchange sends a connection's line, reads the reply, and then waits for the
// end of file, which may come late or never.
func exchange(c net.Conn, id int64, timeout time.Duration) result {
	line := append([]byte("id "), strconv.AppendInt(nil, id, 10)...)
	_ = c.SetDeadline(time.Now().Add(timeout))
	if _, err := c.Write(append(line, '\n')); err != nil {
		return result{outcome: whyNot(err, timedOut)}
	}
	reply, err := readLine(c)
	if err == io.EOF && len(reply) == 0 {
		return result{outcome: closed}
	}
	if err != nil && err != io.EOF {
		return result{outcome: whyNot(err, timedOut)}
	}
	pid, ok := parse(reply, line)
	if !ok {
		return result{outcome: wrong}
	}

	replied := time.Now()
	_ = c.SetDeadline(replied.Add(timeout))
	n, err := c.Read(make([]byte, room))
	switch {
	case n > 0:
		return result{outcome: wrong}
	case err == io.EOF:
		return result{outcome: served, pid: pid, late: time.Since(replied) > time.Second}
	default:
		return result{outcome: whyNot(err, noFin)}
	}
}

// readLine reads until a newline is the last byte that came.
func readLine(c net.Conn) ([]byte, error) {
	reply := make([]byte, 0, room)
	for len(reply) < room {
		n, err := c.Read(reply[len(reply):room])
		reply = reply[:len(reply)+n]
		if err != nil || bytes.HasSuffix(reply, []byte{'\n'}) {
			return reply, err
		}
	}
	return reply, nil
}

// parse reads the pid from a reply, "PID LINE", if it is the right one.
func parse(reply, line []byte) (pid int, ok bool) {
	text, ended := bytes.CutSuffix(reply, []byte{'\n'})
	digits, rest, found := bytes.Cut(text, []byte{' '})
	pid, err := strconv.Atoi(string(digits))
	return pid, ended && found && err == nil && bytes.Equal(rest, line)
}

// whyNot tells how a connection ended from the error that ended it.
func whyNot(err error, late outcome) outcome {
	var failure net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused
	case errors.As(err, &failure) && failure.Timeout():
		return late
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return reset
	default:
		return other
	}
}
