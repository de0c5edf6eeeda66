package exporter

import (
	"math"
	"strconv"
	"time"
)

// A plot is drawn in the data's own units, and a transform brings them to its
// place: so a new point is all that a page which is open must hear of. It is as
// wide as it looks back, in seconds, and this high.
const height = 100

// plot is one of the page's.
type plot struct {
	ID    string // The ids of what changes begin with it.
	Title string
	Lines []line
	least float64 // How far its axis goes at least.
}

// line is one of a plot.
type line struct {
	ID, Name string
	value    func(*point) float64
}

var plots = []plot{
	{"rate", "Connections a second", []line{
		{"line-accepted", "accepted", func(p *point) float64 { return p.accepted }},
		{"line-served", "served", func(p *point) float64 { return p.served }},
	}, 10},
	{"wait", "Wait for a worker, ms", []line{
		{"line-tail", "95th percentile", func(p *point) float64 { return p.tail * 1000 }},
		{"line-mean", "mean", func(p *point) float64 { return p.mean * 1000 }},
	}, 1},
	{"staff", "Workers", []line{
		{"line-workers", "all", func(p *point) float64 { return p.workers }},
		{"line-busy", "busy", func(p *point) float64 { return p.busy }},
	}, 4},
}

// stride is how often a plot moves: far more than a point's width is not to be
// seen anyway, and to paint is what an open page costs most.
const stride = 5 * time.Second

// drawing is what the plots show of a moment.
type drawing struct {
	points []point
	from   time.Time // The left edge.
	origin time.Time // Where x is 0: it moves seldom, and then all is drawn anew.
}

func newDrawing(points []point, at time.Time) drawing {
	at = at.Truncate(stride)
	for len(points) > 0 && points[len(points)-1].at.After(at) {
		points = points[:len(points)-1]
	}
	from := at.Add(-remembered)
	return drawing{points, from, from.Truncate(time.Hour)}
}

// Points are those of a line from one of them on, as SVG wants them.
func (d *drawing) pointsFrom(first int, l *line) string {
	var text []byte
	for i := first; i < len(d.points); i++ {
		p := &d.points[i]
		if i > first {
			text = append(text, ' ')
		}
		text = appendShort(text, p.at.Sub(d.origin).Seconds())
		text = append(text, ',')
		text = appendShort(text, l.value(p))
	}
	return string(text)
}

// newer is the first point that the drawing before hasn't got.
func (d *drawing) newer(before *drawing) int {
	if len(before.points) == 0 {
		return 0
	}
	latest := before.points[len(before.points)-1].at
	first := len(d.points)
	for first > 0 && d.points[first-1].at.After(latest) {
		first--
	}
	return first
}

// top is where the axis of a plot ends: 1, 2, 4, 6 or 8 times a power of ten.
func (d *drawing) top(p *plot) float64 {
	most := p.least
	for i := range d.points {
		for _, l := range p.Lines {
			most = max(most, l.value(&d.points[i]))
		}
	}
	power := math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range []float64{1, 2, 4, 6, 8} {
		if step*power >= most {
			return step * power
		}
	}
	return 10 * power
}

// texts are the axes' labels and what brings the lines to their places.
func (d *drawing) texts(to map[string]string) {
	left := d.from.Sub(d.origin).Seconds()
	for i := range plots {
		p := &plots[i]
		top := d.top(p)
		to[p.ID+"-top"] = axisLabel(top)
		to[p.ID+"-middle"] = axisLabel(top / 2)
		transform := append([]byte(nil), "matrix(1 0 0 "...)
		transform = strconv.AppendFloat(transform, -height/top, 'g', 6, 64)
		transform = append(transform, ' ')
		transform = appendShort(transform, -left)
		transform = append(transform, " 100)"...)
		to[p.ID+"-lines@transform"] = string(transform)
	}
}

func axisLabel(value float64) string {
	if value >= 1000 && value == math.Trunc(value) {
		return grouped(int64(value))
	}
	return strconv.FormatFloat(value, 'f', -1, 64)
}

// appendShort appends a number with as few digits as a plot needs.
func appendShort(to []byte, value float64) []byte {
	return strconv.AppendFloat(to, math.Round(value*100)/100, 'f', -1, 64)
}
