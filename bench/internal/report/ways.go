package report

import (
	"cmp"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"socketserver/bench/internal/result"
)

// plotWays draws how long both demonstrations take with each way to serve, one
// below the other as in the table.
func plotWays(dir string, set result.Set) error {
	p := newChart("seconds until the last of 20 clients has its answer", "")
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = ticks(5, 6, 10, 20, 43, 100)
	var names plot.ConstantTicks
	for i, row := range set.Rows {
		names = append(names, plot.Tick{Value: float64(-i), Label: row.Title})
	}
	p.Y.Tick.Marker = names
	least, most := math.Inf(1), math.Inf(-1)
	for _, d := range []struct {
		title string
		field result.Field
		glyph draw.GlyphDrawer
	}{
		{"lengthy action, 5 s each", result.Seconds, draw.CircleGlyph{}},
		{"slow connection, up to 6 s", result.SlowSeconds, draw.SquareGlyph{}},
	} {
		points := wayPoints(set, d.field)
		if len(points) == 0 {
			continue
		}
		marks, err := plotter.NewScatter(points)
		if err != nil {
			return err
		}
		marks.GlyphStyle = draw.GlyphStyle{Color: color.Black, Radius: vg.Points(4.5), Shape: d.glyph}
		p.Add(marks)
		p.legend.Add(d.title, marks)
		for _, point := range points {
			least, most = min(least, point.X), max(most, point.X)
		}
	}
	p.X.Min, p.X.Max = 4, 120
	if !math.IsInf(least, 1) {
		p.X.Min, p.X.Max = least/1.2, most*1.2
	}
	p.Y.Min, p.Y.Max = -float64(cmp.Or(len(set.Rows), 1))+0.5, 0.5
	return p.save(dir, "ways.svg")
}

// wayPoints has the ways that were measured, the first on top.
func wayPoints(set result.Set, field result.Field) plotter.XYs {
	var points plotter.XYs
	for i, row := range set.Rows {
		if seconds := row.Median(field); len(row.Measures) > 0 && seconds > 0 {
			points = append(points, plotter.XY{X: seconds, Y: float64(-i)})
		}
	}
	return points
}
