package exporter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// Options say what to watch, and for whom.
type Options struct {
	Path         string // The server's control path.
	Version      string // Of this program, which the server must have, too; "": not known.
	Listen       string // host:port or unix:path.
	PasswordFile string // "": without.

	// The server has started this exporter: it listens on sockets of the server's
	// and ends with it.
	Kept bool
}

// What an exporter can't begin for.
var (
	ErrListen = errors.New("can't listen")           // The address won't do.
	ErrServer = errors.New("can't watch the server") // One that is kept has no connection.
)

// Run is an exporter. It returns when the context ends, or when it can't begin; one
// that is kept also when the server has ended.
func Run(ctx context.Context, o *Options) error {
	a, err := newAccess(o.PasswordFile)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	source := newSource(o)
	listeners, err := open(ctx, source, o)
	if err != nil {
		cancel()
		source.Run(ctx)
		return err
	}
	defer listeners.close()
	source.connect(ctx)
	page := NewPage(source)
	server := newServer(ctx, source, page, a)
	var all sync.WaitGroup
	all.Go(func() { page.Run(ctx) })
	all.Go(func() {
		source.Run(ctx)
		cancel()
	})
	failed := make(chan error, len(listeners.all))
	for _, l := range listeners.all {
		all.Go(func() { failed <- server.Serve(l) })
	}
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
		err = fmt.Errorf("can't accept connections any more: %w", err)
	}
	cancel()
	_ = server.Close() // All that it could answer is of closed connections.
	all.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}
