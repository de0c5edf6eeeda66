package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"socketserver/bench/internal/criterion"
	"socketserver/bench/internal/server"
	"socketserver/bench/internal/stats"
	"socketserver/tests/load"
)

// dearest is what a connection may cost where the status is shown, in parts of what
// it costs where not.
const dearest = 1.03

// cost is what connections have cost, in microseconds of CPU each.
type cost struct {
	all, without []float64 // With the exporter, and without it.
	scrapes      int
	whole        load.Result
}

// side is one of the two that are compared.
type side struct {
	open opener
	to   *cost
}

// opener starts a server.
type opener func(ctx context.Context, handler string, options ...string) (*site, error)

// costs asks that who looks costs next to nothing.
func costs(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: fmt.Sprintf("%.0f connections/s, -status and a scrape a second: at most %.2f of the CPU of a connection without, the exporter's included",
		r.rate, dearest)}
	var ours, theirs cost
	sides := []side{{r.open, &ours}, {r.openHidden, &theirs}}
	for range r.rounds {
		for _, one := range sides {
			if err := r.measure(ctx, one.open, one.to); err != nil {
				return got, err
			}
		}
		slices.Reverse(sides) // None is always the first.
	}
	before := stats.Median(theirs.all)
	ratio, alone := stats.Median(ours.all)/before, stats.Median(ours.without)/before
	got.Seen = fmt.Sprintf("ratio %.3f, of each round %.3f, without the exporter's own CPU %.3f; %.1f against %.1f us a connection; spread %.2f and %.2f; %d scrapes",
		ratio, stats.Median(ratios(ours.all, theirs.all)), alone, stats.Median(ours.all), before, stats.Spread(ours.all), stats.Spread(theirs.all), ours.scrapes)
	got.Outcomes = fmt.Sprintf("failed %d of %d, and %d of %d", ours.whole.Failed(), ours.whole.Started, theirs.whole.Failed(), theirs.whole.Started)
	got.OK = ratio <= dearest && ours.whole.Failed()+theirs.whole.Failed() == 0 && ours.scrapes > 0
	return got, nil
}

// ratios are those of each round, in which the machine was the same for both.
func ratios(ours, theirs []float64) []float64 {
	var each []float64
	for i := range ours {
		each = append(each, ours[i]/theirs[i])
	}
	return each
}

// measure adds what connections to one server cost.
func (r run) measure(ctx context.Context, open opener, to *cost) error {
	s, err := open(ctx, "once", "-workers", "4")
	if err != nil {
		return err
	}
	defer s.close()
	plan := load.Plan{Port: s.Port, Rate: r.rate, Prefix: "id ", Lines: 1, Window: time.Second / 2, Timeout: 20 * time.Second}
	if _, err := load.Run(ctx, plan, plan.Threads()); err != nil {
		return err
	}
	plan.Window = 4 * time.Second
	stop := s.scraping()
	before, err := s.spent()
	if err != nil {
		return err
	}
	result, err := load.Run(ctx, plan, plan.Threads())
	if err != nil {
		return err
	}
	after, err := s.spent()
	to.scrapes += stop()
	if err != nil {
		return err
	}
	each := 1e6 / float64(max(result.Answers, 1))
	to.all = append(to.all, (after.all-before.all).Seconds()*each)
	to.without = append(to.without, (after.without-before.without).Seconds()*each)
	to.whole.Add(result.Counts)
	return nil
}

// spending is CPU of a server's processes.
type spending struct{ all, without time.Duration }

func (s *site) spent() (spending, error) {
	usage, err := s.Usage()
	if err != nil {
		return spending{}, err
	}
	exporter := time.Duration(0)
	if pid := s.exporter(); pid != 0 {
		exporter = server.CPU(pid)
	}
	return spending{usage.CPU, usage.CPU - exporter}, nil
}

// scraping asks for the metrics each second, if they are shown, until it is
// stopped, and tells how often they came.
func (s *site) scraping() (stop func() int) {
	quit, count := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				count <- n
				return
			case <-ticker.C:
				if s.status == "" {
					continue
				}
				if _, err := s.get("/metrics"); err == nil {
					n++
				}
			}
		}
	}()
	return func() int {
		close(quit)
		return <-count
	}
}
