package exporter

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/html"

	"socketserver/internal/answers"
	"socketserver/internal/board"
	"socketserver/internal/counters"
)

// staged is a Looker that shows what a test says.
type staged struct {
	mutex sync.Mutex
	now   *Snapshot
}

func (s *staged) Look(context.Context) (*Snapshot, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.now, nil
}

func (s *staged) set(now *Snapshot) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.now = now
}

var began = time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)

// pool is a server with workers, of whom every fourth is busy.
func pool(at time.Time, workers int) *Snapshot {
	s := &Snapshot{At: at, Up: true, State: answers.State{Name: "127.0.0.1:8080", Version: "2.0", Pid: 99,
		State: "running", Health: "ready", Generation: 3}}
	for i := range workers {
		w := Worker{Slot: i, Pid: 1000 + (i*7)%workers, Generation: 3, State: "idle", Since: began.Add(time.Duration(-i) * time.Minute),
			Served: int64(i * i % 101), CPU: -1, CPUShare: -1, RSS: int64(i+1) << 20, PSS: 1 << 19}
		if i%4 == 1 {
			w.State, w.Peer, w.Note, w.Handler, w.CPUShare = "busy", "127.0.0.1:4242", fmt.Sprintf("GET /%d", i), "serve", float64(i)/10
			s.State.Workers.Busy++
		} else {
			s.State.Workers.Idle++
		}
		s.Workers = append(s.Workers, w)
	}
	return s
}

func get(t *testing.T, s *Snapshot, query string) *html.Node {
	t.Helper()
	mux := http.NewServeMux()
	NewPage(&staged{now: s}).Register(mux)
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest("GET", "/"+query, nil))
	if answer.Code != http.StatusOK || answer.Header().Get("Content-Security-Policy") != policy {
		t.Fatal(answer.Code, answer.Header())
	}
	root, err := html.Parse(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var all strings.Builder
	for child := range n.ChildNodes() {
		all.WriteString(text(child))
	}
	return all.String()
}

// byID are all elements that have an id.
func byID(t *testing.T, root *html.Node) map[string]*html.Node {
	t.Helper()
	found := map[string]*html.Node{}
	for n := range root.Descendants() {
		if id := attribute(n, "id"); id != "" {
			if found[id] != nil {
				t.Error("twice:", id)
			}
			found[id] = n
		}
	}
	return found
}

// shownRows are the table's, slot first.
func shownRows(t *testing.T, root *html.Node) (rows [][]string) {
	t.Helper()
	for n := range byID(t, root)["table"].Descendants() {
		if n.Data == "tr" && attribute(n, "data-slot") != "" {
			var row []string
			for cell := range n.ChildNodes() {
				row = append(row, text(cell))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func slots(rows [][]string) (all []string) {
	for _, row := range rows {
		all = append(all, row[0])
	}
	return all
}

func TestPageShowsWorkers(t *testing.T) {
	s := pool(began, 8)
	s.Workers[1].Attached = true
	s.Counters = []counters.Counter{{Name: "logins", Value: 1234567}}
	s.State.Exits = map[string]int64{"timeout": 2, "died": 0}
	root := get(t, s, "")
	rows := shownRows(t, root)
	want := []string{"1", "1007", "3", "busy, attached", "127.0.0.1:4242", "GET /1",
		began.Add(-time.Minute).Local().Format("01-02 15:04:05"), "1", "10.0", "2.0"}
	if len(rows) != 8 || !slices.Equal(rows[1], want) {
		t.Error(rows)
	}
	ids := byID(t, root)
	for id, want := range map[string]string{"name": "127.0.0.1:8080", "busy": "2", "idle": "6", "shown": "8 of 8",
		"counters": "logins1,234,567", "exits": "timeout2", "title": "2 of 8 busy: 127.0.0.1:8080", "accepted": unknown} {
		if got := text(ids[id]); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}

// Each text of a view has its place on the page, so that events find it.
func TestPageHasPlaces(t *testing.T) {
	for _, s := range []*Snapshot{pool(began, 3), {At: began, Problem: "gone"}} {
		ids := byID(t, get(t, s, ""))
		v := newView(s, nil, nil)
		for where, want := range v.Texts {
			id, name, isAttribute := strings.Cut(where, "@")
			n := ids[id]
			switch {
			case n == nil:
				t.Error("nowhere:", where)
			case isAttribute && attribute(n, name) != want, !isAttribute && text(n) != want:
				t.Errorf("%s: want %q", where, want)
			}
		}
		for i := range plots {
			for _, l := range plots[i].Lines {
				if ids[l.ID] == nil {
					t.Error("no line:", l.ID)
				}
			}
		}
		for _, l := range v.Lists {
			if ids[l.ID] == nil || ids[l.ID+"-empty"] == nil {
				t.Error("no list:", l.ID)
			}
		}
	}
}

func TestPageWithoutServer(t *testing.T) {
	root := get(t, &Snapshot{At: began, Problem: "nobody listens on /run/x"}, "")
	ids := byID(t, root)
	if attribute(ids["page"], "data-up") != "false" || text(ids["problem"]) != "nobody listens on /run/x" ||
		text(ids["busy"]) != unknown || text(ids["none"]) != "There are no workers." {
		t.Error(text(root))
	}
}

// What workers and clients say stays text, wherever it stands.
func TestPageEscapes(t *testing.T) {
	bad := `"'><script>alert(1)</script><img src=x onerror=alert(2)>` + "\u2028{{.}}"
	s := pool(began, 2)
	w := &s.Workers[0]
	w.Note, w.Peer, w.Handler, w.Listener, w.State = bad, bad, bad, bad, bad
	s.State.Name, s.State.Health, s.State.Exits = bad, bad, map[string]int64{bad: 1}
	s.Counters = []counters.Counter{{Name: bad, Value: 1}}
	root := get(t, s, "?filter="+url.QueryEscape(bad))
	rows := shownRows(t, root)
	if len(rows) != 1 || rows[0][5] != bad || rows[0][4] != bad {
		t.Errorf("%q", rows)
	}
	for n := range root.Descendants() {
		if n.Data == "script" && attribute(n, "src") != "page.js" || n.Data == "img" || n.Data == "style" {
			t.Error(n.Data, n.Attr)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Error(n.Data, a)
			}
		}
	}
	event, err := changes(nil, newView(s, nil, nil)).bytes()
	if err != nil || bytes.Count(event, []byte("\n")) != 2 || bytes.Contains(event, []byte("<")) {
		t.Errorf("%v %s", err, event)
	}
}

func TestPageSorts(t *testing.T) {
	s := pool(began, 30)
	keys := map[string]func(Worker) string{
		"slot":   func(w Worker) string { return fmt.Sprintf("%09d", w.Slot) },
		"pid":    func(w Worker) string { return fmt.Sprintf("%09d", w.Pid) },
		"state":  func(w Worker) string { return w.State },
		"note":   func(w Worker) string { return w.Note },
		"since":  func(w Worker) string { return w.Since.Format(time.DateTime) },
		"served": func(w Worker) string { return fmt.Sprintf("%09d", w.Served) },
		"cpu":    func(w Worker) string { return fmt.Sprintf("%09.3f", w.CPUShare+1) },
		"memory": func(w Worker) string { return fmt.Sprintf("%019d", w.RSS) },
	}
	for by, key := range keys {
		for _, descend := range []bool{false, true} {
			var got []string
			for _, slot := range slots(shownRows(t, get(t, s, "?sort="+by+"&order="+order(descend)))) {
				var i int
				_, _ = fmt.Sscan(slot, &i)
				got = append(got, key(s.Workers[i]))
			}
			if descend {
				slices.Reverse(got)
			}
			if len(got) != 30 || !slices.IsSorted(got) {
				t.Error(by, descend, got)
			}
		}
	}
	if first := slots(shownRows(t, get(t, s, "?sort=cpu")))[0]; first != "29" {
		t.Error("who asks for the processor's time wants the most of it first, not", first)
	}
	if first := slots(shownRows(t, get(t, s, "?sort=%00&order=x&state=y")))[0]; first != "0" {
		t.Error(first)
	}
}

func TestPageFilters(t *testing.T) {
	s := pool(began, 30)
	for query, want := range map[string][]string{
		"?filter=get+/13":                           {"13"},
		"?filter=GET+/2&state=":                     {"21", "25", "29"},
		"?filter=serve&state=idle":                  nil,
		"?filter=" + strings.Repeat("%C3%A4", 4000): nil,
	} {
		root := get(t, s, query)
		if got := slots(shownRows(t, root)); !slices.Equal(got, want) {
			t.Error(query, got)
		}
		if want == nil && text(byID(t, root)["none"]) != "No worker is like that." {
			t.Error(query, "says nothing")
		}
	}
	if got := shownRows(t, get(t, s, "?state=busy")); len(got) != 8 {
		t.Error(got)
	}
	ids := byID(t, get(t, s, "?filter=a%26b&state=busy&sort=cpu&order=desc"))
	for n := range ids["table"].Descendants() {
		if link := attribute(n, "href"); n.Data == "a" && !strings.HasPrefix(link, "?filter=a%26b&order=") {
			t.Error("the link forgets what is shown:", link)
		}
	}
}

func TestRowsStay(t *testing.T) {
	s := pool(began, 4)
	before := newRows(s.Workers, nil)
	workers := slices.Clone(s.Workers[1:])
	workers[0].Since = workers[0].Since.Add(3 * time.Millisecond) // Read from another clock.
	workers[1].Served++
	slices.Reverse(workers)
	after := newRows(append(workers, workers[0]), before)
	if len(after) != 3 || after[0] != before[1] || after[1] == before[2] || after[2] != before[3] {
		t.Error(after)
	}
}

func TestHistory(t *testing.T) {
	var h history
	at := began
	for i := range 2000 {
		s := pool(at, 8)
		s.State.Accepted, s.State.Served = int64(i*100), int64(i*50)
		s.Waits.Counts[4], s.Waits.Sum = uint64(i*10), uint64(i*10)*7e6
		h.add(s)
		close := pool(at.Add(nearest/2), 8)
		h.add(close)
		at = at.Add(time.Second)
	}
	last, ok := h.latest()
	if !ok || len(h.points) != 901 || cap(h.points) > 4000 {
		t.Error(len(h.points), cap(h.points))
	}
	if last.accepted != 100 || last.served != 50 || last.busy != 2 || last.workers != 8 ||
		math.Abs(last.mean-0.007) > 1e-9 || last.tail != 0.005+0.005*0.95 {
		t.Error(last)
	}
	h.add(&Snapshot{At: at})
	h.add(pool(at.Add(time.Second), 8)) // Another one, perhaps: it has served less.
	if p, _ := h.latest(); p.accepted != 0 || p.busy != 2 {
		t.Error(p)
	}
}

func TestPercentile(t *testing.T) {
	h := board.Histogram{}
	if percentile(&h, 0.95) != 0 || average(&h) != 0 {
		t.Error("nothing has no percentile")
	}
	h.Counts[15] = 7
	if percentile(&h, 0.95) != 30 {
		t.Error(percentile(&h, 0.95))
	}
	if since(&board.Histogram{Sum: 1}, &board.Histogram{}) != (board.Histogram{}) {
		t.Error("a histogram that was begun anew")
	}
}

func TestPlots(t *testing.T) {
	d := newDrawing([]point{{at: began.Add(-time.Second), accepted: 1499}, {at: began, accepted: 2, mean: 0.00204}}, began)
	texts := map[string]string{}
	d.texts(texts)
	if texts["rate-top"] != "2,000" || texts["wait-top"] != "4" || texts["wait-middle"] != "2" ||
		texts["rate-lines@transform"] != "matrix(1 0 0 -0.05 -900 100)" {
		t.Error(texts)
	}
	if got := d.pointsFrom(0, &plots[0].Lines[0]); got != "1799,1499 1800,2" {
		t.Error(got)
	}
	for value, want := range map[float64]string{0: "0", 0.26: "0.3", 9.97: "10", 1234.5: "1,235"} {
		if rate(value) != want {
			t.Error(rate(value), want)
		}
	}
	for value, want := range map[float64]string{0: "0 s", 0.00123: "1.23 ms", 0.25: "250 ms", 75: "1 m 15 s", 7260: "2 h 01 m"} {
		if span(value) != want {
			t.Error(span(value), want)
		}
	}
}

// applied does what page.js does with an event.
func applied(t *testing.T, state map[string]string, data []byte) {
	t.Helper()
	var e struct {
		Full  bool
		Texts map[string]string
		Rows  [][]any
		Gone  []int
		Lists map[string][][2]string
	}
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("data: ")), &e); err != nil {
		t.Fatal(err)
	}
	if e.Full {
		clear(state)
	}
	for id, text := range e.Texts {
		state[id] = text
	}
	for _, row := range e.Rows {
		for i := 1; i < len(row); i += 2 {
			state[fmt.Sprint("row ", row[0], " ", row[i])] = row[i+1].(string)
		}
	}
	for id := range state {
		for _, slot := range e.Gone {
			if strings.HasPrefix(id, fmt.Sprint("row ", slot, " ")) {
				delete(state, id)
			}
		}
	}
	for id, items := range e.Lists {
		state["list "+id] = fmt.Sprint(items)
	}
}

// One after the other, changes lead where all at once does.
func TestChangesAddUp(t *testing.T) {
	page, state, all := NewPage(&staged{}), map[string]string{}, map[string]string{}
	var before *view
	for i := range 50 {
		s := pool(began.Add(time.Duration(i)*time.Second), 3+i*7%11)
		s.Workers[i%3].Note = fmt.Sprint("step ", i)
		s.Workers = slices.Delete(s.Workers, i%2, i%3+1)
		s.Counters = []counters.Counter{{Name: fmt.Sprint(i / 10), Value: int64(i)}}
		if i%13 == 12 {
			s = &Snapshot{At: s.At, Problem: "away"}
		}
		page.history.add(s)
		now := newView(s, page.history.points, before)
		event, err := changes(before, now).bytes()
		if err != nil {
			t.Fatal(err)
		}
		applied(t, state, event)
		full, _ := changes(nil, newView(s, page.history.points, nil)).bytes()
		applied(t, all, full)
		for id, want := range all {
			if state[id] != want {
				t.Errorf("%d: %s is %q, not %q", i, id, state[id], want)
			}
		}
		for id, text := range state {
			if all[id] != text && text != "" {
				t.Errorf("%d: %s is left: %q", i, id, text)
			}
		}
		before = now
	}
}

// What has not changed isn't told.
func TestChangesAreFew(t *testing.T) {
	before := newView(pool(began, 1000), nil, nil)
	s := pool(began.Add(time.Second), 1000)
	s.Workers[5].Note = "GET /new"
	event, _ := changes(before, newView(s, nil, before)).bytes()
	if len(event) > 400 || !bytes.Contains(event, []byte(`"rows":[[5,4,"GET /new",10,"GET /new (handler serve)"]]`)) {
		t.Errorf("%d bytes: %s", len(event), event)
	}
}

func TestFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Now()
		looker := &staged{now: pool(at, 8)}
		p := NewPage(looker)
		ctx, cancel := context.WithCancel(t.Context())
		go p.Run(ctx)
		synctest.Wait()
		one, err := p.follow(ctx)
		two, _ := p.follow(ctx)
		slow, _ := p.follow(ctx)
		if err != nil || !bytes.Equal(<-one, <-two) {
			t.Error("not the same at first", err)
		}
		for i := range 20 {
			looker.set(pool(at.Add(time.Duration(i+1)*time.Second), 8+i))
			first, second := <-one, <-two
			if &first[0] != &second[0] {
				t.Error("not the same bytes", i)
			}
		}
		told := 0
		for range slow {
			told++
		}
		if told != behind || len(p.followers) != 2 {
			t.Error("who is slow was told", told)
		}
		p.leave(one)
		p.leave(one)
		cancel()
		for range two {
			told++
		}
		synctest.Wait()
		if late, err := p.follow(t.Context()); late != nil || err != nil || len(p.followers) != 0 {
			t.Error("somebody follows what has ended", err)
		}
	})
}

func TestLooksSeldomUnfollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		p := NewPage(lookerFunc(func() *Snapshot { looks.Add(1); return pool(time.Now(), 1) }))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go p.Run(ctx)
		time.Sleep(time.Minute - 1)
		if n := looks.Load(); n != 12 {
			t.Error(n, "in a minute")
		}
		one, _ := p.follow(ctx)
		for range 10 {
			<-one
		}
		looks.Store(0)
		p.leave(one)
		time.Sleep(time.Minute)
		if n := looks.Load(); n > 13 {
			t.Error(n, "in a minute after all have gone")
		}
	})
}

type lookerFunc func() *Snapshot

func (f lookerFunc) Look(context.Context) (*Snapshot, error) { return f(), nil }

func TestTooManyFollowers(t *testing.T) {
	p := NewPage(&staged{now: pool(began, 1)})
	for range mostFollowers {
		if one, err := p.follow(t.Context()); one == nil || err != nil {
			t.Fatal(err)
		}
	}
	server := serve(t, p)
	answer, err := http.Get(server + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Error(answer)
	}
}

func serve(t *testing.T, p *Page) string {
	t.Helper()
	mux := http.NewServeMux()
	p.Register(mux)
	server := httptest.NewServer(mux)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { p.Run(ctx); close(over) }()
	t.Cleanup(func() { cancel(); <-over; server.Close() })
	return server.URL
}

func TestEvents(t *testing.T) {
	looker := &staged{now: pool(time.Now(), 8)}
	server := serve(t, NewPage(looker))
	answer, err := http.Get(server + "/events")
	if err != nil || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(answer, err)
	}
	defer func() { _ = answer.Body.Close() }()
	lines := bufio.NewReader(answer.Body)
	if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, `data: {"full":true`) {
		t.Error(line, err)
	}
	s := pool(time.Now().Add(time.Second), 8)
	s.Workers[1].Note = "something new"
	looker.set(s)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "something new") {
			break
		}
	}
}

func TestParts(t *testing.T) {
	server := serve(t, NewPage(&staged{now: pool(began, 1)}))
	foreign := regexp.MustCompile(`https?://|innerHTML|@import`)
	for name, kind := range map[string]string{"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"} {
		answer, err := http.Get(server + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		namespace := []byte("http://www.w3.org/2000/svg")
		if !strings.HasPrefix(answer.Header.Get("Content-Type"), kind) || foreign.Match(bytes.ReplaceAll(content, namespace, nil)) {
			t.Error(name, answer.Header)
		}
		request, _ := http.NewRequest("GET", server+"/"+name, nil)
		request.Header.Set("If-None-Match", answer.Header.Get("ETag"))
		again, err := http.DefaultClient.Do(request)
		if err != nil || again.StatusCode != http.StatusNotModified {
			t.Error(name, again, err)
		}
		_ = again.Body.Close()
	}
}

func BenchmarkPage(b *testing.B) {
	s := pool(began, 1000)
	points := make([]point, 900)
	for i := range points {
		points[i] = point{at: began.Add(time.Duration(i-899) * time.Second), accepted: 1234.5, served: 1230.25}
	}
	for b.Loop() {
		var text bytes.Buffer
		if err := render(&text, newView(s, points, nil), newChoice(url.Values{"sort": {"cpu"}})); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(text.Len()))
	}
}

func BenchmarkEvent(b *testing.B) {
	all := [2]*Snapshot{pool(began, 1000), pool(began.Add(time.Second), 1000)}
	for i := range 50 {
		all[1].Workers[i].Served++
	}
	before := newView(all[0], nil, nil)
	for i := 0; b.Loop(); i++ {
		now := newView(all[(i+1)%2], nil, before)
		if _, err := changes(before, now).bytes(); err != nil {
			b.Fatal(err)
		}
		before = now
	}
}
