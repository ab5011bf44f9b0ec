package main

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The table of the page is what the inputs give.
func TestArithmeticOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/scaling.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := billion.arithmetic([]float64{0.95, 0.58, 0}); !strings.Contains(string(page), want) {
		t.Errorf("docs/scaling.md lacks\n%s", want)
	}
}

// What was measured is what the pages have.
func TestInputsOfTheArithmetic(t *testing.T) {
	ms := 1e-3
	webp := figure(t, "performance.md", `6 MP JPEG → 720 px WebP \| pictor \| ([\d.]+) ms`)
	avif := figure(t, "performance.md", `6 MP JPEG → 720 px AVIF \| pictor \| ([\d.]+) ms`)
	hit := figure(t, "performance.md", `hit of 31 KB, clients: 8 \| pictor \| ([\d.]+) ms`)
	twoCores := figure(t, "memory.md", `\| (\d+) MiB \| 16 MiB, 2 workers \| also PNG and AVIF`)
	bounded := `\| 16 \| hashed, bounded \| `
	for what, got := range map[string][2]float64{
		"CPU of a hit":   {billion.HitCPU, hit * ms},
		"CPU of a miss":  {billion.MissCPU, (0.7*webp + 0.3*avif) * ms},
		"missed":         {billion.Missed, 1 - figure(t, "scaling.md", bounded+`([\d.]+) %`)/100},
		"made":           {billion.Remade, figure(t, "scaling.md", bounded+`[^|]*\|[^|]*\|[^|]*\|[^|]*\| (\d+) \|`) / 1000},
		"memory a core":  {billion.PerCore * 2, twoCores * (1 << 20)},
		"RAM of a cache": {billion.Cache, figure(t, "scaling.md", `and (\d+) GiB of RAM and 32 GiB of disk`) * (1 << 30)},
	} {
		if math.Abs(got[0]-got[1]) > 1e-9*math.Abs(got[1]) {
			t.Errorf("%s: %v, on the page %v", what, got[0], got[1])
		}
	}
}

// figure is a number of a page.
func figure(t *testing.T, page, pattern string) float64 {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(pattern).FindSubmatch(text)
	if found == nil {
		t.Fatalf("%s has no %s", page, pattern)
	}
	number, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// 345 million requests a day leave browsers; a twentieth of them is 17.25 million, 200 a second.
func TestArithmetic(t *testing.T) {
	l := billion.loadBehind(0.95)
	for what, got := range map[string][2]float64{
		"requests":                  {l.Requests, 17.25e6},
		"made without a bucket":     {l.Made, 7.40025e6},
		"made with one":             {l.MadeWithBucket, 5e6},
		"read from it":              {l.Read, 8.50425e6},
		"a second of work each day": {billion.cores(86400), 5},
		"CPU of a miss":             {billion.MissCPU, 0.06121},
	} {
		if math.Abs(got[0]-got[1]) > 1e-9*math.Abs(got[1]) {
			t.Errorf("%s: %v, want %v", what, got[0], got[1])
		}
	}
}
