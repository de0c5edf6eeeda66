package exporter

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// Bounds of what clients may take.
const (
	mostConnections = 64
	mostStreams     = 32
	mostHeader      = 8 << 10
	headerTime      = 5 * time.Second
	bodyTime        = time.Second
	writeTime       = 10 * time.Second
	idleTime        = 15 * time.Second
)

// server answers HTTP.
type server struct {
	look     Looker
	registry *prometheus.Registry
	streams  chan struct{} // Has room for as many as may follow.
}

// newServer makes what serves a Looker to whom access lets in.
func newServer(ctx context.Context, look Looker, page *Page, a *access) *http.Server {
	s := &server{look: look, registry: prometheus.NewRegistry(), streams: make(chan struct{}, mostStreams)}
	s.registry.MustRegister(newCollector(look))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("GET /status.json", s.status)
	mux.HandleFunc("GET /healthz", s.healthy)
	mux.HandleFunc("GET /readyz", s.ready)
	page.Register(mux)
	return &http.Server{
		Handler:           checked(a.guard(s.limitStreams(mux))),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headerTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    mostHeader,
		ErrorLog:          log.New(io.Discard, "", 0),

		DisableGeneralOptionsHandler: true,
	}
}

// checked refuses what isn't a plain question, and has browsers be careful with
// the answers.
func checked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		if r.ContentLength != 0 {
			header.Set("Connection", "close")
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
		}
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD will do", http.StatusMethodNotAllowed)
		case r.ContentLength != 0:
			http.Error(w, "a question has no body", http.StatusRequestEntityTooLarge)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// limitStreams keeps connections for those who scrape, however many follow the page.
func (s *server) limitStreams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			select {
			case s.streams <- struct{}{}:
				defer func() { <-s.streams }()
			default:
				w.Header().Set("Retry-After", "10")
				http.Error(w, "too many follow the page", http.StatusServiceUnavailable)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// metrics answers in OpenMetrics where it is asked for, and else as Prometheus has
// always had it.
func (s *server) metrics(w http.ResponseWriter, r *http.Request) {
	families, err := s.registry.Gather()
	if err != nil && len(families) == 0 {
		http.Error(w, "can't tell metrics: "+err.Error(), http.StatusInternalServerError)
		return
	}
	format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	var text bytes.Buffer
	encoder := expfmt.NewEncoder(&text, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			http.Error(w, "can't tell metrics: "+err.Error(), http.StatusInternalServerError)
			return
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		_ = closer.Close() // It writes to memory.
	}
	send(w, string(format), text.Bytes())
}

func (s *server) status(w http.ResponseWriter, r *http.Request) {
	snapshot := s.snapshot(w, r)
	if snapshot == nil {
		return
	}
	text, err := snapshot.encode()
	if err != nil {
		http.Error(w, "can't tell the status: "+err.Error(), http.StatusInternalServerError)
		return
	}
	send(w, "application/json", text)
}

// healthy answers whether exporter and server run.
func (s *server) healthy(w http.ResponseWriter, r *http.Request) {
	switch snapshot := s.snapshot(w, r); {
	case snapshot == nil:
	case snapshot.Up:
		send(w, "text/plain; charset=utf-8", []byte("ok"))
	default:
		http.Error(w, snapshot.Problem, http.StatusServiceUnavailable)
	}
}

// ready answers whether clients may be sent to the server.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	switch snapshot := s.snapshot(w, r); {
	case snapshot == nil:
	case !snapshot.Up:
		http.Error(w, snapshot.Problem, http.StatusServiceUnavailable)
	case snapshot.State.Health != "ready":
		http.Error(w, snapshot.State.Health, http.StatusServiceUnavailable)
	default:
		send(w, "text/plain; charset=utf-8", []byte("ready"))
	}
}

// snapshot looks; nil: it has answered that it can't, for who asked is gone, or the
// exporter ends.
func (s *server) snapshot(w http.ResponseWriter, r *http.Request) *Snapshot {
	snapshot, err := s.look.Look(r.Context())
	if err != nil {
		http.Error(w, "the exporter ends", http.StatusServiceUnavailable)
		return nil
	}
	return snapshot
}

// send answers; who doesn't take it, or not in time, is cut off.
func send(w http.ResponseWriter, kind string, text []byte) {
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(text)
}
