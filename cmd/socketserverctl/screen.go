package main

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// What a terminal is told: another screen, no cursor, no wrapping of long lines,
// and back.
const (
	enter = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
	leave = "\x1b[?7h\x1b[?25h\x1b[?1049l"
)

// screen is a terminal that is drawn on.
type screen struct {
	in, out *os.File
	before  *term.State // How the input was; nil: it is no terminal, or as it was.
	isOpen  bool
	text    bytes.Buffer
}

func isTerminal(file *os.File) bool {
	return file != nil && term.IsTerminal(int(file.Fd()))
}

// open begins to draw; keys are read as they are pressed.
func (s *screen) open() error {
	if isTerminal(s.in) {
		state, err := term.MakeRaw(int(s.in.Fd()))
		if err != nil {
			return fmt.Errorf("can't set the terminal: %w", err)
		}
		s.before = state
	}
	s.isOpen = true
	_, err := s.out.WriteString(enter)
	return err
}

// close gives the terminal back as it was.
func (s *screen) close() {
	if !s.isOpen {
		return
	}
	s.isOpen = false
	_, _ = s.out.WriteString(leave)
	if s.before != nil {
		_ = term.Restore(int(s.in.Fd()), s.before)
		s.before = nil
	}
}

// suspend gives it back and stops this process, until somebody lets it go on.
func (s *screen) suspend() error {
	s.close()
	if err := unix.Kill(unix.Getpid(), unix.SIGSTOP); err != nil {
		return err
	}
	return s.open()
}

// size is how much there is room for.
func (s *screen) size() (width, height int) {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}

// draw draws over what was there, at one go.
func (s *screen) draw(lines []string) error {
	s.text.Reset()
	s.text.WriteString("\x1b[H")
	for i, line := range lines {
		if i > 0 {
			s.text.WriteString("\r\n")
		}
		s.text.WriteString(line)
		s.text.WriteString("\x1b[K")
	}
	s.text.WriteString("\x1b[J")
	_, err := s.out.Write(s.text.Bytes())
	return err
}
