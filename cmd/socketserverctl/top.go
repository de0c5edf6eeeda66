package main

import (
	"fmt"
	"math"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Keys without a letter, as a terminal in raw mode sends them.
const (
	keyEnd     = 'c' & 0x1f
	keyRedraw  = 'l' & 0x1f
	keySuspend = 'z' & 0x1f
)

// top shows page after page.
type top struct {
	program *program
	source  source
	page    page
	screen  screen
	pause   time.Duration
	count   int // Pages left; 0: without end.
}

func (p *program) topCommand() *cobra.Command {
	var names []string
	for _, order := range orders {
		names = append(names, order.name)
	}
	var order string
	var seconds float64
	var count int
	command := &cobra.Command{
		Use: "top", Short: "Shows the workers anew each second, those first that do most", Args: cobra.NoArgs,
		Long: "Shows the workers anew each second, those first that do most. On a terminal the keys that stand\n" +
			"above the table change the order, and q ends it; elsewhere page follows page.",
		RunE: func(*cobra.Command, []string) error {
			t := &top{program: p, source: source{program: p}, count: count, pause: time.Duration(seconds * float64(time.Second))}
			t.page.order = slices.Index(names, order)
			switch {
			case t.page.order < 0:
				return usage("--sort %q: must be one of %s", order, strings.Join(names, ", "))
			case !(seconds >= 0.1 && seconds <= 86400) || math.IsNaN(seconds):
				return usage("--interval must be a number of seconds from 0.1 to 86400")
			case count < 0:
				return usage("--count must be a number from 0 on")
			case p.json:
				return usage(`top has no --json: "workers" and "status" do`)
			}
			out, _ := p.out.(*os.File)
			if isTerminal(out) {
				return t.draw(p.in, out)
			}
			return t.print()
		},
	}
	flags := command.Flags()
	flags.StringVar(&order, "sort", "cpu", strings.Join(names, ", "))
	flags.Float64VarP(&seconds, "interval", "i", 1, "`seconds` from page to page")
	flags.IntVarP(&count, "count", "n", 0, "end after so many `pages`")
	_ = command.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	return command
}

// print prints pages where there is no terminal.
func (t *top) print() error {
	defer t.source.close()
	for i := 1; ; i++ {
		began := time.Now()
		if err := t.take(t.source.take()); err != nil {
			return err
		}
		text := strings.Join(t.page.lines(0, 0), "\n") + "\n"
		if i > 1 {
			text = "\n" + text
		}
		if _, err := fmt.Fprint(t.program.out, text); err != nil {
			return err
		}
		if i == t.count {
			return nil
		}
		time.Sleep(time.Until(began.Add(t.pause)))
	}
}

// take makes a sample the page's; without it the page stays as it was.
func (t *top) take(latest *sample) error {
	t.page.problem = latest.err
	if latest.err == nil {
		t.page.before, t.page.now = t.page.now, latest
	}
	return latest.err
}

// draw draws pages on a terminal until somebody ends that.
func (t *top) draw(in, out *os.File) error {
	if err := t.take(t.source.take()); err != nil {
		return err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT,
		syscall.SIGTSTP, syscall.SIGCONT, syscall.SIGWINCH)
	defer signal.Stop(signals)
	t.screen = screen{in: in, out: out}
	t.page.keys = isTerminal(in)
	defer t.screen.close()
	if err := t.screen.open(); err != nil {
		return err
	}
	var keys chan byte
	if t.page.keys {
		keys = make(chan byte)
		go readKeys(in, keys)
	}
	return t.loop(keys, signals)
}

// readKeys passes on what is pressed; a terminal that has gone ends it.
func readKeys(in *os.File, keys chan<- byte) {
	var key [1]byte
	for {
		if n, err := in.Read(key[:]); n != 1 || err != nil {
			close(keys)
			return
		}
		keys <- key[0]
	}
}

// loop waits for time, keys and signals; a server that is slow to answer makes
// none of them wait.
func (t *top) loop(keys <-chan byte, signals <-chan os.Signal) error {
	samples := make(chan *sample, 1)
	ticker := time.NewTicker(t.pause)
	defer ticker.Stop()
	isAsking := false
	defer func() {
		if !isAsking { // Otherwise it is in use until the process ends.
			t.source.close()
		}
	}()
	for drawn := 1; ; {
		if err := t.redraw(); err != nil {
			return err
		}
		select {
		case <-ticker.C:
			if t.count > 0 && drawn >= t.count {
				return nil
			}
			if !isAsking {
				isAsking = true
				go func() { samples <- t.source.take() }()
			}
		case latest := <-samples:
			isAsking = false
			_ = t.take(latest)
			drawn++
		case key, ok := <-keys:
			if err := t.press(key, ok); err != nil {
				return err
			}
		case which := <-signals:
			if err := t.signalled(which.(syscall.Signal)); err != nil {
				return err
			}
		}
	}
}

func (t *top) redraw() error {
	return t.screen.draw(t.page.lines(t.screen.size()))
}

// press does what a key is for.
func (t *top) press(key byte, ok bool) error {
	if !ok {
		return exit(exitFailed)
	}
	_, height := t.screen.size()
	switch key {
	case 'q', 'Q':
		return exit(exitDone)
	case keyEnd:
		return t.signalled(syscall.SIGINT)
	case keySuspend:
		return t.screen.suspend()
	case keyRedraw:
		_, err := t.screen.out.WriteString("\x1b[2J")
		return err
	case 'j', ' ':
		t.page.from += max(height/2, 1)
	case 'k':
		t.page.from = max(t.page.from-max(height/2, 1), 0)
	}
	for i, order := range orders {
		if key == order.key {
			t.page.order, t.page.from = i, 0
		}
	}
	return nil
}

// signalled obeys a signal: the terminal is given back first.
func (t *top) signalled(which syscall.Signal) error {
	switch which {
	case syscall.SIGWINCH:
		return nil
	case syscall.SIGTSTP:
		return t.screen.suspend()
	case syscall.SIGCONT: // Who stopped us may have changed the terminal.
		t.screen.close()
		return t.screen.open()
	}
	return exit(128 + int(which))
}
