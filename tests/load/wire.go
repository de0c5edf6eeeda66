package load

import (
	"bytes"
	"strconv"
)

// state is what is known of a reply.
type state int

const (
	partial state = iota // more has to come
	right
	wrong
)

// maxReply bounds a reply with a head.
const maxReply = 1 << 16

const (
	methodStart = "GET /"
	methodEnd   = " HTTP/1.1\r\nHost: localhost\r\n\r\n"
	statusStart = "HTTP/1.1 200 "
)

// request appends a line, or a request with a head, and returns what is
// expected back of it.
func (p Plan) request(buf []byte, number int) (whole, id []byte) {
	end := "\n"
	if p.HTTP {
		buf = append(buf, methodStart...)
		end = methodEnd
	}
	before := len(buf)
	buf = append(buf, p.Prefix...)
	buf = strconv.AppendInt(buf, int64(number), 10)
	after := len(buf)
	buf = append(buf, end...)
	return buf, buf[before:after]
}

// parse reads a reply; last means that the server will close.
func (p Plan) parse(in, id []byte) (pid int, last bool, state state) {
	if p.HTTP {
		return parseAnswer(in, id)
	}
	end := bytes.IndexByte(in, '\n')
	if end < 0 && len(in) <= len(id)+33 {
		return 0, false, partial
	}
	pid, ok := p.isReply(in, id)
	if !ok || end+1 != len(in) {
		return 0, false, wrong
	}
	return pid, false, right
}

// isReply returns the pid of a reply to a line, 0 where an echo has none, and
// whether it is one.
func (p Plan) isReply(reply, id []byte) (pid int, ok bool) {
	if p.Echo && bytes.Equal(withoutEnd(reply), id) {
		return 0, true
	}
	return parseReply(reply, id)
}

// withoutEnd cuts off the end of a line, as Tcl's sockets write it or not.
func withoutEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
}

// parseReply returns the pid of a reply to a line, and whether it is one:
// "PID LINE". Tcl's sockets end lines with a carriage return too.
func parseReply(reply, id []byte) (pid int, ok bool) {
	digits, rest, found := bytes.Cut(reply, []byte{' '})
	if !found {
		return 0, false
	}
	pid, err := strconv.Atoi(string(digits))
	if err != nil || pid <= 0 {
		return 0, false
	}
	return pid, bytes.Equal(withoutEnd(rest), id)
}

// parseAnswer reads a reply with a head, whose body's first line is that of a
// reply without.
func parseAnswer(in, id []byte) (pid int, last bool, state state) {
	head, body, found := bytes.Cut(in, []byte("\r\n\r\n"))
	switch {
	case len(in) > maxReply || !bytes.HasPrefix(in, []byte(statusStart)[:min(len(in), len(statusStart))]):
		return 0, false, wrong
	case !found:
		return 0, false, partial
	}
	size, err := strconv.Atoi(field(head, "\r\nContent-Length: "))
	if err != nil || len(body) > size {
		return 0, false, wrong
	}
	if len(body) < size {
		return 0, false, partial
	}
	line, _, _ := bytes.Cut(body, []byte{'\n'})
	pid, ok := parseReply(line, id)
	if !ok {
		return 0, false, wrong
	}
	return pid, field(head, "\r\nConnection: ") == "close", right
}

// field returns what follows a name in a head.
func field(head []byte, name string) string {
	_, rest, _ := bytes.Cut(head, []byte(name))
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(value)
}
