package exporter

import (
	"context"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"socketserver/internal/answers"
	"socketserver/internal/board"
)

// Kinds of metrics.
const (
	counter   = prometheus.CounterValue
	gauge     = prometheus.GaugeValue
	untyped   = prometheus.UntypedValue
	histogram = 0
)

// metric is one that is told, with a value for each of its labels' values.
type metric struct {
	kind       prometheus.ValueType
	name, help string
	labels     []string
	tell       func(*Snapshot, *teller)
}

// state is what the server's status says.
type state = answers.State

// byReason are values by that of a label.
type byReason map[string]int64

// one is a metric of the status.
func one(kind prometheus.ValueType, name, help string, value func(*state) int64) metric {
	return metric{kind, name, help, nil, func(s *Snapshot, t *teller) { t.count(value(&s.State)) }}
}

// by is one with a label.
func by(kind prometheus.ValueType, label, name, help string, values func(*state) byReason) metric {
	return metric{kind, name, help, []string{label}, func(s *Snapshot, t *teller) {
		for reason, value := range values(&s.State) {
			t.count(value, reason)
		}
	}}
}

// times is a histogram of the board's.
func times(name, help string, of func(*Snapshot) *board.Histogram) metric {
	return metric{histogram, name, help, nil, func(s *Snapshot, t *teller) { t.times(of(s)) }}
}

// isUp is told of a server that isn't there, too.
var isUp = metric{gauge, "up", "Whether the server answers.", nil, func(s *Snapshot, t *teller) { t.whether(s.Up) }}

// metrics are all others.
var metrics = []metric{
	{gauge, "info", "The server's version; always 1.", []string{"version"}, func(s *Snapshot, t *teller) { t.count(1, s.State.Version) }},
	{gauge, "listener", "A listener of the server's; always 1.", []string{"listener"}, tellListeners},
	{gauge, "ready", "Whether clients may be sent here: the health is \"ready\".", nil, func(s *Snapshot, t *teller) { t.whether(s.State.Health == "ready") }},

	one(counter, "connections_accepted_total", "Connections accepted.", func(s *state) int64 { return s.Accepted }),
	one(counter, "connections_handed_over_total", "Connections put on the queue for the first time.", func(s *state) int64 { return s.HandedOver }),
	one(counter, "connections_resumed_total", "Connections put on the queue again after they were parked.", func(s *state) int64 { return s.Resumed }),
	{counter, "connections_served_total", "Connections that workers have finished, each time of one that is parked or kept; by killed workers, too.", nil,
		func(s *Snapshot, t *teller) { t.tell(float64(sumOf(&s.Handled))) }},
	one(counter, "connections_lost_total", "Connections closed because they could not be handed over by any means.", func(s *state) int64 { return s.Lost }),
	by(counter, "reason", "connections_shed_total", "Connections turned away under overload, by the option that says so.", func(s *state) byReason {
		return byReason{"queuetime": s.Shed.QueueTime, "maxqueue": s.Shed.MaxQueue}
	}),
	by(counter, "reason", "connections_refused_total", "Connections turned away for their address, by the option that says so.", func(s *state) byReason {
		return byReason{"maxperaddr": s.Refused.MaxPerAddr, "rateperaddr": s.Refused.RatePerAddr}
	}),
	by(counter, "reason", "connections_expired_total", "Connections closed because their clients took too long, by what was waited for.", func(s *state) byReason {
		return byReason{"proxy": s.Expired.Proxy, "firstbyte": s.Expired.FirstByte, "head": s.Expired.Head, "parked": s.Expired.Parked}
	}),
	one(counter, "connections_gone_total", "Connections whose clients left before they were served.", func(s *state) int64 { return s.Gone }),
	one(counter, "connections_malformed_total", "Connections closed for want of a good PROXY header.", func(s *state) int64 { return s.Malformed }),
	one(counter, "connections_probes_total", "Connections that ended before their PROXY header.", func(s *state) int64 { return s.Probes }),

	one(gauge, "queue_connections", "Connections that wait on the queue for a worker.", func(s *state) int64 { return s.Queued }),
	{gauge, "queue_oldest_seconds", "For how long the oldest connection on the queue has waited.", nil, func(s *Snapshot, t *teller) { t.tell(s.State.Oldest) }},
	one(counter, "queue_full_total", "Times the queue was full.", func(s *state) int64 { return s.Waits }),
	times("queue_wait_seconds", "How long connections waited for a worker, from ready to taken.", func(s *Snapshot) *board.Histogram { return &s.Waits }),
	times("handler_seconds", "How long workers had connections, each time of one that is parked or kept.", func(s *Snapshot) *board.Histogram { return &s.Handled }),
	by(gauge, "reason", "held", "Connections that no worker has yet, by what they wait for.", func(s *state) byReason {
		h := &s.Holding
		return byReason{"queue": h.Queue, "proxy": h.Proxy, "firstbyte": h.FirstByte, "head": h.Head, "closing": h.Closing}
	}),
	one(gauge, "parked", "Connections parked between two requests.", func(s *state) int64 { return s.Parked }),
	one(gauge, "backlog_connections", "Connections in the system's listen backlog, not accepted yet.", func(s *state) int64 { return s.Backlog }),
	one(counter, "accept_retries_total", "Transient errors of accepting and handing over.", func(s *state) int64 { return s.Retries }),
	one(counter, "accept_pauses_total", "Times accepting paused for want of descriptors or memory.", func(s *state) int64 { return s.Pauses }),
	by(counter, "result", "datagrams_total", "Datagrams that came, of these answered ones, and those that the system dropped.", func(s *state) byReason {
		return byReason{"received": s.Datagrams.Received, "answered": s.Datagrams.Answered, "dropped": s.Datagrams.Dropped}
	}),

	{gauge, "workers", "Workers, by what they do and by their generation.", []string{"state", "generation"}, tellWorkers},
	one(gauge, "workers_attached", "Workers that the server didn't fork.", func(s *state) int64 { return s.Workers.Attached }),
	one(gauge, "workers_wanted", "Workers that the server wants.", func(s *state) int64 { return s.Wanted }),
	one(gauge, "workers_min", "The fewest workers that the server may want.", func(s *state) int64 { return s.MinWorkers }),
	one(gauge, "workers_max", "The most workers that the server may want.", func(s *state) int64 { return s.MaxWorkers }),
	one(counter, "workers_limit_reached_total", "Times more workers would have been wanted than may be.", func(s *state) int64 { return s.LimitReached }),
	one(counter, "workers_forked_total", "Workers forked.", func(s *state) int64 { return s.Forked }),
	by(counter, "reason", "worker_exits_total", "Workers that have ended, by the reason.", func(s *state) byReason { return s.Exits }),
	one(gauge, "generation", "The generation of workers that serves.", func(s *state) int64 { return s.Generation }),
	by(counter, "result", "reloads_total", "Reloads, by how they went.", func(s *state) byReason {
		return byReason{"done": s.Reloads, "failed": s.Failed}
	}),

	ofSlot(counter, "worker_cpu_seconds_total", "Processor time of a slot's workers, as long as the exporter has seen them.", func(w *Worker) float64 { return w.slotCPU.Seconds() }),
	ofSlot(gauge, "worker_resident_memory_bytes", "Memory of a slot's worker (RSS).", func(w *Worker) float64 { return float64(w.RSS) }),
	ofSlot(gauge, "worker_proportional_memory_bytes", "Memory of a slot's worker, its part of what processes share (PSS).", func(w *Worker) float64 { return float64(w.PSS) }),

	{untyped, "application", "The application's counters.", []string{"counter"}, func(s *Snapshot, t *teller) {
		for _, c := range s.Counters {
			t.count(c.Value, c.Name)
		}
	}},
}

// ofSlot is a metric of a worker's process, where it is known.
func ofSlot(kind prometheus.ValueType, name, help string, value func(*Worker) float64) metric {
	return metric{kind, name, help, []string{"slot"}, func(s *Snapshot, t *teller) {
		for i := range s.Workers {
			w := &s.Workers[i]
			if known := value(w); known >= 0 {
				t.tell(known, strconv.Itoa(w.Slot))
			}
		}
	}}
}

func tellListeners(s *Snapshot, t *teller) {
	told := map[string]bool{}
	for _, l := range s.State.Listeners {
		if !told[l.Name] {
			told[l.Name] = true
			t.count(1, l.Name)
		}
	}
}

// tellWorkers tells each state of the generation that serves, and of others what
// there is.
func tellWorkers(s *Snapshot, t *teller) {
	type group struct {
		state      string
		generation int64
	}
	groups := map[group]int64{}
	for _, name := range stateNames {
		groups[group{name, s.State.Generation}] = 0
	}
	for i := range s.Workers {
		w := &s.Workers[i]
		groups[group{w.State, int64(w.Generation)}]++
	}
	for g, n := range groups {
		t.count(n, g.state, strconv.FormatInt(g.generation, 10))
	}
}

// collector tells how a server stands, for Prometheus.
type collector struct {
	look  Looker
	descs map[string]*prometheus.Desc
}

func newCollector(look Looker) *collector {
	c := &collector{look, map[string]*prometheus.Desc{}}
	for _, m := range append([]metric{isUp}, metrics...) {
		c.descs[m.name] = prometheus.NewDesc("socketserver_"+m.name, m.help, m.labels, nil)
	}
	return c
}

// Describe is called once, by who collects.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		to <- desc
	}
}

// Collect is called for each scrape.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s, err := c.look.Look(context.Background())
	if err != nil {
		s = &Snapshot{}
	}
	told := []metric{isUp}
	if s.Up {
		told = append(told, metrics...)
	}
	for _, m := range told {
		m.tell(s, &teller{to, c.descs[m.name], m.kind})
	}
}

// teller gives the values of a metric away.
type teller struct {
	to   chan<- prometheus.Metric
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func (t *teller) tell(value float64, labels ...string) {
	t.to <- prometheus.MustNewConstMetric(t.desc, t.kind, value, labels...)
}

func (t *teller) count(value int64, labels ...string) {
	t.tell(float64(value), labels...)
}

func (t *teller) whether(is bool) {
	value := int64(0)
	if is {
		value = 1
	}
	t.count(value)
}

// times tells a histogram: on the board each time is counted once, here for all
// bounds that are above it.
func (t *teller) times(h *board.Histogram) {
	buckets := make(map[float64]uint64, len(board.Bounds))
	below := uint64(0)
	for i, bound := range board.Bounds {
		below += h.Counts[i]
		buckets[bound] = below
	}
	t.to <- prometheus.MustNewConstHistogram(t.desc, sumOf(h), float64(h.Sum)/1e9, buckets)
}
