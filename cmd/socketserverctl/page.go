package main

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"

	"socketserver/internal/answers"
)

// page is what "top" shows at a time.
type page struct {
	before, now *sample // Before may be nil.
	order       int
	problem     error // Why there is no newer sample.
	keys        bool  // Somebody can press them.
	from        int   // The first row shown.
}

// lines makes the lines of a page; height 0 is without bounds.
func (p *page) lines(width, height int) []string {
	lines := p.head()
	all := rows(p.before, p.now)
	sortRows(all, p.order)
	most := len(all)
	if height > 0 {
		most = max(height-len(lines)-2, 0)
	}
	p.from = max(min(p.from, len(all)-most), 0)
	shown := all[p.from:min(p.from+most, len(all))]
	lines = append(lines, table(shown)...)
	if height > 0 {
		rest := ""
		if len(shown) < len(all) {
			rest = fmt.Sprintf("%d to %d of %d workers; j and k move", p.from+1, p.from+len(shown), len(all))
		}
		lines = append(lines, rest)
		lines = lines[:min(len(lines), height)]
		for i := range lines {
			lines[i] = clip(lines[i], width)
		}
	}
	return lines
}

// head is what stands above the table.
func (p *page) head() []string {
	s, w := &p.now.state, &p.now.state.Workers
	rate := func(then func(*answers.State) int64) string {
		if p.before == nil {
			return "-"
		}
		return decimal(perSecond(p.before, p.now, then(&p.before.state), then(s)))
	}
	head := []string{
		fmt.Sprintf("%s  %s: %s, process %d, CPU %s%%  memory %s", p.now.at.Format("15:04:05"), name(s.Name), name(s.Health),
			s.Pid, decimal(percent(p.before, p.now, s.Pid)), p.now.memory(s.Pid)),
		fmt.Sprintf("workers      %d busy, %d idle, %d starting, %d retiring, %d attached; %d wanted, generation %d",
			w.Busy, w.Idle, w.Starting, w.Retiring, w.Attached, s.Wanted, s.Generation),
		fmt.Sprintf("connections  %s/s accepted, %s/s served; %d queued (%s), %d parked, %d lost",
			rate(func(s *answers.State) int64 { return s.Accepted }), rate(func(s *answers.State) int64 { return s.Served }),
			s.Queued, span(s.Oldest), s.Parked, s.Lost),
	}
	switch {
	case p.problem != nil:
		return append(head, "no newer page: "+clean(strings.Join(strings.Fields(p.problem.Error()), " ")))
	case p.keys:
		return append(head, p.help())
	}
	return append(head, "by "+orders[p.order].name)
}

// help says what keys do; it fits 80 columns. A star is where they lead now.
func (p *page) help() string {
	var help strings.Builder
	help.WriteString("q quit")
	for i, order := range orders {
		star := ' '
		if i == p.order {
			star = '*'
		}
		fmt.Fprintf(&help, " %c%c %s", star, order.key, order.name)
	}
	return help.String()
}

func (s *sample) memory(pid int) string {
	if l, ok := s.loads[pid]; ok {
		return size(l.Resident)
	}
	return "-"
}

// table is the heading, and a line for each row.
func table(shown []row) []string {
	var text bytes.Buffer
	to := tabwriter.NewWriter(&text, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(to, "PID\tSLOT\tGEN\tCPU%\tMEM\tSERVED\tRATE\tCONN\tAGE\t")
	for i := range shown {
		r := &shown[i]
		memory := "-"
		if r.memory >= 0 {
			memory = size(r.memory)
		}
		fmt.Fprintf(to, "%d\t%d\t%d\t%s\t%s\t%d\t%s\t%d\t%s\t\n", r.Pid, r.Slot, r.Generation, decimal(r.cpu),
			memory, r.Served, decimal(r.rate), r.Connections, span(r.Age))
	}
	_ = to.Flush()
	left := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")

	text.Reset()
	to = tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	fmt.Fprintln(to, "STATE\tLISTENER\tCLIENT\tNOTE\tHANDLER")
	for i := range shown {
		r := &shown[i]
		fmt.Fprintf(to, "%s\t%s\t%s\t%s\t%s\n", name(r.StateText()), name(r.Listener), name(r.Client()), name(r.Note),
			name(r.Handler))
	}
	_ = to.Flush()
	right := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	for i := range left {
		left[i] += "  " + right[i]
	}
	return left
}

// decimal is a number of which one digit after the point is enough; a negative
// one isn't known.
func decimal(n float64) string {
	switch {
	case n < 0:
		return "-"
	case n < 99.95:
		return fmt.Sprintf("%.1f", n)
	}
	return fmt.Sprintf("%.0f", n)
}
