package exporter

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// unknown stands where a figure would.
const unknown = "–"

// view is what the page shows of a moment, all as text: so two of them tell what
// has changed for those who have the page open.
type view struct {
	Up    bool
	Texts map[string]string // By an element's id; by "id@name" its attribute's.
	Rows  []*row            // By slot.
	Lists []list
	drawing
}

// figure is one of the big numbers. A text beside it has its id and "-more".
type figure struct{ ID, Label, Title string }

var figures = []figure{
	{"accepted", "Accepted a second", "Connections that the server has accepted"},
	{"served", "Served a second", "Calls of handlers that have ended"},
	{"wait", "Wait, mean", "How long connections were ready before a worker took them"},
	{"queued", "Queued", "Connections that wait for a worker"},
	{"oldest", "Oldest", "How long the first of those has been waiting"},
	{"backlog", "Backlog", "Connections that the system has and the server has not accepted yet"},
	{"busy", "Busy workers", "Workers that serve somebody"},
	{"idle", "Idle workers", "Workers that wait for a connection"},
	{"held", "Held", "Connections that have yet to send what they must before they are queued"},
	{"parked", "Parked", "Connections between two requests, without a worker"},
	{"shed", "Shed", "Connections that were answered that the server is busy"},
	{"lost", "Lost", "Connections that no worker could be given"},
}

// list is a small table.
type list struct {
	ID, Title, Empty string
	Items            []item
}

type item struct{ Name, Value string }

// newView makes a view of a snapshot; the one before may be nil.
func newView(s *Snapshot, points []point, before *view) *view {
	var rows []*row
	if before != nil {
		rows = before.Rows
	}
	v := &view{
		Up:      s.Up,
		Texts:   map[string]string{},
		Rows:    newRows(s.Workers, rows),
		Lists:   lists(s),
		drawing: newDrawing(points, s.At),
	}
	v.head(s)
	for _, f := range figures {
		v.Texts[f.ID], v.Texts[f.ID+"-more"] = unknown, ""
	}
	v.Texts["oldest@data-level"], v.Texts["busy@data-level"] = "", ""
	if s.Up {
		v.rates(s, points)
		v.connections(s)
		v.workers(s)
	}
	v.drawing.texts(v.Texts)
	return v
}

// head is what stands over everything else.
func (v *view) head(s *Snapshot) {
	t, w := v.Texts, &s.State.Workers
	t["updated"] = s.At.Local().Format(time.TimeOnly)
	t["problem"] = s.Problem
	t["page@data-up"] = strconv.FormatBool(s.Up)
	if !s.Up {
		for _, id := range []string{"version", "pid", "generation", "listeners"} {
			t[id] = unknown
		}
		t["name"], t["title"] = "socketserver", "no server"
		t["state"], t["health"] = "down", unknown
	} else {
		t["name"] = s.State.Name
		t["title"] = fmt.Sprintf("%d of %d busy: %s", w.Busy, len(v.Rows), s.State.Name)
		t["version"] = s.State.Version
		t["pid"] = strconv.Itoa(s.State.Pid)
		t["generation"] = strconv.FormatInt(s.State.Generation, 10)
		t["listeners"] = listening(s)
		t["state"], t["health"] = s.State.State, s.State.Health
	}
	t["state@data-is"], t["health@data-is"] = t["state"], t["health"]
}

// listening names the listeners, each with its addresses.
func listening(s *Snapshot) string {
	var names []string
	for _, l := range s.State.Listeners {
		others := slices.DeleteFunc(slices.Clone(l.Addresses), func(a string) bool { return a == l.Name })
		name := l.Name
		if len(others) > 0 {
			name += " (" + strings.Join(others, ", ") + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func (v *view) rates(s *Snapshot, points []point) {
	t := v.Texts
	t["accepted-more"] = grouped(s.State.Accepted) + " in all"
	t["served-more"] = grouped(s.State.Served) + " in all"
	if len(points) == 0 {
		return
	}
	p := &points[len(points)-1]
	t["accepted"], t["served"] = rate(p.accepted), rate(p.served)
	if p.mean > 0 {
		t["wait"], t["wait-more"] = span(p.mean), "95 % within "+span(p.tail)
	}
}

func (v *view) connections(s *Snapshot) {
	t, state := v.Texts, &s.State
	h, shed := &state.Holding, &state.Shed
	t["queued"] = grouped(state.Queued)
	t["oldest"] = span(state.Oldest)
	if state.Queued > 0 && state.Oldest >= 1 {
		t["oldest@data-level"] = "high"
	}
	t["backlog"] = grouped(state.Backlog)
	t["held"] = grouped(h.Proxy + h.FirstByte + h.Head + h.Closing)
	t["held-more"] = some(item{"proxy", grouped(h.Proxy)}, item{"first byte", grouped(h.FirstByte)},
		item{"head", grouped(h.Head)}, item{"closing", grouped(h.Closing)})
	t["parked"] = grouped(state.Parked)
	t["shed"] = grouped(shed.QueueTime + shed.MaxQueue)
	t["shed-more"] = some(item{"too late", grouped(shed.QueueTime)}, item{"too many", grouped(shed.MaxQueue)})
	t["lost"] = grouped(state.Lost)
}

func (v *view) workers(s *Snapshot) {
	t, w := v.Texts, &s.State.Workers
	t["busy"], t["idle"] = grouped(w.Busy), grouped(w.Idle)
	t["busy-more"] = fmt.Sprintf("of %d", len(v.Rows))
	if s.State.MinWorkers != s.State.MaxWorkers {
		t["busy-more"] += fmt.Sprintf(", %d to %d", s.State.MinWorkers, s.State.MaxWorkers)
	}
	t["idle-more"] = some(item{"starting", grouped(w.Starting)}, item{"retiring", grouped(w.Retiring)})
	if w.Busy > 0 && w.Idle == 0 {
		t["busy@data-level"] = "high"
	}
}

// some are those of the items that aren't zero, in words.
func some(items ...item) string {
	var words []string
	for _, i := range items {
		if i.Value != "0" {
			words = append(words, i.Value+" "+i.Name)
		}
	}
	return strings.Join(words, ", ")
}

// lists are the small tables.
func lists(s *Snapshot) []list {
	c, state := &s.State, list{ID: "pool", Title: "Workers so far", Empty: "Not known."}
	own := list{ID: "counters", Title: "The application's counters", Empty: "None has been counted yet."}
	exits := list{ID: "exits", Title: "Workers' ends by reason", Empty: "None has ended yet."}
	away := list{ID: "away", Title: "Not served", Empty: "Everybody was served."}
	for _, one := range s.Counters {
		own.Items = append(own.Items, item{one.Name, grouped(one.Value)})
	}
	for _, reason := range slices.Sorted(maps.Keys(c.Exits)) {
		exits.add(reason, c.Exits[reason])
	}
	away.add("too long in the queue", c.Shed.QueueTime)
	away.add("queue was full", c.Shed.MaxQueue)
	away.add("too many of an address", c.Refused.MaxPerAddr)
	away.add("too often from an address", c.Refused.RatePerAddr)
	away.add("PROXY header too late", c.Expired.Proxy)
	away.add("malformed PROXY header", c.Malformed)
	away.add("first byte too late", c.Expired.FirstByte)
	away.add("head too late", c.Expired.Head)
	away.add("parked too long", c.Expired.Parked)
	away.add("client had gone", c.Gone)
	away.add("lost", c.Lost)
	if s.Up {
		state.Items = []item{
			{"forked", grouped(c.Forked)}, {"ended", grouped(c.Ended)}, {"died", grouped(c.Died)},
			{"killed", grouped(c.Killed)}, {"attached now", grouped(c.Workers.Attached)},
			{"reloads", grouped(c.Reloads)}, {"failed reloads", grouped(c.Failed)},
			{"limit reached", grouped(c.LimitReached)},
		}
	}
	return []list{own, exits, away, state}
}

// add adds what has happened at all.
func (l *list) add(name string, count int64) {
	if count != 0 {
		l.Items = append(l.Items, item{name, grouped(count)})
	}
}

// grouped is a number with its thousands apart.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func rate(value float64) string {
	if value >= 9.95 || value == 0 {
		return grouped(int64(value + 0.5))
	}
	return strconv.FormatFloat(value, 'f', 1, 64)
}

// span is a time in seconds, for reading.
func span(seconds float64) string {
	switch {
	case seconds <= 0:
		return "0 s"
	case seconds < 0.01:
		return strconv.FormatFloat(seconds*1000, 'f', 2, 64) + " ms"
	case seconds < 1:
		return strconv.FormatFloat(seconds*1000, 'f', 0, 64) + " ms"
	case seconds < 60:
		return strconv.FormatFloat(seconds, 'f', 1, 64) + " s"
	case seconds < 3600:
		return fmt.Sprintf("%d m %02d s", int(seconds)/60, int(seconds)%60)
	}
	hours := min(seconds, 1e12) / 3600
	return fmt.Sprintf("%d h %02d m", int(hours), int(hours*60)%60)
}
