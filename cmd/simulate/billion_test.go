package main

import (
	"math"
	"os"
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
