package report

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/result"
	"socketserver/bench/internal/scenario"
)

const (
	chartWidth  = 24 * vg.Centimeter
	chartHeight = 11 * vg.Centimeter
	legendWidth = 7.5 * vg.Centimeter
)

// style is how a contestant is drawn, the same in every plot. Black on white:
// dashes and markers tell the lines apart.
type style struct {
	dashes []vg.Length
	glyph  draw.GlyphDrawer
	width  vg.Length
}

var styles = map[string]style{
	contest.OursEvent:  {nil, draw.CircleGlyph{}, vg.Points(2)},
	contest.OursAccept: {nil, draw.BoxGlyph{}, vg.Points(2)},
	contest.Polled:     {dashes(6, 3), draw.TriangleGlyph{}, vg.Points(1)},
	contest.CBroker:    {dashes(1, 2), draw.PlusGlyph{}, vg.Points(1)},
	contest.CPrefork:   {dashes(1, 4), draw.CrossGlyph{}, vg.Points(1)},
	contest.TclPrefork: {dashes(8, 3, 1, 3), draw.PyramidGlyph{}, vg.Points(1)},
	contest.Node:       {dashes(12, 4), diamond{}, vg.Points(1)},
	contest.TclSingle:  {dashes(3, 3), draw.SquareGlyph{}, vg.Points(1)},
	contest.TclFork:    {dashes(2, 6), draw.RingGlyph{}, vg.Points(1)},
	contest.Tcpserver:  {dashes(4, 6), draw.CrossGlyph{}, vg.Points(1)},
	contest.Python:     {dashes(10, 6), draw.PlusGlyph{}, vg.Points(1)},
}

// diamond is one more marker.
type diamond struct{}

// DrawGlyph implements draw.GlyphDrawer.
func (diamond) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, at vg.Point) {
	var path vg.Path
	path.Move(vg.Point{X: at.X - sty.Radius, Y: at.Y})
	path.Line(vg.Point{X: at.X, Y: at.Y + sty.Radius})
	path.Line(vg.Point{X: at.X + sty.Radius, Y: at.Y})
	path.Line(vg.Point{X: at.X, Y: at.Y - sty.Radius})
	path.Close()
	c.SetColor(sty.Color)
	c.Fill(path)
}

func dashes(points ...float64) []vg.Length {
	lengths := make([]vg.Length, len(points))
	for i, p := range points {
		lengths[i] = vg.Points(p)
	}
	return lengths
}

// chart is a plot with its legend beside it.
type chart struct {
	*plot.Plot
	legend plot.Legend
	ys     []float64 // of all points
}

// newChart returns an empty chart with a grid.
func newChart(x, y string) *chart {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	c := &chart{Plot: plot.New(), legend: plot.NewLegend()}
	c.X.Label.Text, c.Y.Label.Text = x, y
	c.X.Padding, c.Y.Padding = vg.Points(6), vg.Points(6)
	c.legend.Left, c.legend.Top = true, true
	c.legend.ThumbnailWidth = 1.6 * vg.Centimeter
	c.legend.Padding = vg.Points(5)
	grid := plotter.NewGrid()
	light := draw.LineStyle{Color: color.Gray{Y: 215}, Width: vg.Points(0.5)}
	grid.Horizontal, grid.Vertical = light, light
	c.Add(grid)
	return c
}

// save writes the chart as SVG.
func (c *chart) save(dir, name string) (err error) {
	canvas := vgsvg.New(chartWidth, chartHeight)
	whole := draw.New(canvas)
	whole.SetColor(color.White)
	whole.Fill(whole.Rectangle.Path())
	c.Draw(draw.Crop(whole, vg.Points(4), -legendWidth, vg.Points(4), -vg.Points(8)))
	c.legend.Draw(draw.Crop(whole, chartWidth-legendWidth+vg.Points(8), 0, 0, -vg.Points(8)))
	file, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = canvas.WriteTo(file)
	return err
}

// line draws a contestant's line through points, with a marker on those that
// are marked, and puts it in the legend.
func (c *chart) line(contestant, title string, points, marked plotter.XYs) error {
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	marks, err := plotter.NewScatter(marked)
	if err != nil {
		return err
	}
	s := styles[contestant]
	line.LineStyle = draw.LineStyle{Color: color.Black, Width: s.width, Dashes: s.dashes}
	marks.GlyphStyle = draw.GlyphStyle{Color: color.Black, Radius: vg.Points(3.5), Shape: s.glyph}
	for _, point := range points {
		c.ys = append(c.ys, point.Y)
	}
	c.Add(line, marks)
	c.legend.Add(title, line, marks)
	return nil
}

// setAxes gives the chart its limits: x as told, y in a logarithmic scale with
// room for all points.
func (c *chart) setAxes(xMin, xMax float64) {
	c.X.Min, c.X.Max = xMin, xMax
	c.Y.Scale = plot.LogScale{}
	c.Y.Min, c.Y.Max = 1, 10
	if len(c.ys) > 0 {
		const room = 1.2
		c.Y.Min, c.Y.Max = slices.Min(c.ys)/room, slices.Max(c.ys)*room
	}
}

// plotThroughput draws conn/s over the number of workers. Contestants without
// such a number are horizontal lines.
func plotThroughput(dir string, set result.Set) error {
	p := newChart("workers", "connections per second")
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ticks(2, 8, 64, 256)
	p.Y.Tick.Marker = ticks(500, 1000, 2000, 5000, 10000, 20000, 50000)
	for _, c := range contest.All {
		points := throughputPoints(set, c)
		if len(points) == 0 {
			continue
		}
		if err := p.line(c.Name, c.Title, points, points); err != nil {
			return err
		}
	}
	p.setAxes(2, 256)
	return p.save(dir, "throughput.svg")
}

func throughputPoints(set result.Set, c contest.Contestant) plotter.XYs {
	var points plotter.XYs
	for _, row := range set.Rows {
		if row.Contestant != c.Name || len(row.Measures) == 0 {
			continue
		}
		y := row.Median(result.ConnPerSec)
		if row.Workers > 0 {
			points = append(points, plotter.XY{X: float64(row.Workers), Y: y})
		} else {
			points = plotter.XYs{{X: 2, Y: y}, {X: 256, Y: y}}
		}
	}
	return points
}

// latencyMarks are the percentages that have a tick and a marker.
var latencyMarks = []float64{50, 90, 95, 99, 99.5, 99.9}

// plotLatency draws the distribution of latencies at 1,000 conn/s with so many
// workers: which latency (y) which part of the connections (x) stays below.
// The x axis widens towards 100 %, where the interesting part is.
func plotLatency(dir string, set result.Set, workers int) error {
	p := newChart("connections served within that time", "latency in ms")
	p.X.Tick.Marker = tailTicks(append([]float64{0}, latencyMarks...)...)
	p.Y.Tick.Marker = ticks(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
	for _, c := range contest.All {
		n := workers
		if c.Workers == nil {
			n = 0
		}
		row, ok := set.Find(c.Name, n)
		if !ok {
			continue
		}
		points := latencyPoints(row, result.Points)
		if err := p.line(c.Name, c.Title, points, latencyPoints(row, latencyMarks)); err != nil {
			return err
		}
	}
	p.setAxes(0, tail(99.9))
	return p.save(dir, fmt.Sprintf("latency-%d.svg", workers))
}

// latencyPoints returns the latencies at some of result.Points. The fastest
// and the slowest connection of all say nothing about the others.
func latencyPoints(row result.Row, percents []float64) plotter.XYs {
	var points plotter.XYs
	for i, ms := range row.Quantiles() {
		percent := result.Points[i]
		if slices.Contains(percents, percent) && percent > 0 && percent < 100 && ms > 0 {
			points = append(points, plotter.XY{X: tail(percent), Y: ms})
		}
	}
	return points
}

// tail stretches the upper end of a percentage: 0, 90, 99, 99.9 become 0, 1, 2,
// 3.
func tail(percent float64) float64 {
	return -math.Log10(1 - percent/100)
}

func tailTicks(percents ...float64) plot.ConstantTicks {
	var marks plot.ConstantTicks
	for _, percent := range percents {
		marks = append(marks, plot.Tick{Value: tail(percent), Label: strconv.FormatFloat(percent, 'f', -1, 64) + " %"})
	}
	return marks
}

func ticks(values ...float64) plot.ConstantTicks {
	var marks plot.ConstantTicks
	for _, v := range values {
		label := strconv.FormatFloat(v, 'f', -1, 64)
		if v >= 1000 {
			label = thousands(v)
		}
		marks = append(marks, plot.Tick{Value: v, Label: label})
	}
	return marks
}

// writePlots draws all plots into a folder.
func writePlots(dir string, sets Sets) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := plotThroughput(dir, sets[scenario.Throughput]); err != nil {
		return err
	}
	if err := plotWays(dir, sets[scenario.Ways]); err != nil {
		return err
	}
	for _, workers := range []int{2, 64} {
		if err := plotLatency(dir, sets[scenario.OpenLoop], workers); err != nil {
			return err
		}
	}
	return nil
}
