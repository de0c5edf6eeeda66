package exporter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"sync"
	"time"
)

const (
	followed   = time.Second     // Between two looks, while somebody has the page open...
	unfollowed = 5 * time.Second // ...and while nobody has.
	// patience is how long a client may take for one event.
	patience = 10 * time.Second
)

//go:embed page.html page.css page.js icon.svg
var files embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"figures": func() []figure { return figures },
	"plots":   func() []plot { return plots },
	"columns": func() []column { return columns },
	"states":  func() []string { return states },
}).ParseFS(files, "page.html"))

// policy keeps a browser from running or loading anything that isn't the page's
// own, whatever a text on it says.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Page shows a server to people. It remembers how the server was while it runs.
type Page struct {
	looker Looker
	woken  chan struct{} // Somebody follows.

	mutex     sync.Mutex
	history   history
	latest    *view // What all followers have; nil while there are none.
	followers followers
	over      bool
}

// NewPage makes a page of what a looker sees. It must be run.
func NewPage(looker Looker) *Page {
	return &Page{looker: looker, woken: make(chan struct{}, 1), followers: followers{}}
}

// Run looks at the server again and again until the context ends, and then sends
// away who follows.
func (p *Page) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			p.end()
			return
		case <-p.woken:
			timer.Reset(followed)
		case <-timer.C:
			if p.step(ctx) {
				timer.Reset(followed)
			} else {
				timer.Reset(unfollowed)
			}
		}
	}
}

// Remember looks at the server once. Run does so itself.
func (p *Page) Remember(ctx context.Context) {
	p.step(ctx)
}

// step looks, tells followers what has changed, and returns whether there are
// any.
func (p *Page) step(ctx context.Context) bool {
	s, err := p.looker.Look(ctx)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if err == nil {
		p.history.add(s)
	}
	if len(p.followers) == 0 {
		p.latest = nil
		return false
	}
	if err == nil {
		now := newView(s, p.history.points, p.latest)
		if event, err := changes(p.latest, now).bytes(); err == nil {
			p.latest = now
			p.followers.send(event)
		}
	}
	return true
}

func (p *Page) end() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.over = true
	for one := range p.followers {
		p.followers.remove(one)
	}
}

// follow gives the events from now on, the first of which tells everything. Nil:
// there are too many who follow.
func (p *Page) follow(ctx context.Context) (chan []byte, error) {
	s, err := p.looker.Look(ctx)
	if err != nil {
		return nil, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.over {
		return nil, nil
	}
	if p.latest == nil {
		p.latest = newView(s, p.history.points, nil)
	}
	first, err := changes(nil, p.latest).bytes()
	if err != nil {
		return nil, err
	}
	if len(p.followers) == 0 {
		select {
		case p.woken <- struct{}{}:
		default:
		}
	}
	return p.followers.add(first), nil
}

func (p *Page) leave(one chan []byte) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.followers.remove(one)
}

// Register tells a mux where the page and its parts are.
func (p *Page) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.show)
	mux.HandleFunc("GET /events", p.tell)
	for _, name := range []string{"page.css", "page.js", "icon.svg"} {
		mux.HandleFunc("GET /"+name, file(name))
	}
}

// show renders all of the page: who has no script needs nothing else.
func (p *Page) show(w http.ResponseWriter, r *http.Request) {
	s, err := p.looker.Look(r.Context())
	if err != nil {
		http.Error(w, "can't look at the server: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	p.mutex.Lock()
	points, before := p.history.points, p.latest
	p.mutex.Unlock()
	var text bytes.Buffer
	if err := render(&text, newView(s, points, before), newChoice(r.URL.Query())); err != nil {
		http.Error(w, "can't show the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(text.Bytes()) // Who has gone needs no page.
}

// shown is what page.html gets.
type shown struct {
	*view
	Choice *choice
	Chosen []*row
}

func render(to *bytes.Buffer, v *view, c choice) error {
	return page.Execute(to, shown{v, &c, c.of(v.Rows)})
}

// Table are the rows, in groups: a browser lays only those groups out that are
// seen.
func (s shown) Table() template.HTML {
	var text []byte
	for group := range slices.Chunk(s.Chosen, together) {
		text = append(text, "<tbody>\n"...)
		for _, r := range group {
			text = r.appendHTML(text)
		}
		text = append(text, "</tbody>\n"...)
	}
	return template.HTML(text)
}

// Line are the points of one that page.html draws.
func (s shown) Line(l line) string {
	return s.pointsFrom(0, &l)
}

// tell sends events until the client goes, is too slow, or all is over.
func (p *Page) tell(w http.ResponseWriter, r *http.Request) {
	events, err := p.follow(r.Context())
	if err != nil || events == nil {
		w.Header().Set("Retry-After", "10")
		http.Error(w, fmt.Sprintf("no more than %d may follow, try again later", mostFollowers), http.StatusServiceUnavailable)
		return
	}
	defer p.leave(events)
	header, control := w.Header(), http.NewResponseController(w)
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no")
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodHead {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case event, ok := <-events:
			if !ok || control.SetWriteDeadline(time.Now().Add(patience)) != nil {
				return
			}
			if _, err := w.Write(event); err != nil || control.Flush() != nil {
				return
			}
		}
	}
}

// file serves one of the page's parts. A browser asks each time whether it is
// still the same.
func file(name string) http.HandlerFunc {
	content, err := fs.ReadFile(files, name)
	if err != nil {
		panic(err) // It was built in.
	}
	types := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Type", types[path.Ext(name)])
		header.Set("Cache-Control", "no-cache")
		header.Set("ETag", tag)
		header.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	}
}
