package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"testing"
	"time"
)

func testTrace(c traceConfig) traceConfig {
	base := traceConfig{Seed: 1, Requests: 100_000, Length: day, Images: 2000, Variants: 3, Exponent: 0.9}
	base.NewImages, base.Purges, base.Swing = c.NewImages, c.Purges, c.Swing
	if c.Exponent > 0 {
		base.Exponent = c.Exponent
	}
	if c.Length > 0 {
		base.Length = c.Length
	}
	return base
}

// estimateExponent is the exponent under which the counts of ranks are likeliest.
func estimateExponent(counts []int) float64 {
	best, likeliest := 0.0, math.Inf(-1)
	for s := 0.3; s < 2; s += 0.005 {
		sum, likelihood := 0.0, 0.0
		for i := range counts {
			sum += math.Pow(float64(i+1), -s)
		}
		for i, n := range counts {
			likelihood += float64(n) * (-s*math.Log(float64(i+1)) - math.Log(sum))
		}
		if likelihood > likeliest {
			best, likeliest = s, likelihood
		}
	}
	return best
}

func TestZipfExponentIsRecovered(t *testing.T) {
	for _, want := range []float64{0.6, 0.9, 1.2} {
		c := testTrace(traceConfig{Exponent: want})
		counts := make([]int, c.Images)
		for _, e := range generateTrace(c) {
			counts[e.image]++
		}
		if got := estimateExponent(counts); math.Abs(got-want) > 0.02 {
			t.Errorf("exponent %.3f, want %.1f", got, want)
		}
	}
}

// Each day so many images are new, also among the popular ones, those of before fade, and popularity follows Zipf's
// law at all times.
func TestImagesAppearAndFade(t *testing.T) {
	c := testTrace(traceConfig{NewImages: 0.2, Length: 5 * day})
	perDay := [5]map[uint32]int{}
	requests := [5]int{}
	newest := uint32(0)
	for _, e := range generateTrace(c) {
		d := min(int(e.at/day), 4)
		if perDay[d] == nil {
			perDay[d] = map[uint32]int{}
		}
		perDay[d][e.image]++
		requests[d]++
		newest = max(newest, e.image)
	}
	if appeared := float64(newest) - float64(c.Images); appeared < 1700 || appeared > 2300 { // 5 days of 400
		t.Errorf("%.0f images appeared", appeared)
	}
	share := func(d int, of func(image uint32) bool) float64 {
		n := 0
		for image, asked := range perDay[d] {
			if of(image) {
				n += asked
			}
		}
		return float64(n) / float64(requests[d])
	}
	isOld := func(image uint32) bool { return int(image) < c.Images }
	if first, last := share(0, isOld), share(4, isOld); first < 0.75 || last > 0.6 {
		t.Errorf("first images have %.2f of the first day's requests, and %.2f of the last day's", first, last)
	}
	wasPopular := func(image uint32) bool { return image < 50 }
	if first, last := share(0, wasPopular), share(4, wasPopular); last > 0.7*first || last < 0.05*first {
		t.Errorf("the popular ones of the first day have %.2f of its requests, and %.2f of the last day's", first, last)
	}
}

// The same seed gives the same trace, on every machine and with every version of Go.
func TestTraceOfASeedIsStable(t *testing.T) {
	c := testTrace(traceConfig{NewImages: 0.5, Purges: 100, Swing: 0.6})
	c.Requests = 2000
	digest := func() string {
		var b bytes.Buffer
		if err := writeTrace(&b, generateTrace(c)); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b.Bytes())
		return hex.EncodeToString(sum[:8])
	}
	const want = "4ecc2a94d5e61d45"
	if got := digest(); got != want {
		t.Errorf("trace %s, want %s", got, want)
	}
	c.Seed++
	if digest() == want {
		t.Error("another seed gives the same trace")
	}
}

func TestRateFollowsTheDay(t *testing.T) {
	c := testTrace(traceConfig{Swing: 0.6, Purges: 500, Length: 2 * day})
	hours, purges, last := [24]int{}, 0, time.Duration(0)
	for _, e := range generateTrace(c) {
		if e.at < last {
			t.Fatalf("%v after %v", e.at, last)
		}
		last = e.at
		if e.purge {
			purges++
			continue
		}
		hours[int(e.at/time.Hour)%24]++
	}
	if ratio := float64(hours[11]+hours[12]) / float64(hours[1]+hours[22]); ratio < 3.3 || ratio > 3.9 { // 1.59 / 0.45
		t.Errorf("noon has %.2f times the requests of the night: %v", ratio, hours)
	}
	if last < 46*time.Hour || last > 50*time.Hour || purges < 850 || purges > 1150 {
		t.Errorf("%d purges in %v", purges, last)
	}
}

func TestSizesAreLognormal(t *testing.T) {
	s := sizes{Seed: 1, Source: 400_000, Result: 18_000, Sigma: 0.8}
	sum, squares := 0.0, 0.0
	const n = 20_000
	for image := range uint32(n) {
		x := math.Log(float64(s.source(image)))
		sum, squares = sum+x, squares+x*x
	}
	mean := sum / n
	sigma := math.Sqrt(squares/n - mean*mean)
	if math.Abs(sigma-0.8) > 0.02 || math.Abs(mean-math.Log(400_000)) > 0.02 {
		t.Errorf("median %.0f, sigma %.3f", math.Exp(mean), sigma)
	}
	if small, large := s.result(7, 0, 5), s.result(7, 4, 5); large < 5*small {
		t.Errorf("variants of %d to %d bytes", small, large)
	}
	s.Sigma = 0
	if a, b := s.result(1, 0, 5), s.result(2, 4, 5); a != 18_000 || b != 18_000 {
		t.Errorf("without a deviation: %d and %d bytes", a, b)
	}
}
