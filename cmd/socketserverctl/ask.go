package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"socketserver/internal/answers"
	"socketserver/internal/control"
)

// mostAnswer bounds what a server may answer: that of a thousand workers is a
// tenth of it.
const mostAnswer = 8 << 20

// server is the control path that the command line or the environment says.
func (p *program) server() (string, error) {
	if p.path == "" {
		p.path = os.Getenv(pathVariable)
	}
	if p.path == "" {
		return "", usage("which server? say -s path, or set %s: the path is what -control of the server says", pathVariable)
	}
	return p.path, nil
}

// dial connects to the server.
func (p *program) dial() (*control.Conn, error) {
	if _, err := p.server(); err != nil {
		return nil, err
	}
	c, err := control.DialTimeout(p.path, p.timeout())
	if err != nil {
		return nil, unreachable{p.advise(err)}
	}
	c.Limit(mostAnswer, 0)
	return c, nil
}

// advise says what to do where nobody can be reached.
func (p *program) advise(err error) error {
	advice := ""
	switch {
	case errors.Is(err, unix.ENOENT):
		advice = "is the server running, with this -control?"
	case errors.Is(err, unix.ECONNREFUSED) && !isSocket(p.path):
		advice = "that is no socket; give what the server's -control says"
	case errors.Is(err, unix.ECONNREFUSED):
		advice = "no server listens there any more; start it"
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		advice = "ask as the server's user or as root"
	case errors.Is(err, unix.EPROTOTYPE):
		advice = "that is a socket of another kind; give what the server's -control says"
	default:
		return p.explain(err)
	}
	return fmt.Errorf("%w: %s", err, advice)
}

// isSocket tells whether somebody may have listened there.
func isSocket(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode()&os.ModeSocket != 0
}

// explain says what to do where a server doesn't answer as it should.
func (p *program) explain(err error) error {
	advice := ""
	var refused *control.Error
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, io.EOF):
		return errors.New("the server closed the connection: it has ended, or you are neither its user nor root")
	case errors.Is(err, control.ErrTimeout):
		advice = fmt.Sprintf("it had %g seconds; --timeout gives it more", p.seconds)
	case errors.Is(err, control.ErrMessage):
		advice = "is " + p.path + " a control path?"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, advice)
}

// request asks what the reactor answers alone.
func (p *program) request(name string) ([]byte, error) {
	c, err := p.dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	m, err := c.Ask(name, control.Numbers{}, nil, p.timeout())
	if err != nil {
		return nil, p.explain(err)
	}
	return m.Text, nil
}

// show asks, and prints the answer in JSON as it is, or as a function has it.
func (p *program) show(name string, text func([]byte) error) error {
	answer, err := p.request(name)
	if err != nil {
		return err
	}
	if !p.json {
		return text(answer)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, answer, "", "  "); err != nil {
		return answers.NotUnderstood(name, err)
	}
	indented.WriteByte('\n')
	_, err = p.out.Write(cleanJSON(indented.Bytes()))
	return err
}

// printJSON prints what is our own.
func (p *program) printJSON(value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return err
	}
	_, err := p.out.Write(cleanJSON(text.Bytes()))
	return err
}
