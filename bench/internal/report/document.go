package report

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"socketserver/bench/internal/result"
	"socketserver/bench/internal/scenario"
	"socketserver/bench/internal/server"
)

//go:embed performance.md.tmpl
var performanceTemplate string

// document is what the template sees. Each method is one thing that its prose
// may speak of; the prose holds no number of its own but of what is measured no
// more: trials that were dropped, an earlier build.
type document struct {
	sets Sets
}

// Write writes performance.md and plots/ into a folder.
func Write(dir string, sets Sets) error {
	parsed, err := template.New("performance.md").Option("missingkey=error").Parse(performanceTemplate)
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := parsed.Execute(&text, document{sets}); err != nil {
		return err
	}
	if err := writePlots(filepath.Join(dir, "plots"), sets); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "performance.md"), []byte(text.String()), 0o644)
}

// Table returns a scenario's table in Markdown.
func (d document) Table(name string) string {
	return markdown(Cells(d.sets[name]))
}

// Costs returns the table of where a scenario's processor time goes.
func (d document) Costs(name string) string {
	return markdown(costCells(d.sets[name]))
}

func markdown(table [][]string) string {
	var out strings.Builder
	width := len(table[0])
	writeRow(&out, table[0])
	rule := []string{"---"}
	for range width - 1 {
		rule = append(rule, "---:")
	}
	writeRow(&out, rule)
	for _, cells := range table[1:] {
		if len(cells) > width { // the reason why it could not run
			cells[width-1] = cells[width]
		}
		writeRow(&out, cells[:width])
	}
	return strings.TrimSpace(out.String())
}

func writeRow(out *strings.Builder, cells []string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

// Goals returns the goals' table in Markdown.
func (d document) Goals() string {
	var out strings.Builder
	writeRow(&out, []string{"what", "goal", "measured", "verdict", "in CPU"})
	writeRow(&out, []string{"---", "---", "---", "---", "---:"})
	for _, g := range Goals(d.sets) {
		writeRow(&out, []string{g.What, g.Goal, g.Measured, g.Verdict, g.InCPU})
	}
	return strings.TrimSpace(out.String())
}

// Machine describes the machine.
func (d document) Machine() result.Machine {
	return d.any().Machine
}

// Date returns the day of the run.
func (d document) Date() string {
	return d.any().Run.Format(time.DateOnly)
}

// any returns some set: they agree on what is common to the run.
func (d document) any() result.Set {
	return d.sets[scenario.Throughput]
}

// Set returns a scenario's result, for its rounds and window.
func (d document) Set(name string) result.Set {
	return d.sets[name]
}

// row returns a case that was measured.
func (d document) row(scenario, contestant string, workers int) (result.Row, error) {
	row, ok := d.sets.find(scenario, contestant, workers)
	if !ok {
		return row, fmt.Errorf("%s was not measured with %d workers in %s", contestant, workers, scenario)
	}
	return row, nil
}

// fieldsByName are the fields as the template calls them.
var fieldsByName = map[string]struct {
	field result.Field
	write func(float64) string
}{
	"conn/s":     {result.ConnPerSec, thousands},
	"cpu":        {result.CPUMicros, significant},
	"switches":   {result.Switches, significant},
	"p50":        {result.P50, significant},
	"p99":        {result.P99, significant},
	"p99.9":      {result.P999, significant},
	"pss":        {result.PSS, megabytes},
	"idle pss":   {result.IdlePSS, megabytes},
	"seconds":    {result.Seconds, func(s float64) string { return fmt.Sprintf("%.1f", s) }},
	"slow":       {result.SlowSeconds, func(s float64) string { return fmt.Sprintf("%.1f", s) }},
	"client cpu": {result.ClientCPU, significant},
	"kernel":     {result.Part(server.WorkKernel), significant},
	"Tcl":        {result.Part(server.WorkTcl), significant},
	"libc":       {result.Part(server.WorkLibc), significant},
	"own":        {result.Part(server.WorkOwn), significant},
}

// Number returns the median of a field of a case, or a dash when it could not
// run.
func (d document) Number(field, scenario, contestant string, workers int) (string, error) {
	f, ok := fieldsByName[field]
	if !ok {
		return "", fmt.Errorf("no field %q", field)
	}
	row, err := d.row(scenario, contestant, workers)
	if err != nil {
		return "-", nil
	}
	return f.write(row.Median(f.field)), nil
}

// Times returns how many times as large a field is for one case as for
// another, or a dash when one of them could not run.
func (d document) Times(field, scenario, one string, oneWorkers int, other string, otherWorkers int) (string, error) {
	f, ok := fieldsByName[field]
	if !ok {
		return "", fmt.Errorf("no field %q", field)
	}
	first, err := d.row(scenario, one, oneWorkers)
	second, errSecond := d.row(scenario, other, otherWorkers)
	if err != nil || errSecond != nil {
		return "-", nil
	}
	return significant(first.Median(f.field) / second.Median(f.field)), nil
}

// Most returns how many connections a second the machine has processor time
// for, if the load generator takes what it takes and the server what it took in
// a case; with no contestant, a server that takes none.
func (d document) Most(client, contestant string, workers int) (string, error) {
	row, err := d.row(scenario.Throughput, client, workers)
	if err != nil {
		return "-", nil
	}
	cost := row.Median(result.ClientCPU)
	if contestant != "" {
		other, err := d.row(scenario.Throughput, contestant, workers)
		if err != nil {
			return "-", nil
		}
		cost += other.Median(result.CPUMicros)
	}
	return thousands(float64(d.Machine().CPUs) * 1e6 / cost), nil
}

// Room returns how many microseconds a connection may cost more than in a case
// and still be served as often as this part of it, on a machine that has nothing
// left to do.
func (d document) Room(part float64, contestant string, workers int) (string, error) {
	row, err := d.row(scenario.Throughput, contestant, workers)
	if err != nil {
		return "-", nil
	}
	cost := row.Median(result.CPUMicros) + row.Median(result.ClientCPU)
	return significant(cost/part - cost), nil
}

// Clients returns how many connections a closed loop keeps open.
func (d document) Clients() int {
	return scenario.Clients
}

// Threads returns how many threads the load generator had.
func (d document) Threads() int {
	return d.any().Threads
}
