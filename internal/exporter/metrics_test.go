package exporter

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"socketserver/internal/answers"
	"socketserver/internal/counters"
)

// fixed is a Looker that always sees the same.
type fixed struct{ *Snapshot }

func (f fixed) Look(context.Context) (*Snapshot, error) { return f.Snapshot, nil }

func gather(s *Snapshot) ([]*dto.MetricFamily, error) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newCollector(fixed{s}))
	return registry.Gather()
}

// sample is a Snapshot with all that there can be.
func sample(t testing.TB) *Snapshot {
	t.Helper()
	state, err := answers.ReadState([]byte(strings.Replace(strings.Replace(statusJSON, "%d", "4711", 1), "%q", `"ready"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	s := &Snapshot{At: time.Now(), Up: true, State: state, Status: []byte(`{"version":"2.1.0"}`), Counters: []counters.Counter{{Name: `a "b"`, Value: -5}}}
	for slot, name := range []string{"busy", "busy", "idle", "retiring"} {
		s.Workers = append(s.Workers, Worker{Slot: slot, Pid: 100 + slot, Generation: 2 - slot/3, State: name, Since: s.At,
			CPU: time.Second, slotCPU: 1500 * time.Millisecond, CPUShare: 0.25, RSS: 1 << 20, PSS: 1 << 19})
	}
	w := &s.Workers[1]
	w.CPU, w.slotCPU, w.CPUShare, w.RSS, w.PSS = -1, -1, -1, -1, -1
	for i := range s.Waits.Counts {
		s.Waits.Counts[i], s.Handled.Counts[i] = uint64(i), 2
	}
	s.Waits.Sum, s.Handled.Sum = 1500e6, 3e9
	return s
}

// exposition is what Prometheus reads.
func exposition(t testing.TB, s *Snapshot) string {
	t.Helper()
	families, err := gather(s)
	if err != nil {
		t.Fatal(err)
	}
	var to bytes.Buffer
	encoder := expfmt.NewEncoder(&to, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			t.Fatal(err)
		}
	}
	return to.String()
}

func TestMetrics(t *testing.T) {
	got := exposition(t, sample(t))
	for _, line := range []string{
		"up 1", `info{version="2.1.0"} 1`, "ready 1", `listener{listener="unix:/run/a.sock"} 1`,
		"connections_accepted_total 100", "connections_handed_over_total 9", "connections_resumed_total 8", "connections_served_total 32",
		"connections_lost_total 1", `connections_shed_total{reason="queuetime"} 11`, `connections_shed_total{reason="maxqueue"} 12`,
		`connections_refused_total{reason="rateperaddr"} 15`, `connections_expired_total{reason="firstbyte"} 17`,
		"connections_gone_total 13", "connections_malformed_total 20", "connections_probes_total 21",
		"queue_connections 6", "queue_oldest_seconds 0.5", "queue_full_total 2",
		`queue_wait_seconds_bucket{le="0.0005"} 0`, `queue_wait_seconds_bucket{le="0.005"} 6`, `queue_wait_seconds_bucket{le="30"} 105`,
		`queue_wait_seconds_bucket{le="+Inf"} 120`, "queue_wait_seconds_sum 1.5", "queue_wait_seconds_count 120",
		"handler_seconds_sum 3", "handler_seconds_count 32", `held{reason="closing"} 5`, "parked 5", "backlog_connections 22",
		"accept_retries_total 3", "accept_pauses_total 4", `datagrams_total{result="dropped"} 25`,
		`workers{generation="2",state="busy"} 2`, `workers{generation="2",state="idle"} 1`, `workers{generation="2",state="starting"} 0`,
		`workers{generation="1",state="retiring"} 1`, "workers_attached 1", "workers_wanted 3", "workers_min 2", "workers_max 32",
		"workers_limit_reached_total 34", "workers_forked_total 26", `worker_exits_total{reason="timeout"} 33`, "generation 2",
		`reloads_total{result="done"} 30`, `reloads_total{result="failed"} 31`,
		`worker_cpu_seconds_total{slot="0"} 1.5`, `worker_resident_memory_bytes{slot="2"} 1.048576e+06`,
		`worker_proportional_memory_bytes{slot="3"} 524288`, `application{counter="a \"b\""} -5`,
	} {
		if !strings.Contains(got, "\nsocketserver_"+line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	if strings.Contains(got, `slot="1"`) || strings.Contains(got, "pid") {
		t.Error("it tells what isn't known, or a process")
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestMetricsOfNobody(t *testing.T) {
	if got := exposition(t, &Snapshot{}); strings.Count(got, "\n") != 3 || !strings.HasSuffix(got, "\nsocketserver_up 0\n") {
		t.Error(got)
	}
}

func TestMetricsAreAsPrometheusWantsThem(t *testing.T) {
	families, err := gather(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip(err)
	}
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(exposition(t, sample(t)))
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: %v", out, err)
	}
}
