package transform

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func svgInfo(w, h float64) Info {
	return Info{Format: SVG, Width: max(1, int(w+0.5)), Height: max(1, int(h+0.5)), Orientation: 1, Frames: 1, Bands: 4,
		Bits: 8, Alpha: true, Vector: VectorInfo{Width: w, Height: h, Bytes: 1000, Elements: 10}}
}

// Sizes are those that a result of an image of pixels has with enlarge, drawn in the size of the result.
func TestGeometryOfAnSVG(t *testing.T) {
	for _, tc := range []struct {
		w, h       float64
		p          Params
		size, load string
	}{
		{200, 100, Params{}, "200x100", "200x100"},
		{200, 100, Params{Width: 1000}, "1000x500", "1000x500"},
		{200, 100, Params{Width: 100, DPR: 3}, "300x150", "300x150"},
		{19.6, 12.3, Params{Width: 1000}, "1000x628", "1000x628"},
		{19.6, 12.3, Params{Width: 1000, Rotate: 90}, "1000x1593", "1593x1000"},
		{1, 0.25, Params{Height: 100}, "400x100", "400x100"},
		{200, 100, Params{Mode: Fill, Width: 300, Height: 300}, "300x300", "600x300"},
		{200, 100, Params{Mode: FillDown, Width: 300, Height: 300}, "300x300", "600x300"},
		{200, 100, Params{Mode: Force, Width: 300, Height: 300}, "300x300", "600x300"},
		{200, 100, Params{Crop: Crop{Width: 50, Height: 50}, Width: 500}, "500x500", "2000x1000"},
		{200, 100, Params{Width: 100, Linear: true}, "100x50", "100x50"},
		{1e6, 1e6, Params{Width: 100}, "100x100", "1000x1000"}, // svgload scales by a thousandth at least
	} {
		g := NewGeometry(svgInfo(tc.w, tc.h), tc.p)
		size, load := fmt.Sprintf("%dx%d", g.Width, g.Height), fmt.Sprintf("%dx%d", g.LoadWidth, g.LoadHeight)
		if size != tc.size || load != tc.load {
			t.Errorf("%gx%g %v: %s of %s, want %s of %s", tc.w, tc.h, tc.p, size, load, tc.size, tc.load)
		}
	}
}

func TestLimitsOfAnSVG(t *testing.T) {
	l := Limits{MaxPixels: 1e6}
	huge, small := svgInfo(1e6, 1e6), svgInfo(10, 10)
	if err := l.CheckSource(huge); err != nil {
		t.Errorf("by its own size alone: %v", err)
	}
	for _, tc := range []struct {
		info Info
		p    Params
		ok   bool
	}{
		{huge, Params{Width: 100}, true}, {huge, Params{}, false}, {huge, Params{Width: 2000}, false},
		{huge, Params{Width: 100, Trim: Trim{On: true}}, false},
		{small, Params{Width: 1000}, true}, {small, Params{Width: 1001}, false},
		{small, Params{Crop: Crop{Width: 1, Height: 1}, Width: 500}, false},
		{jpegInfo(1e5, 1e5, 1), Params{}, true}, // CheckSource refuses it
	} {
		if err := l.CheckDrawing(tc.info, NewGeometry(tc.info, tc.p), tc.p); (err == nil) != tc.ok ||
			err != nil && !errors.Is(err, ErrLimit) {
			t.Errorf("%v of %gx%g: %v", tc.p, tc.info.Vector.Width, tc.info.Vector.Height, err)
		}
	}
	small.Vector.ImagePixels = 2e6
	if err := l.CheckSource(small); !errors.Is(err, ErrLimit) {
		t.Errorf("large images inside: %v", err)
	}
}

// What costs more must be estimated as more.
func TestEstimatesOfAnSVG(t *testing.T) {
	p := Params{Width: 1000, Format: PNG}
	estimate := func(change func(*VectorInfo)) (int64, time.Duration) {
		info := svgInfo(100, 100)
		change(&info.Vector)
		return WorkingSet(info, NewGeometry(info, p), p), CPUTime(Job{Info: info, Outputs: []Params{p}})
	}
	bytes, cpu := estimate(func(*VectorInfo) {})
	for name, change := range map[string]func(*VectorInfo){
		"elements": func(v *VectorInfo) { v.Elements = 100_000 },
		"text":     func(v *VectorInfo) { v.TextBytes = 1e6 },
		"images":   func(v *VectorInfo) { v.ImagePixels = 1e7 },
		"filters":  func(v *VectorInfo) { v.Primitives = 20 },
		"bytes":    func(v *VectorInfo) { v.Bytes = 1e7 },
	} {
		if more, longer := estimate(change); more < bytes+16*mib || longer < cpu {
			t.Errorf("%s: %d MiB instead of %d, %v instead of %v", name, more/mib, bytes/mib, longer, cpu)
		}
	}
	if SharesDecode(svgInfo(9, 9), p) {
		t.Error("it is drawn for each size")
	}
}
