// Package report turns results into tables, plots and doc/performance.md.
package report

import (
	"fmt"

	"socketserver/bench/internal/result"
	"socketserver/bench/internal/scenario"
)

// Sets holds the results of one run by scenario.
type Sets map[string]result.Set

// ReadSets reads the results of a whole run. Those of different runs can't be
// compared, and are refused.
func ReadSets(dir string) (Sets, error) {
	sets := Sets{}
	first := scenario.All[0].Name
	for _, s := range scenario.All {
		set, err := result.Read(dir, s.Name)
		if err != nil {
			return nil, fmt.Errorf("no whole run to report on: %w", err)
		}
		sets[s.Name] = set
		if !set.Run.Equal(sets[first].Run) {
			return nil, fmt.Errorf("the results of %s and %s are from different runs", first, s.Name)
		}
	}
	return sets, nil
}

// find returns the row of a case in a scenario; see Set.Find.
func (s Sets) find(scenario, contestant string, workers int) (result.Row, bool) {
	return s[scenario].Find(contestant, workers)
}
