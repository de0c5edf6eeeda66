package exporter

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The cells of a worker's row, beside its slot; the last ones are what is shown
// of others when they are pointed at. page.js has the same order.
const (
	cellPid = iota
	cellGeneration
	cellState
	cellPeer
	cellNote
	cellSince
	cellServed
	cellCPU
	cellMemory
	cellPeerMore
	cellNoteMore
	cellSinceMore
	cellMemoryMore
	cells
)

// row is what the table shows of a worker.
type row struct {
	worker Worker
	Cells  [cells]string
}

// Slot is which row it is for as long as the page is open.
func (r *row) Slot() int { return r.worker.Slot }

// steady is how far apart two readings of the same time may be.
const steady = 500 * time.Millisecond

// newRows makes rows by slot, those that haven't changed from the ones before.
func newRows(workers []Worker, before []*row) []*row {
	bySlot := func(a, b Worker) int { return cmp.Compare(a.Slot, b.Slot) }
	if !slices.IsSortedFunc(workers, bySlot) {
		workers = slices.SortedStableFunc(slices.Values(workers), bySlot)
	}
	rows := make([]*row, 0, len(workers))
	for _, w := range workers {
		if len(rows) > 0 && rows[len(rows)-1].worker.Slot == w.Slot {
			continue
		}
		for len(before) > 0 && before[0].worker.Slot < w.Slot {
			before = before[1:]
		}
		if len(before) > 0 && before[0].worker.Slot == w.Slot {
			rows = append(rows, before[0].next(w))
			continue
		}
		rows = append(rows, newRow(w))
	}
	return rows
}

// next is the row when its worker does this now.
func (r *row) next(w Worker) *row {
	if w.Pid == r.worker.Pid && w.Since.Sub(r.worker.Since).Abs() < steady {
		w.Since = r.worker.Since
	}
	if w == r.worker {
		return r
	}
	return newRow(w)
}

func newRow(w Worker) *row {
	r := &row{worker: w}
	c := &r.Cells
	c[cellPid] = strconv.Itoa(w.Pid)
	c[cellGeneration] = strconv.Itoa(w.Generation)
	c[cellState] = w.State
	if w.Attached {
		c[cellState] += ", attached"
	}
	c[cellPeer] = w.Peer
	c[cellNote] = w.Note
	c[cellSince], c[cellSinceMore] = moment(w.Since)
	c[cellServed] = strconv.FormatInt(w.Served, 10)
	c[cellCPU] = percent(w.CPUShare)
	c[cellMemory] = mebibytes(w.RSS)
	if w.Listener != "" {
		c[cellPeerMore] = w.Peer + " by listener " + w.Listener
	}
	c[cellNoteMore] = w.Note
	if w.Handler != "" {
		c[cellNoteMore] = strings.TrimSpace(w.Note + " (handler " + w.Handler + ")")
	}
	if w.PSS >= 0 {
		c[cellMemoryMore] = "PSS " + mebibytes(w.PSS) + " MiB"
	}
	return r
}

// moment is a time, short and in full: what never changes while a worker idles.
func moment(at time.Time) (short, full string) {
	if at.IsZero() {
		return unknown, ""
	}
	at = at.Local()
	return at.Format("01-02 15:04:05"), at.Format("2006-01-02 15:04:05 -0700")
}

func percent(share float64) string {
	if share < 0 || math.IsNaN(share) || math.IsInf(share, 0) {
		return unknown
	}
	return strconv.FormatFloat(share*100, 'f', 1, 64)
}

func mebibytes(bytes int64) string {
	if bytes < 0 {
		return unknown
	}
	return strconv.FormatFloat(float64(bytes)/(1<<20), 'f', 1, 64)
}

// together is how many rows a group of the table has. page.css knows its height.
const together = 25

// titled are the cells that have more to say, in the order of what that is.
var titled = [...]int{cellPeerMore: cellPeer, cellNoteMore: cellNote, cellSinceMore: cellSince, cellMemoryMore: cellMemory}

// appendHTML appends the row as html/template would write it: with very many of
// them that takes longer than all the rest of the page.
func (r *row) appendHTML(to []byte) []byte {
	var titles [cellMemory + 1]string
	for more := cellMemory + 1; more < cells; more++ {
		titles[titled[more]] = r.Cells[more]
	}
	to = fmt.Appendf(to, `<tr data-slot="%d" data-state="%s"><th scope="row">%[1]d</th>`, r.Slot(), html.EscapeString(r.worker.State))
	for i, title := range titles {
		to = append(to, "<td"...)
		if title != "" {
			to = append(append(append(to, ` title="`...), html.EscapeString(title)...), '"')
		}
		to = append(append(append(to, '>'), html.EscapeString(r.Cells[i])...), "</td>"...)
	}
	return append(to, "</tr>\n"...)
}

// contains tells whether a row has a text anywhere, whichever case.
func (r *row) contains(lower string) bool {
	if strings.Contains(strconv.Itoa(r.worker.Slot), lower) {
		return true
	}
	for _, text := range r.Cells {
		if strings.Contains(strings.ToLower(text), lower) {
			return true
		}
	}
	return false
}

// column is one that the table has, and can be sorted by.
type column struct {
	Name, Title string
	descends    bool // When it is asked for first.
	compare     func(a, b *Worker) int
}

var columns = []column{
	{"slot", "Slot", false, func(a, b *Worker) int { return 0 }}, // Equal ones go by slot.
	{"pid", "Process", false, func(a, b *Worker) int { return cmp.Compare(a.Pid, b.Pid) }},
	{"generation", "Gen.", false, func(a, b *Worker) int { return cmp.Compare(a.Generation, b.Generation) }},
	{"state", "State", false, func(a, b *Worker) int { return cmp.Compare(a.State, b.State) }},
	{"peer", "Peer", false, func(a, b *Worker) int { return cmp.Compare(a.Peer, b.Peer) }},
	{"note", "Note", false, func(a, b *Worker) int { return cmp.Compare(a.Note, b.Note) }},
	{"since", "Since", false, func(a, b *Worker) int { return a.Since.Compare(b.Since) }},
	{"served", "Requests", true, func(a, b *Worker) int { return cmp.Compare(a.Served, b.Served) }},
	{"cpu", "CPU %", true, func(a, b *Worker) int { return cmp.Compare(a.CPUShare, b.CPUShare) }},
	{"memory", "Memory MiB", true, func(a, b *Worker) int { return cmp.Compare(a.RSS, b.RSS) }},
}

// longestFilter is in bytes.
const longestFilter = 200

// states are those of workers, to choose from.
var states = []string{"busy", "idle", "starting", "retiring"}

// choice is which workers to show, in which order.
type choice struct {
	Sort    *column
	Descend bool
	Filter  string
	State   string // "": any.
}

// newChoice reads a query; what makes no sense there counts as not said.
func newChoice(query url.Values) choice {
	c := choice{Sort: &columns[0], Filter: query.Get("filter"), State: query.Get("state")}
	for i := range columns {
		if columns[i].Name == query.Get("sort") {
			c.Sort = &columns[i]
		}
	}
	switch query.Get("order") {
	case "desc":
		c.Descend = true
	case "asc":
	default:
		c.Descend = c.Sort.descends
	}
	if len(c.Filter) > longestFilter {
		c.Filter = strings.ToValidUTF8(c.Filter[:longestFilter], "")
	}
	if !slices.Contains(states, c.State) {
		c.State = ""
	}
	return c
}

// of are the rows that were chosen.
func (c *choice) of(rows []*row) []*row {
	lower := strings.ToLower(c.Filter)
	chosen := make([]*row, 0, len(rows))
	for _, r := range rows {
		if (c.State == "" || r.worker.State == c.State) && (lower == "" || r.contains(lower)) {
			chosen = append(chosen, r)
		}
	}
	slices.SortStableFunc(chosen, func(a, b *row) int {
		order := cmp.Or(c.Sort.compare(&a.worker, &b.worker), cmp.Compare(a.worker.Slot, b.worker.Slot))
		if c.Descend {
			return -order
		}
		return order
	})
	return chosen
}

// Order is how a column is sorted now, in ARIA's word.
func (c *choice) Order(by string) string {
	switch {
	case by != c.Sort.Name:
		return "none"
	case c.Descend:
		return "descending"
	}
	return "ascending"
}

// Link leads to the same page, sorted by a column: the other way round, where it
// is already.
func (c *choice) Link(by string) string {
	descend := false
	for i := range columns {
		if columns[i].Name == by {
			descend = columns[i].descends
		}
	}
	if by == c.Sort.Name {
		descend = !c.Descend
	}
	query := url.Values{"sort": {by}, "order": {order(descend)}}
	if c.Filter != "" {
		query.Set("filter", c.Filter)
	}
	if c.State != "" {
		query.Set("state", c.State)
	}
	return "?" + query.Encode()
}

// SortName and OrderName go with a form that is sent.
func (c *choice) SortName() string  { return c.Sort.Name }
func (c *choice) OrderName() string { return order(c.Descend) }

func order(descend bool) string {
	if descend {
		return "desc"
	}
	return "asc"
}
