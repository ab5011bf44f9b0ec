package e2e

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"html"
	"math"
	"slices"
	"testing"
)

// chart is a cost over what it depends on, both on logarithmic scales, as a picture for people.
type chart struct {
	title, over, unit string
	lines             []chartLine
}

// chartLine is of one program. Points are over and cost.
type chartLine struct {
	name   string
	points [][2]float64
}

// add puts a point on the line of a name, which is begun where it is not there.
func (c *chart) add(name string, over, cost float64) {
	i := slices.IndexFunc(c.lines, func(l chartLine) bool { return l.name == name })
	if i < 0 {
		i = len(c.lines)
		c.lines = append(c.lines, chartLine{name: name})
	}
	c.lines[i].points = append(c.lines[i].points, [2]float64{over, cost})
}

// The place of a chart's axes, in its own units.
const (
	chartWidth, chartHeight        = 900, 360
	chartLeft, chartBottom         = 60, 44
	chartTop, chartRight           = 34, 220
	chartInnerWide, chartInnerHigh = chartWidth - chartLeft - chartRight, chartHeight - chartTop - chartBottom
)

var chartColours = []string{"#06c", "#c60", "#393", "#808", "#c00"}

// bounds are the least and the largest of one coordinate, in powers of ten.
func (c *chart) bounds(coordinate int) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, l := range c.lines {
		for _, p := range l.points {
			low, high = min(low, math.Log10(p[coordinate])), max(high, math.Log10(p[coordinate]))
		}
	}
	return low, high
}

// marks are one, two and five times powers of ten between the bounds, fewer where that
// would be too many.
func marks(low, high float64) (all []float64) {
	steps := []float64{1, 2, 5}
	if high-low > 3 {
		steps = steps[:1]
	}
	for power := math.Floor(low); power <= high; power++ {
		for _, s := range steps {
			if at := power + math.Log10(s); at >= low-1e-9 && at <= high+1e-9 {
				all = append(all, s*math.Pow(10, power))
			}
		}
	}
	return all
}

func (c *chart) svg() []byte {
	text := html.EscapeString
	lowX, highX := c.bounds(0)
	lowY, highY := c.bounds(1)
	lowY, highY = lowY-0.1, highY+0.1
	x := func(v float64) float64 { return chartLeft + (math.Log10(v)-lowX)/(highX-lowX)*chartInnerWide }
	y := func(v float64) float64 {
		return chartTop + chartInnerHigh - (math.Log10(v)-lowY)/(highY-lowY)*chartInnerHigh
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" `+
		`font-size="12">`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(&b, `<text x="%d" y="18" font-size="14">%s</text>`+"\n", chartLeft, text(c.title))
	for _, v := range marks(lowX, highX) {
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#eee"/>`+
			`<text x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n", x(v), x(v), chartTop, chartTop+chartInnerHigh,
			x(v), chartTop+chartInnerHigh+16, v)
	}
	for _, v := range marks(lowY, highY) {
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#eee"/>`+
			`<text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", chartLeft, chartLeft+chartInnerWide, y(v), y(v),
			chartLeft-6, y(v)+4, v)
	}
	for i, l := range c.lines {
		colour := chartColours[i%len(chartColours)]
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="`, colour)
		for _, p := range l.points {
			fmt.Fprintf(&b, "%.1f,%.1f ", x(p[0]), y(p[1]))
		}
		fmt.Fprintln(&b, `"/>`)
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", chartLeft+chartInnerWide+14, chartTop+14+18*i,
			colour, text(l.name))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d">%s over %s</text>`+"\n</svg>\n", chartLeft, chartHeight-8, text(c.unit),
		text(c.over))
	return b.Bytes()
}

func TestChartIsSVG(t *testing.T) {
	c := &chart{title: "a & b", over: "clients", unit: "ms of CPU"}
	for _, n := range []float64{1, 10, 1000} {
		c.add("one", n, n/7)
		c.add("other", n, n*3)
	}
	var any struct {
		Texts []string `xml:"text"`
		Lines []struct {
			Points string `xml:"points,attr"`
		} `xml:"polyline"`
	}
	if err := xml.Unmarshal(c.svg(), &any); err != nil || len(any.Lines) != 2 {
		t.Errorf("%v, %+v", err, any)
	}
	for _, want := range []string{"100", "other", "a & b"} {
		if !slices.Contains(any.Texts, want) {
			t.Errorf("no text is %q in %q", want, any.Texts)
		}
	}
	if got := marks(0, 1); !slices.Equal(got, []float64{1, 2, 5, 10}) {
		t.Errorf("marks from 1 to 10 are %v", got)
	}
}
