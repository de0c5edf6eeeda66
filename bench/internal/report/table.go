package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"text/tabwriter"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/result"
	"socketserver/bench/internal/scenario"
	"socketserver/bench/internal/server"
)

// column is one column of a scenario's table.
type column struct {
	title string
	cell  func(result.Row) string
}

// The columns that tables are made of.
var (
	workersColumn  = column{"workers", func(r result.Row) string { return countOrDash(r.Workers) }}
	clientsColumn  = column{"clients", func(r result.Row) string { return countOrDash(r.Clients) }}
	linesColumn    = column{"lines", func(r result.Row) string { return countOrDash(r.Lines) }}
	noteColumn     = column{"handler", func(r result.Row) string { return r.Note }}
	rateColumn     = column{"conn/s", func(r result.Row) string { return thousands(r.Median(result.ConnPerSec)) }}
	spreadColumn   = column{"spread", func(r result.Row) string { return percent(r.Spread(result.ConnPerSec)) }}
	cpuColumn      = column{"CPU us/conn", func(r result.Row) string { return significant(r.Median(result.CPUMicros)) }}
	firstCPUColumn = column{"the process that accepts", func(r result.Row) string { return significant(r.Median(result.FirstCPU)) }}
	othersColumn   = column{"the workers", func(r result.Row) string { return significant(r.Median(result.OthersCPU)) }}
	clientColumn   = column{"load generator", func(r result.Row) string { return significant(r.Median(result.ClientCPU)) }}
	switchColumn   = column{"switches/conn", func(r result.Row) string { return significant(r.Median(result.Switches)) }}
	p50Column      = column{"p50 ms", func(r result.Row) string { return significant(r.Median(result.P50)) }}
	p99Column      = column{"p99 ms", func(r result.Row) string { return significant(r.Median(result.P99)) }}
	p999Column     = column{"p99.9 ms", func(r result.Row) string { return significant(r.Median(result.P999)) }}
	idlePSSColumn  = column{"idle PSS MB", func(r result.Row) string { return megabytes(r.Median(result.IdlePSS)) }}
	pssColumn      = column{"PSS MB", func(r result.Row) string { return megabytes(r.Median(result.PSS)) }}
	secondsColumn  = column{"seconds", func(r result.Row) string { return fmt.Sprintf("%.2f", r.Median(result.Seconds)) }}
	lengthyColumn  = column{"lengthy action, s", func(r result.Row) string { return twoDigits(r.Median(result.Seconds)) }}
	slowColumn     = column{"slow connection, s", func(r result.Row) string { return twoDigits(r.Median(result.SlowSeconds)) }}
	slowWaitColumn = column{"longest wait of a slow one, s", func(r result.Row) string { return slowWait(r) }}
	millisColumn   = column{"ms", func(r result.Row) string { return significant(r.Median(result.Seconds) * 1000) }}
	failedColumn   = column{"failed", func(r result.Row) string { return failures(r) }}
	startedColumn  = column{"connections", func(r result.Row) string { return thousands(float64(r.Started())) }}
	p99Spread      = column{"spread", func(r result.Row) string { return percent(r.Spread(result.P99)) }}
	linesPerSec    = column{"lines/s", func(r result.Row) string {
		return thousands(r.Median(result.ConnPerSec) * float64(r.Lines))
	}}
)

// columns returns what a scenario's table shows beside the contestant.
func columns(name string) []column {
	switch name {
	case scenario.Throughput:
		return []column{workersColumn, rateColumn, spreadColumn, cpuColumn, switchColumn, p50Column, p99Column, p999Column, pssColumn, failedColumn}
	case scenario.OpenLoop:
		return []column{workersColumn, p50Column, p99Column, p99Spread, p999Column, cpuColumn, switchColumn, failedColumn}
	case scenario.KeptOpen:
		return []column{workersColumn, linesColumn, rateColumn, spreadColumn, linesPerSec, cpuColumn, switchColumn, failedColumn}
	case scenario.StayOpen:
		return []column{workersColumn, clientsColumn, per("line", rateColumn), spreadColumn, per("line", cpuColumn),
			per("line", switchColumn), p50Column, p99Column, failedColumn}
	case scenario.Lengthy:
		return []column{workersColumn, secondsColumn, failedColumn}
	case scenario.Slow:
		return []column{workersColumn, noteColumn, secondsColumn, failedColumn}
	case scenario.Ways:
		return []column{workersColumn, lengthyColumn, slowColumn, slowWaitColumn, failedColumn}
	case scenario.Programs: // no switches: those of a program that a worker reaped are in no account of the server's
		return []column{workersColumn, rateColumn, spreadColumn, cpuColumn, p50Column, p99Column, failedColumn}
	case scenario.Datagrams:
		return []column{workersColumn, per("datagram", rateColumn), spreadColumn, per("datagram", cpuColumn),
			per("datagram", switchColumn), p50Column, p99Column, failedColumn}
	case scenario.Forks:
		return []column{workersColumn, startedColumn, failedColumn, rateColumn, p50Column, p99Column, p999Column}
	case scenario.Profile:
		return []column{workersColumn, cpuColumn, partColumn("accept, in the kernel", server.AcceptKernel),
			partColumn("accept, in user mode", server.AcceptUser), partColumn("workers, in the kernel", server.WorkKernel),
			partColumn("in Tcl", server.WorkTcl), partColumn("in the C library", server.WorkLibc),
			partColumn("in their own code", server.WorkOwn)}
	case scenario.Memory:
		return []column{workersColumn, idlePSSColumn, pssColumn}
	default:
		return []column{millisColumn}
	}
}

// partColumn is the column of what a part of the server costs per connection.
func partColumn(title string, part server.Part) column {
	return column{title, func(r result.Row) string { return significant(r.Median(result.Part(part))) }}
}

// per is a column where what was counted are no connections.
func per(what string, c column) column {
	return column{strings.NewReplacer("conn/s", what+"s/s", "/conn", "/"+what).Replace(c.title), c.cell}
}

// Cells returns a scenario's table, its head first. A row that could not run
// has its reason instead of numbers.
func Cells(set result.Set) [][]string {
	return cells(set, columns(set.Scenario))
}

// costCells returns the table that tells where a scenario's processor time
// goes, of the contestants that hand connections over.
func costCells(set result.Set) [][]string {
	set.Rows = slices.DeleteFunc(slices.Clone(set.Rows), func(r result.Row) bool {
		return !slices.Contains([]string{contest.OursEvent, contest.OursAccept, contest.Polled, contest.CBroker, contest.Node}, r.Contestant)
	})
	return cells(set, []column{workersColumn, cpuColumn, firstCPUColumn, othersColumn, clientColumn})
}

func cells(set result.Set, cols []column) [][]string {
	head := []string{firstColumn(set.Scenario)}
	for _, c := range cols {
		head = append(head, c.title)
	}
	table := [][]string{head}
	for _, row := range set.Rows {
		line := []string{row.Title}
		for _, c := range cols {
			line = append(line, cell(row, c))
		}
		if row.Why != "" {
			line = append(line, row.Why)
		}
		table = append(table, line)
	}
	return table
}

// firstColumn names what a scenario's rows are.
func firstColumn(name string) string {
	switch name {
	case scenario.Require:
		return "package"
	case scenario.Ways:
		return "way to serve"
	}
	return "contestant"
}

// cell returns a cell; of a row that could not run, only what identifies it.
func cell(row result.Row, c column) string {
	identifies := slices.Contains(
		[]string{workersColumn.title, clientsColumn.title, linesColumn.title, noteColumn.title}, c.title)
	if len(row.Measures) == 0 && !identifies {
		return "-"
	}
	return c.cell(row)
}

// Table prints a scenario's table.
func Table(out io.Writer, set result.Set) {
	fmt.Fprintf(out, "\n%s: %s (median of %d)\n\n", set.Scenario, set.Title, set.Rounds)
	writer := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, cells := range Cells(set) {
		fmt.Fprintln(writer, strings.Join(cells, "\t"))
	}
	writer.Flush()
}

// failures says how many connections were not served, and what became of them.
func failures(row result.Row) string {
	if row.Failed() == 0 {
		return "0"
	}
	sums := map[string]int{}
	for _, m := range row.Measures {
		for outcome, n := range m.Failures {
			sums[outcome] += n
		}
	}
	var parts []string
	for outcome, n := range sums {
		parts = append(parts, fmt.Sprintf("%d %s", n, outcome))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}

// slowWait is a dash where nobody can be slow; elsewhere nobody may have waited.
func slowWait(r result.Row) string {
	if r.Median(result.SlowSeconds) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", r.Median(result.SlowWait))
}

// twoDigits writes seconds, and those that were not measured as a dash.
func twoDigits(s float64) string {
	if s == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", s)
}

func countOrDash(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

// significant writes a number with three digits that matter, and 0 as a dash:
// it was not measured.
func significant(x float64) string {
	switch {
	case x == 0 || math.IsNaN(x):
		return "-"
	case x >= 100:
		return thousands(x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.2f", x)
	}
}

// thousands writes a whole number with commas.
func thousands(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	digits := strconv.FormatInt(int64(math.Round(x)), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func percent(part float64) string {
	return fmt.Sprintf("%.0f%%", part*100)
}

// megabytes writes KiB as MB of a million bytes.
func megabytes(kib float64) string {
	return significant(kib * 1024 / 1e6)
}
