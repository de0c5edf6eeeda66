// Package stats holds the few statistics that the benchmark reports.
package stats

import (
	"cmp"
	"math"
	"slices"
)

// Percentile returns the value below or at which p percent of sorted lie
// (nearest rank), and the zero value when there is none.
func Percentile[T cmp.Ordered](sorted []T, p float64) T {
	if len(sorted) == 0 {
		var zero T
		return zero
	}
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Median returns the middle of values, or the mean of the two in the middle;
// NaN when there is none. It leaves values as they are.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// Spread returns the distance from the smallest to the largest value, as a
// part of the median; 0 for fewer than two values.
func Spread(values []float64) float64 {
	if len(values) < 2 {
		return 0
	}
	middle := Median(values)
	if middle == 0 {
		return 0
	}
	return (slices.Max(values) - slices.Min(values)) / middle
}
