package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
)

// chart shows something over the number of servers, which is on a logarithmic scale.
type chart struct {
	title string
	// top is the end of the other scale, which begins at 0.
	top, step float64
	lines     []chartLine
}

// chartLine is of one way of balancing.
type chartLine struct {
	name   string
	dashed bool
	points [][2]float64
}

// charts are of the hit ratio, and of what is left to do.
func charts(all []figures) (hits, work *chart) {
	hits = &chart{title: "Hit ratio in percent, over the number of servers", top: 100, step: 20}
	work = &chart{title: "Transforms for each 1,000 requests, over the number of servers", top: 1, step: 100}
	for _, f := range all {
		kind, n := string(f.Balancing), float64(f.Servers)
		requests := float64(max(f.Requests, 1)) / 1000
		hits.add(kind, false, n, 100*f.hitRatio())
		hits.add(kind+", in RAM", true, n, float64(f.RAMHits)/requests/10)
		work.add(kind, false, n, float64(f.Transforms)/requests)
		work.add(kind+", with a bucket", true, n, float64(f.Bucket.Transforms)/requests)
		work.top = max(work.top, math.Ceil(float64(f.Transforms)/requests/100)*100)
	}
	return hits, work
}

// add puts a point on the line of a name, which is begun where it is not there.
func (c *chart) add(name string, dashed bool, servers, value float64) {
	i := slices.IndexFunc(c.lines, func(l chartLine) bool { return l.name == name })
	if i < 0 {
		i = len(c.lines)
		c.lines = append(c.lines, chartLine{name: name, dashed: dashed})
	}
	c.lines[i].points = append(c.lines[i].points, [2]float64{servers, value})
}

// The place of a chart's axes, in its own units.
const (
	chartWidth, chartHeight = 900, 340
	chartLeft, chartTop     = 52, 34
	innerWidth, innerHeight = 570, 262
)

var chartColours = []string{"#c60", "#393", "#06c"}

// place is where a point is in the picture.
func (c *chart) place(servers, value, most float64) (x, y float64) {
	x = chartLeft + innerWidth/2
	if most > 1 {
		x = chartLeft + math.Log2(servers)/math.Log2(most)*innerWidth
	}
	return x, chartTop + innerHeight*(1-value/c.top)
}

func (c *chart) svg() []byte {
	most := 1.0
	var servers []float64
	for _, l := range c.lines {
		for _, p := range l.points {
			most = max(most, p[0])
			servers = append(servers, p[0])
		}
	}
	slices.Sort(servers)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" `+
		`font-size="12">`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(&b, `<text x="%d" y="18" font-size="14">%s</text>`+"\n", chartLeft, html.EscapeString(c.title))
	for _, n := range slices.Compact(servers) {
		x, y := c.place(n, 0, most)
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%.1f" stroke="#eee"/>`+
			`<text x="%.1f" y="%.1f" text-anchor="middle">%g</text>`+"\n", x, x, chartTop, y, x, y+16, n)
	}
	for v := 0.0; v <= c.top; v += c.step {
		_, y := c.place(1, v, most)
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`+
			`<text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", chartLeft, chartLeft+innerWidth, y, y,
			chartLeft-6, y+4, v)
	}
	for i, l := range c.lines {
		c.drawLine(&b, i, l, most)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// drawLine draws a line and its place in the legend.
func (c *chart) drawLine(b *bytes.Buffer, i int, l chartLine, most float64) {
	style := fmt.Sprintf(`stroke="%s" stroke-width="2"`, chartColours[i/2%len(chartColours)])
	if l.dashed {
		style += ` stroke-dasharray="5 4"`
	}
	fmt.Fprintf(b, `<polyline fill="none" %s points="`, style)
	for _, p := range l.points {
		x, y := c.place(p[0], p[1], most)
		fmt.Fprintf(b, "%.1f,%.1f ", x, y)
	}
	fmt.Fprintln(b, `"/>`)
	left, y := chartLeft+innerWidth+14, chartTop+14+20*i
	fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%d" y2="%d" %s/>`+`<text x="%d" y="%d">%s</text>`+"\n",
		left, left+26, y-4, y-4, style, left+34, y, html.EscapeString(l.name))
}
