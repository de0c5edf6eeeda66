// Package result is what a run of the benchmark leaves: one file of JSON for
// each scenario.
package result

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"socketserver/bench/internal/server"
	"socketserver/bench/internal/stats"
)

// Points are the percentiles at which Measure.Quantiles samples a distribution
// of latencies.
var Points = []float64{
	0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92, 94, 95, 96, 97, 98, 98.5, 99,
	99.3, 99.5, 99.7, 99.8, 99.9, 100,
}

// Measure is what one round gave for one case. Zero means not measured. Where
// connections stay open, rates, costs and latencies are those of a line.
type Measure struct {
	ConnPerSec  float64                 `json:"connPerSec,omitempty"`
	CPUMicros   float64                 `json:"cpuMicrosPerConn,omitempty"`      // of all server processes
	FirstCPU    float64                 `json:"firstCpuMicrosPerConn,omitempty"` // of the process that accepts
	PartsCPU    map[server.Part]float64 `json:"partsCpuMicrosPerConn,omitempty"` // where it went
	Switches    float64                 `json:"switchesPerConn,omitempty"`
	P50         float64                 `json:"p50ms,omitempty"`
	P99         float64                 `json:"p99ms,omitempty"`
	P999        float64                 `json:"p999ms,omitempty"`
	Quantiles   []float64               `json:"quantilesMs,omitempty"`     // at Points
	IdlePSS     float64                 `json:"idlePssKiB,omitempty"`      // per worker, before the first connection
	PSS         float64                 `json:"pssKiB,omitempty"`          // per worker, after the load
	Seconds     float64                 `json:"seconds,omitempty"`         // until the last connection was over
	SlowSeconds float64                 `json:"slowSeconds,omitempty"`     // the same where clients are slow
	SlowWait    float64                 `json:"slowWaitSeconds,omitempty"` // at most, from such a one's last byte
	ClientCPU   float64                 `json:"clientCpuMicrosPerConn,omitempty"`
	ClientShare float64                 `json:"clientCpuShare,omitempty"` // of the CPUs it has threads for
	Started     int                     `json:"started,omitempty"`
	Served      int                     `json:"served,omitempty"`
	Failures    map[string]int          `json:"failures,omitempty"` // by outcome
	ServedBy    int                     `json:"servedBy,omitempty"` // processes that answered
}

// Failed returns how many connections were not served.
func (m Measure) Failed() int {
	return m.Started - m.Served
}

// Row is one case of a scenario with its rounds.
type Row struct {
	Contestant string    `json:"contestant"`
	Title      string    `json:"title"`
	Workers    int       `json:"workers,omitempty"`
	Clients    int       `json:"clients,omitempty"`
	Lines      int       `json:"lines,omitempty"`
	Note       string    `json:"note,omitempty"`
	Measures   []Measure `json:"rounds,omitempty"`
	Why        string    `json:"why,omitempty"` // it could not run
}

// Field picks one number of a measure.
type Field func(Measure) float64

// The fields that tables and goals speak of.
var (
	ConnPerSec  Field = func(m Measure) float64 { return m.ConnPerSec }
	CPUMicros   Field = func(m Measure) float64 { return m.CPUMicros }
	PerCPUSec   Field = func(m Measure) float64 { return 1e6 / m.CPUMicros }
	FirstCPU    Field = func(m Measure) float64 { return m.FirstCPU }
	OthersCPU   Field = func(m Measure) float64 { return m.CPUMicros - m.FirstCPU }
	Switches    Field = func(m Measure) float64 { return m.Switches }
	P50         Field = func(m Measure) float64 { return m.P50 }
	P99         Field = func(m Measure) float64 { return m.P99 }
	P999        Field = func(m Measure) float64 { return m.P999 }
	IdlePSS     Field = func(m Measure) float64 { return m.IdlePSS }
	PSS         Field = func(m Measure) float64 { return m.PSS }
	Seconds     Field = func(m Measure) float64 { return m.Seconds }
	SlowSeconds Field = func(m Measure) float64 { return m.SlowSeconds }
	SlowWait    Field = func(m Measure) float64 { return m.SlowWait }
	ClientCPU   Field = func(m Measure) float64 { return m.ClientCPU }
)

// Part is the field of what a part of the server costs per connection.
func Part(part server.Part) Field {
	return func(m Measure) float64 { return m.PartsCPU[part] }
}

// Values returns a field of every round.
func (r Row) Values(field Field) []float64 {
	values := make([]float64, len(r.Measures))
	for i, m := range r.Measures {
		values[i] = field(m)
	}
	return values
}

// Median returns the median of a field over the rounds.
func (r Row) Median(field Field) float64 {
	return stats.Median(r.Values(field))
}

// Spread returns the distance between the rounds' extremes, as a part of the
// median.
func (r Row) Spread(field Field) float64 {
	return stats.Spread(r.Values(field))
}

// Failed returns how many connections were not served in all rounds.
func (r Row) Failed() int {
	sum := 0
	for _, m := range r.Measures {
		sum += m.Failed()
	}
	return sum
}

// Started returns how many connections were started in all rounds.
func (r Row) Started() int {
	sum := 0
	for _, m := range r.Measures {
		sum += m.Started
	}
	return sum
}

// Quantiles returns, for each of Points, the median over the rounds.
func (r Row) Quantiles() []float64 {
	medians := make([]float64, len(Points))
	for i := range Points {
		medians[i] = r.Median(func(m Measure) float64 {
			if i < len(m.Quantiles) {
				return m.Quantiles[i]
			}
			return 0
		})
	}
	return medians
}

// Set is a scenario's result.
type Set struct {
	Scenario string        `json:"scenario"`
	Title    string        `json:"title"`
	Run      time.Time     `json:"run"` // when the run began: the same for all sets of it
	Window   time.Duration `json:"windowNs,omitempty"`
	Rounds   int           `json:"rounds"`
	Threads  int           `json:"clientThreads"`
	Machine  Machine       `json:"machine"`
	Rows     []Row         `json:"rows"`
}

// Find returns the row of a case, the first if it met several loads.
func (s Set) Find(contestant string, workers int) (Row, bool) {
	for _, row := range s.Rows {
		if row.Contestant == contestant && row.Workers == workers {
			return row, len(row.Measures) > 0
		}
	}
	return Row{}, false
}

// Write leaves the set in a folder, as SCENARIO.json.
func (s Set) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, s.Scenario+".json"), append(text, '\n'), 0o644)
}

// Read reads the set of a scenario from a folder.
func Read(dir, scenario string) (Set, error) {
	var set Set
	text, err := os.ReadFile(filepath.Join(dir, scenario+".json"))
	if err != nil {
		return set, err
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return set, fmt.Errorf("%s.json: %w", scenario, err)
	}
	return set, nil
}
