package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"socketserver/bench/internal/criterion"
	"socketserver/bench/internal/loading"
	"socketserver/bench/internal/server"
	"socketserver/tests/load"
)

// scrapeConfig has one address looked at each second.
const scrapeConfig = `global:
  scrape_interval: 1s
scrape_configs:
  - job_name: socketserver
    static_configs:
      - targets: [%s]
`

// prometheus is one that runs.
type prometheus struct {
	command *exec.Cmd
	address string
}

// watched starts a Prometheus that scrapes the server.
func (s *site) watched() (*prometheus, error) {
	port, err := server.FreePort()
	if err != nil {
		return nil, err
	}
	config := s.path("prometheus.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, scrapeConfig, s.status), 0o600); err != nil {
		return nil, err
	}
	p := &prometheus{address: fmt.Sprintf("127.0.0.1:%d", port)}
	p.command = exec.Command("prometheus", "--config.file", config, "--storage.tsdb.path", s.path("data"), "--web.listen-address", p.address)
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		if _, err = get("http://" + p.address + "/-/ready"); err == nil {
			return p, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("prometheus doesn't come up: %w", err)
}

func (p *prometheus) stop() {
	kill := time.AfterFunc(10*time.Second, func() { p.command.Process.Kill() })
	defer kill.Stop()
	p.command.Process.Signal(unix.SIGTERM)
	p.command.Wait()
}

// query returns the one number that answers an expression, as it is written there.
func (p *prometheus) query(expression string) (string, error) {
	text, err := get("http://" + p.address + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		return "", err
	}
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return "", err
	}
	if n := len(answer.Data.Result); n != 1 {
		return "", fmt.Errorf("%s: %d results", expression, n)
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1]), nil
}

// counted are what must be the number of the clients' connections.
var counted = []string{
	"sum(socketserver_connections_accepted_total)",
	"sum(socketserver_connections_served_total)",
	"sum(socketserver_queue_wait_seconds_count)",
	"sum(socketserver_handler_seconds_count)",
	`sum(socketserver_application{counter="requests"})`,
}

// scraped asks that Prometheus knows what the clients know.
func scraped(ctx context.Context, r run) (criterion.Row, error) {
	got := criterion.Row{Asked: fmt.Sprintf("Prometheus scrapes each second for %v at %.0f connections/s: what it has counted then is what the clients have; promtool is content",
		r.window(), r.rate)}
	if _, err := exec.LookPath("prometheus"); err != nil {
		got.Seen = "prometheus is not installed"
		return got, criterion.ErrSkipped
	}
	s, err := r.open(ctx, "counted", "-workers", "4")
	if err != nil {
		return got, err
	}
	defer s.close()
	p, err := s.watched()
	if err != nil {
		return got, err
	}
	defer p.stop()
	running := loading.Begin(ctx, load.Plan{Port: s.Port, Rate: r.rate})
	time.Sleep(r.window())
	said, err := s.checked()
	result, err2 := running.End()
	if err := errors.Join(err, err2); err != nil {
		return got, err
	}
	time.Sleep(3 * time.Second) // two scrapes
	var seen []string
	right := true
	for _, expression := range counted {
		value, err := p.query(expression)
		if err != nil {
			return got, err
		}
		seen = append(seen, expression+" "+value)
		right = right && value == fmt.Sprint(result.Started)
	}
	scrapes, err := p.query("count_over_time(up[1h])")
	got.Seen = fmt.Sprintf("%d connections, failed %d; %s scrapes; %s; promtool says %q",
		result.Started, result.Failed(), scrapes, strings.Join(seen, ", "), said)
	got.Outcomes = loading.Outcomes(result)
	got.OK = right && result.Failed() == 0 && result.Started > 0 && said == ""
	return got, err
}
