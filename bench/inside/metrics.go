package main

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// metrics are values by name and labels, as they stand in the text.
type metrics map[string]float64

// metrics asks the exporter for them.
func (s *site) metrics() (metrics, error) {
	text, err := s.get("/metrics")
	if err != nil {
		return nil, err
	}
	return readMetrics(text)
}

func readMetrics(text string) (metrics, error) {
	m := metrics{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if at < 0 || err != nil {
			return nil, fmt.Errorf("no metric: %q", line)
		}
		m[line[:at]] = value
	}
	return m, nil
}

// sum adds up a metric, whatever its labels are.
func (m metrics) sum(name string) float64 {
	sum := 0.0
	for key, value := range m {
		if base, _, _ := strings.Cut(key, "{"); base == name {
			sum += value
		}
	}
	return sum
}

// checked has promtool read what the exporter answers; "" is content.
func (s *site) checked() (string, error) {
	text, err := s.get("/metrics")
	if err != nil {
		return "", err
	}
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(text)
	said, err := check.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("promtool: %w: %s", err, said)
	}
	return strings.TrimSpace(string(said)), err
}
