// Package loading makes a load while something else is done to the server.
package loading

import (
	"context"
	"fmt"
	"time"

	"socketserver/tests/load"
)

// Loading is a load that goes on until it is told otherwise.
type Loading struct {
	enough chan struct{}
	result chan load.Result
	err    chan error
}

// Begin makes a load, with one line on each connection.
func Begin(ctx context.Context, plan load.Plan) *Loading {
	l := &Loading{make(chan struct{}), make(chan load.Result, 1), make(chan error, 1)}
	plan.Enough = l.enough
	plan.Window, plan.Timeout, plan.Lines = time.Hour, 20*time.Second, 1
	if plan.Prefix == "" {
		plan.Prefix = "id "
	}
	go func() {
		result, err := load.Run(ctx, plan, plan.Threads())
		l.result <- result
		l.err <- err
	}()
	return l
}

// End has no more connections begin, and returns what came of all.
func (l *Loading) End() (load.Result, error) {
	close(l.enough)
	return l.Wait()
}

// Wait returns what came of a load that ends by itself.
func (l *Loading) Wait() (load.Result, error) {
	return <-l.result, <-l.err
}

// Lost tells how many of a load failed, or were closed between two lines.
func Lost(result load.Result) int {
	return result.Failed() + result.Outcomes[load.ClosedIdle]
}

// Outcomes lists how connections ended.
func Outcomes(result load.Result) string {
	text := fmt.Sprintf("started %d", result.Started)
	for i, n := range result.Outcomes {
		if n > 0 {
			text += fmt.Sprintf(", %v %d", load.Outcome(i), n)
		}
	}
	return fmt.Sprintf("%s, replies %d, longest %v", text, result.Answers, result.Longest.Round(time.Millisecond))
}
