package transform

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSizeBound(t *testing.T) {
	for _, tc := range []struct {
		p             Params
		width, height int
	}{
		{Params{}, 0, 0},
		{Params{Width: 300}, 300, 0},
		{Params{Width: 300, Height: 200, DPR: 2}, 600, 400},
		{Params{Width: 300, Height: 200, DPR: 0.5}, 300, 200},
		{Params{Width: 300, Height: 200, ZoomX: 3}, 900, 200},
		{Params{Width: 300, Height: 200, Adaptive: true}, 300, 300},
		{Params{Width: 300, Adaptive: true}, 0, 0},
		{Params{Width: 300, Height: 200, Mode: Cover}, 0, 0},
		{Params{Width: 300, Height: 200, LateRotate: 90}, 200, 300},
		{Params{Width: 300, MaxSide: 1000}, 300, 1000},
		{Params{MaxSide: 1000}, 1000, 1000},
		{Params{Width: 300, Height: 200, Raw: true}, 0, 0},
		{Params{Width: 300, Height: 200, Skip: 1 << GIF}, 0, 0},
		{Params{Width: 300, Padding: Padding{Left: 10, Top: 10}}, 312, 0},
		{Params{Width: MaxDimension, DPR: MaxDPR, ZoomX: 1e6}, maxCoordinate, 0},
	} {
		if w, h := tc.p.SizeBound(); w != tc.width || h != tc.height {
			t.Errorf("%+v: %dx%d, want %dx%d", tc.p, w, h, tc.width, tc.height)
		}
	}
}

// No source makes a result that is larger than the bound.
func TestNoResultIsOverItsSizeBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		info, p := drawInfo(t), drawParams(t)
		p.Adaptive = rapid.Bool().Draw(t, "adaptive")
		p.LateRotate = rapid.SampledFrom([]int{0, 90, 180, 270}).Draw(t, "late")
		w, h := p.SizeBound()
		g := NewGeometry(info, p)
		if w > 0 && w < maxCoordinate && g.Width > w || h > 0 && h < maxCoordinate && g.Height > h {
			t.Fatalf("%dx%d is over %dx%d", g.Width, g.Height, w, h)
		}
	})
}
