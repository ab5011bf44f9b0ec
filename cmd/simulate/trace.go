package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"sort"
	"time"
)

const day = 24 * time.Hour

// traceConfig says what requests and purges there are.
type traceConfig struct {
	// Seed decides all that is random. The same seed gives the same trace on every machine.
	Seed uint64
	// Requests is how many requests there are, and Length the time that they are spread over.
	Requests int
	Length   time.Duration
	// Images is how many images there are at a time, and Variants how many results are asked for of each.
	Images, Variants int
	// Exponent is Zipf's: the image of rank r is asked for in proportion to 1/r^Exponent.
	Exponent float64
	// NewImages is the part of the images that is new each day. As many are gone then.
	NewImages float64
	// Purges is how many purges of a source there are each day.
	Purges float64
	// Swing is how far the rate of requests goes above and below its mean over a day, from 0 to 1.
	Swing float64
}

func (c traceConfig) validate() error {
	switch {
	case c.Requests < 1 || c.Images < 1 || c.Variants < 1 || c.Variants > 100 || c.Length <= 0:
		return errors.New("-requests, -images, -variants and -days must be more than 0, -variants at most 100")
	case c.Exponent < 0 || c.NewImages < 0 || c.Purges < 0 || c.Swing < 0 || c.Swing > 1:
		return errors.New("-zipf, -new and -purges must not be less than 0, nor -swing more than 1")
	}
	return nil
}

// event is a request for a result, or a purge of all results of a source.
type event struct {
	// at is the time since the beginning of the trace.
	at time.Duration
	// image is the number of a source: images are numbered as they appear.
	image   uint32
	variant uint8
	purge   bool
}

// generator makes a trace.
type generator struct {
	traceConfig
	random *rand.Rand
	// ranked are the images by their popularity. upTo are the shares of all ranks up to each.
	ranked []uint32
	upTo   []float64
	images uint32
	// variantsUpTo is upTo of the variants.
	variantsUpTo []float64
}

// generateTrace makes the events of a trace in their order.
func generateTrace(c traceConfig) []event {
	g := &generator{
		traceConfig: c, random: rand.New(rand.NewPCG(c.Seed, 0)),
		upTo: zipfShares(c.Images, c.Exponent), variantsUpTo: zipfShares(c.Variants, 1),
	}
	for range c.Images {
		g.ranked = append(g.ranked, g.images)
		g.images++
	}
	days := float64(c.Length) / float64(day)
	mean := float64(c.Requests) / days // all rates are for a day
	peak := mean * (1 + c.Swing)
	events := make([]event, 0, c.Requests)
	appears, purges := g.gap(c.NewImages*float64(c.Images)), g.gap(c.Purges)
	now, requests := 0.0, 0
	for requests < c.Requests {
		now += g.gap(peak)
		for ; appears <= now; appears += g.gap(c.NewImages * float64(c.Images)) {
			g.addImage()
		}
		for ; purges <= now; purges += g.gap(c.Purges) {
			events = append(events, event{at: days2time(purges), image: g.pickImage(), purge: true})
		}
		// At midnight the rate is lowest.
		if g.random.Float64()*peak > mean*(1-c.Swing*math.Cos(2*math.Pi*now)) {
			continue
		}
		events = append(events, event{
			at: days2time(now), image: g.pickImage(), variant: uint8(g.pick(g.variantsUpTo)),
		})
		requests++
	}
	return events
}

func days2time(days float64) time.Duration { return time.Duration(days * float64(day)) }

// gap is the time, in days, until the next of events of which there are so many each day.
func (g *generator) gap(rate float64) float64 {
	if rate <= 0 {
		return math.Inf(1)
	}
	return g.random.ExpFloat64() / rate
}

// zipfShares are the shares of the ranks up to each of n ranks.
func zipfShares(n int, exponent float64) []float64 {
	shares := make([]float64, n)
	sum := 0.0
	for i := range shares {
		sum += math.Pow(float64(i+1), -exponent)
		shares[i] = sum
	}
	for i := range shares {
		shares[i] /= sum
	}
	return shares
}

func (g *generator) pick(upTo []float64) int {
	return min(sort.SearchFloat64s(upTo, g.random.Float64()), len(upTo)-1)
}

func (g *generator) pickImage() uint32 { return g.ranked[g.pick(g.upTo)] }

// addImage gives a new image a rank. The image that had it falls to a rank twice as far down, which halves its
// requests where the exponent is 1, and so does the image that it meets there. The last one is gone. So images fade,
// and at each moment popularity follows Zipf's law.
func (g *generator) addImage() {
	falling := g.images
	g.images++
	for rank := g.random.IntN(len(g.ranked)) + 1; rank <= len(g.ranked); rank = 2*rank + g.random.IntN(2) {
		g.ranked[rank-1], falling = falling, g.ranked[rank-1]
	}
}

// writeTrace writes the events, one a line: milliseconds, image, and variant or "purge".
func writeTrace(w io.Writer, events []event) error {
	b := bufio.NewWriter(w)
	for _, e := range events {
		what := fmt.Sprint(e.variant)
		if e.purge {
			what = "purge"
		}
		fmt.Fprintln(b, e.at.Milliseconds(), e.image, what)
	}
	return b.Flush()
}
