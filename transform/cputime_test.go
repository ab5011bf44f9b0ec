package transform

import (
	"testing"
	"time"
)

// The time grows with whatever takes some, and never falls below the floor.
func TestCPUTimeGrowsWithTheWork(t *testing.T) {
	info := func(w, h int) Info {
		return Info{Format: JPEG, Width: w, Height: h, Bands: 3, Bits: 8, Frames: 1, Scans: 1}
	}
	of := func(i Info, p Params) time.Duration {
		if p.Format == FormatUnknown {
			p.Format = JPEG
		}
		return CPUTime(Job{Info: i, Outputs: []Params{p}})
	}
	if d := of(info(1, 1), Params{}); d < 3*time.Second || d > 4*time.Second {
		t.Errorf("a pixel: %v", d)
	}
	small, large := info(1000, 1000), info(4000, 3000)
	many := large
	many.Scans = 100
	for name, tc := range map[string][2]time.Duration{
		"source":    {of(small, Params{Width: 100}), of(large, Params{Width: 100})},
		"scans":     {of(large, Params{}), of(many, Params{})},
		"result":    {of(large, Params{Width: 100}), of(large, Params{Width: 2000})},
		"blur":      {of(small, Params{Blur: 1}), of(small, Params{Blur: 100})},
		"max_bytes": {of(small, Params{}), of(small, Params{MaxBytes: 1000})},
		"search":    {of(small, Params{}), of(small, Params{AutoQuality: AutoQuality{Method: BySSIMULACRA2}})},
		"palette":   {of(small, Params{Format: PNG}), of(small, Params{Format: PNG, PNG: PNGOptions{Palette: true}})},
		"lossless":  {of(small, Params{Format: WebP}), of(small, Params{Format: WebP, WebP: WebPOptions{Compression: Lossless}})},
		"effort":    {of(small, Params{Format: AVIF}), of(small, Params{Format: AVIF, AVIF: AVIFOptions{Effort: 10}})},
	} {
		if tc[0] >= tc[1] {
			t.Errorf("%s: %v is not less than %v", name, tc[0], tc[1])
		}
	}
	huge := info(maxCoordinate, maxCoordinate)
	if d := of(huge, Params{Blur: maxBlur}); d <= 0 {
		t.Errorf("overflow: %v", d)
	}
}
