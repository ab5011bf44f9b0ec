package transform

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func jpegInfo(w, h, orientation int) Info {
	return Info{Format: JPEG, Width: w, Height: h, Orientation: orientation, Frames: 1, Bands: 3, Bits: 8, Scans: 1}
}

// The sizes are worked out by hand from imgproxy's documented rules.
func TestGeometrySizes(t *testing.T) {
	for _, tc := range []struct {
		name       string
		w, h       int
		p          Params
		outW, outH int
		shrink     int
	}{
		{"nothing asked", 1000, 500, Params{}, 1000, 500, 1},
		{"fit by width", 2725, 2225, Params{Width: 720}, 720, 588, 2},
		{"fit by height", 1000, 500, Params{Height: 100}, 200, 100, 2},
		{"fit in a box, width binds", 1000, 500, Params{Width: 100, Height: 100}, 100, 50, 4},
		{"fit in a box, height binds", 500, 1000, Params{Width: 100, Height: 100}, 50, 100, 4},
		{"fit never enlarges", 100, 50, Params{Width: 400}, 100, 50, 1},
		{"fit enlarges when asked", 100, 50, Params{Width: 400, Enlarge: true}, 400, 200, 1},
		{"fill", 1000, 500, Params{Mode: Fill, Width: 100, Height: 100}, 100, 100, 2},
		{"fill of a smaller source cuts to the box", 100, 300, Params{Mode: Fill, Width: 200, Height: 200}, 100, 200, 1},
		{"fill-down keeps the box's proportions", 100, 100, Params{Mode: FillDown, Width: 300, Height: 200}, 100, 67, 1},
		{"fill-down of a bigger source is fill", 1000, 1000, Params{Mode: FillDown, Width: 300, Height: 200}, 300, 200, 2},
		{"force", 1000, 500, Params{Mode: Force, Width: 100, Height: 100}, 100, 100, 2},
		{"force keeps a side that is not given", 1000, 500, Params{Mode: Force, Width: 100}, 100, 500, 1},
		{"auto fills within one orientation", 1000, 500, Params{Mode: Auto, Width: 200, Height: 150}, 200, 150, 2},
		{"auto fits across orientations", 1000, 500, Params{Mode: Auto, Width: 150, Height: 200}, 150, 75, 4},
		{"dpr multiplies", 1000, 500, Params{Width: 100, DPR: 2}, 200, 100, 2},
		{"dpr stops at the source", 1000, 500, Params{Width: 600, DPR: 2}, 1000, 500, 1},
		{"dpr below one", 1000, 500, Params{Width: 400, DPR: 0.5}, 200, 100, 2},
		{"no side vanishes", 10000, 10, Params{Width: 100}, 100, 1, 4},
		{"rotation swaps what is asked", 1000, 500, Params{Width: 100, Rotate: 90}, 100, 200, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewGeometry(jpegInfo(tc.w, tc.h, 1), tc.p)
			if g.Width != tc.outW || g.Height != tc.outH || g.Shrink != tc.shrink {
				t.Errorf("got %dx%d, shrink %d; want %dx%d, shrink %d", g.Width, g.Height, g.Shrink, tc.outW, tc.outH,
					tc.shrink)
			}
		})
	}
}

func TestGeometryOfAnOrientedPictureIsThatOfTheUprightOne(t *testing.T) {
	for o := 1; o <= 8; o++ {
		w, h := 6000, 4000
		if o >= 5 {
			w, h = h, w
		}
		for _, p := range []Params{{Width: 600}, {Mode: Fill, Width: 300, Height: 300, Gravity: At(NorthWest)},
			{Rotate: 90, Height: 90}} {
			g, up := NewGeometry(jpegInfo(w, h, o), p), NewGeometry(jpegInfo(6000, 4000, 1), p)
			if g.Width != up.Width || g.Height != up.Height || g.Shrink != up.Shrink {
				t.Errorf("orientation %d, %v: got %dx%d/%d, upright %dx%d/%d", o, p, g.Width, g.Height, g.Shrink,
					up.Width, up.Height, up.Shrink)
			}
		}
	}
}

// The rest of the factor is the resampler's: at least 1.6 loaded pixels for one of the
// result.
func TestShrinkLeavesHeadroom(t *testing.T) {
	for _, tc := range []struct{ width, shrink int }{
		{1000, 1}, {500, 1}, {320, 1}, {312, 2}, {250, 2}, {157, 2}, {156, 4}, {79, 4}, {78, 8}, {1, 8},
	} {
		if g := NewGeometry(jpegInfo(1000, 1000, 1), Params{Width: tc.width}); g.Shrink != tc.shrink {
			t.Errorf("1000 pixels to %d: shrink %d, want %d", tc.width, g.Shrink, tc.shrink)
		}
	}
}

func TestWebPIsScaledWithHeadroom(t *testing.T) {
	for _, tc := range []struct {
		width int
		info  Info
		scale float64
	}{
		{1000, Info{}, 1}, {600, Info{}, 1}, {400, Info{}, 0.64}, {100, Info{}, 0.16},
		{400, Info{Lossless: true}, 0.64},
		{100, Info{Alpha: true}, 1}, {100, Info{Alpha: true, Lossless: true}, 1}, {100, Info{Frames: 2}, 1},
	} {
		tc.info.Format, tc.info.Width, tc.info.Height = WebP, 1000, 500
		tc.info.Frames = max(1, tc.info.Frames)
		if g := NewGeometry(tc.info, Params{Width: tc.width}); math.Abs(g.Scale-tc.scale) > 1e-9 {
			t.Errorf("%+v to %d: scale %v, want %v", tc.info, tc.width, g.Scale, tc.scale)
		}
	}
}

// A shrink that does not divide the sides leaves the window where it is in the source.
func TestWindowKeepsTheTrueEdges(t *testing.T) {
	for _, tc := range []struct {
		name string
		p    Params
		cut  Rect
		want Window
	}{
		{"whole", Params{Width: 100}, Rect{0, 0, 250, 150}, Window{0, 0, 250.75, 150.75}},
		{"crop", Params{Width: 100, Crop: Crop{Width: 801, Height: 401, Own: true, Gravity: At(SouthEast)}},
			Rect{51, 51, 199, 99}, Window{-0.5, -0.5, 200.25, 100.25}},
		{"smart crop", Params{Width: 100, Crop: Crop{Width: 801, Height: 401, Own: true, Gravity: At(Smart)}},
			Rect{26, 26, 199, 99}, Window{-0.625, -0.625, 200.25, 100.25}},
	} {
		g := NewGeometry(jpegInfo(1003, 603, 1), tc.p)
		if g.Shrink != 4 || g.Cut != tc.cut || g.Window != tc.want {
			t.Errorf("%s: shrink %d, %+v of %+v, want %+v of %+v", tc.name, g.Shrink, g.Window, g.Cut, tc.want, tc.cut)
		}
	}
}

// apply does to one pixel's coordinates what the pipeline does after the
// resize: crop, turn, flip.
func apply(g Geometry, x, y int) (int, int, bool) {
	x, y = x-g.Crop.Left, y-g.Crop.Top
	if x < 0 || y < 0 || x >= g.Crop.Width || y >= g.Crop.Height {
		return 0, 0, false
	}
	w, h := g.Crop.Width, g.Crop.Height
	switch g.Angle {
	case 90:
		x, y = h-1-y, x
		w = h
	case 180:
		x, y = w-1-x, h-1-y
	case 270:
		x, y = y, w-1-x
		w = h
	}
	if g.Flip {
		x = w - 1 - x
	}
	return x, y, true
}

func TestGravityNamesTheCornerOfTheUprightPicture(t *testing.T) {
	// Where EXIF says the stored left top pixel of a w x h image belongs.
	corner := func(o, w, h int) (int, int) {
		switch o {
		case 1, 5:
			return 0, 0
		case 2, 6:
			return w - 1, 0
		case 3, 7:
			return w - 1, h - 1
		}
		return 0, h - 1
	}
	for o := 1; o <= 8; o++ {
		w, h := 60, 40
		if o >= 5 {
			w, h = h, w
		}
		for _, gravity := range []Anchor{NorthWest, NorthEast, SouthWest, SouthEast} {
			g := NewGeometry(jpegInfo(w, h, o), Params{Mode: Fill, Width: 20, Height: 40, Gravity: At(gravity)})
			x, y, kept := apply(g, 0, 0)
			cx, _ := corner(o, 60, 40)
			west := gravity == NorthWest || gravity == SouthWest
			if wantKept := (cx == 0) == west; kept != wantKept {
				t.Errorf("orientation %d, gravity %v: first pixel kept %v, want %v", o, gravity, kept, wantKept)
			}
			wantX, wantY := corner(o, 20, 40)
			if kept && (x != wantX || y != wantY) {
				t.Errorf("orientation %d, gravity %v: first pixel lands on %d,%d, want %d,%d", o, gravity, x, y, wantX,
					wantY)
			}
		}
	}
}

func drawInfo(t *rapid.T) Info {
	return Info{
		Format: rapid.SampledFrom(Inputs).Draw(t, "format"),
		Width:  rapid.IntRange(1, 70000).Draw(t, "w"), Height: rapid.IntRange(1, 70000).Draw(t, "h"),
		Orientation: rapid.IntRange(1, 8).Draw(t, "orientation"), Frames: 1,
		Bands: rapid.IntRange(1, 4).Draw(t, "bands"),
		Bits:  rapid.SampledFrom([]int{8, 10, 12, 16}).Draw(t, "bits"),
		Content: Rect{rapid.IntRange(0, 300).Draw(t, "left"), rapid.IntRange(0, 300).Draw(t, "top"),
			rapid.IntRange(0, 3000).Draw(t, "cw"), rapid.IntRange(0, 3000).Draw(t, "ch")},
	}
}

func drawGravity(t *rapid.T, last Anchor) Gravity {
	g := Gravity{Anchor: Anchor(rapid.IntRange(0, int(last)).Draw(t, "anchor"))}
	least, most := -2000.0, 2000.0
	if g.Anchor == FocalPoint {
		least, most = 0, 1
	}
	g.X, g.Y = rapid.Float64Range(least, most).Draw(t, "x"), rapid.Float64Range(least, most).Draw(t, "y")
	return g
}

func drawParams(t *rapid.T) Params {
	side := rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 3000), rapid.IntRange(0, MaxDimension))
	factor := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0.01, 4), rapid.Float64Range(0.0001, MaxDPR))
	area := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 1), rapid.Float64Range(1, 70000))
	pad := rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 300), rapid.IntRange(0, MaxDimension))
	return Params{
		Mode:  ResizeMode(rapid.IntRange(0, int(Auto)).Draw(t, "mode")),
		Width: side.Draw(t, "pw"), Height: side.Draw(t, "ph"), MinWidth: side.Draw(t, "mw"),
		MinHeight: side.Draw(t, "mh"),
		ZoomX:     factor.Draw(t, "zx"), ZoomY: factor.Draw(t, "zy"), DPR: factor.Draw(t, "dpr"),
		Enlarge:     rapid.Bool().Draw(t, "el"),
		Extend:      Extend{rapid.Bool().Draw(t, "ex"), drawGravity(t, SouthWest)},
		ExtendRatio: Extend{rapid.Bool().Draw(t, "exar"), drawGravity(t, SouthWest)},
		Gravity:     drawGravity(t, FocalPoint),
		Crop: Crop{Width: area.Draw(t, "cw"), Height: area.Draw(t, "ch"), Own: rapid.Bool().Draw(t, "own"),
			Gravity: drawGravity(t, FocalPoint),
			Ratio:   factor.Draw(t, "car"), Grow: rapid.Bool().Draw(t, "grow")},
		Trim: Trim{On: rapid.Bool().Draw(t, "trim"), EqualX: rapid.Bool().Draw(t, "eqx"),
			EqualY: rapid.Bool().Draw(t, "eqy")},
		Padding:        Padding{pad.Draw(t, "top"), pad.Draw(t, "right"), pad.Draw(t, "bottom"), pad.Draw(t, "left")},
		Rotate:         rapid.SampledFrom([]int{0, 90, 180, 270}).Draw(t, "rot"),
		FlipHorizontal: rapid.Bool().Draw(t, "flh"), FlipVertical: rapid.Bool().Draw(t, "flv"),
		Format:  rapid.SampledFrom(Outputs).Draw(t, "to"),
		MaxSide: rapid.SampledFrom([]int{0, 0, 100, 5000}).Draw(t, "mrd"),
	}
}

func TestGeometryIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		info, p := drawInfo(t), drawParams(t)
		g := NewGeometry(info, p)
		c := g.Crop
		if c.Width < 1 || c.Height < 1 || c.Left < 0 || c.Top < 0 || c.Left+c.Width > g.ScaledWidth ||
			c.Top+c.Height > g.ScaledHeight {
			t.Fatalf("crop %+v leaves the scaled picture %dx%d", c, g.ScaledWidth, g.ScaledHeight)
		}
		w, h := c.Width, c.Height
		if g.Angle%180 != 0 {
			w, h = h, w
		}
		if w != g.Picture.Width || h != g.Picture.Height || !g.Picture.inside(Rect{0, 0, g.Width, g.Height}) {
			t.Fatalf("the crop turns into %dx%d, which is to lie at %+v of %dx%d", w, h, g.Picture, g.Width, g.Height)
		}
		load := Rect{0, 0, g.LoadWidth, g.LoadHeight}
		if !g.Cut.inside(load) || !g.Frame.inside(load) || !g.Cut.inside(g.Frame) {
			t.Fatalf("of %dx%d decoded, %+v is cut out of %+v", g.LoadWidth, g.LoadHeight, g.Cut, g.Frame)
		}
		// Rounding inwards may take a pixel of each side.
		if g.Cut.Width+2 < g.ScaledWidth && g.LoadWidth < info.Width ||
			g.Cut.Height+2 < g.ScaledHeight && g.LoadHeight < info.Height {
			t.Fatalf("the decoder gives %+v, less than the %dx%d wanted", g.Cut, g.ScaledWidth, g.ScaledHeight)
		}
		w0 := g.Window
		if w0.Left <= -1 || w0.Top <= -1 || w0.Left+w0.Width >= float64(g.Cut.Width)+1+1e-6 ||
			w0.Top+w0.Height >= float64(g.Cut.Height)+1+1e-6 {
			t.Fatalf("%+v leaves %+v by a pixel or more", w0, g.Cut)
		}
		if longer := max(g.Width, g.Height); longer > p.Format.sideLimit() || p.MaxSide > 0 && longer > p.MaxSide {
			t.Fatalf("%dx%d is over what %v holds or %d", g.Width, g.Height, p.Format, p.MaxSide)
		}
		if ws := WorkingSet(info, g, p); ws <= 0 || ws%mib != 0 {
			t.Fatalf("working set %d", ws)
		}
	})
}

func TestLimits(t *testing.T) {
	l := Limits{MaxPixels: 100e6, MaxOutputSide: 8192}
	for _, tc := range []struct {
		info Info
		ok   bool
	}{
		{jpegInfo(10000, 10000, 1), true},
		{jpegInfo(10000, 10001, 1), false},
		{jpegInfo(65500, 65500, 1), false},
		{jpegInfo(1, 15_000_000, 1), false},
		{Info{Format: GIF, Width: 1, Height: 1, Frames: 5_000_000}, true},
		{Info{Format: PNG, Width: 1, Height: 1, Frames: math.MaxInt32}, true},
		{Info{Format: WebP, Width: 1, Height: 1, Frames: 5_000_000}, true},
	} {
		if err := l.CheckSource(tc.info); errors.Is(err, ErrLimit) == tc.ok {
			t.Errorf("%dx%d, %d frames: %v", tc.info.Width, tc.info.Height, tc.info.Frames, err)
		}
	}
	for _, tc := range []struct {
		limits Limits
		w      int
		f      Format
		ok     bool
	}{
		{l, 8192, JPEG, true}, {l, 8193, JPEG, false},
		{Limits{}, 16383, WebP, true}, {Limits{}, 16384, WebP, false},
		{Limits{}, 16384, AVIF, true}, {Limits{}, 16385, AVIF, false},
	} {
		err := tc.limits.CheckResult(Geometry{Width: tc.w, Height: 1}, tc.f)
		if errors.Is(err, ErrLimit) == tc.ok {
			t.Errorf("%d as %v: %v", tc.w, tc.f, err)
		}
	}
}

func TestSidesThatAreTooDifferentAreALimit(t *testing.T) {
	g := NewGeometry(Info{Format: PNG, Width: 1, Height: 20000, Orientation: 1, Frames: 1, Bands: 3, Bits: 8},
		Params{Mode: Fill, Width: 4000, Height: 4000, Enlarge: true})
	if err := (Limits{}).CheckResult(g, PNG); !errors.Is(err, ErrLimit) {
		t.Errorf("%+v: %v", g, err)
	}
}

func TestParamsString(t *testing.T) {
	for _, tc := range []struct {
		p    Params
		want string
	}{
		{Params{}, ""},
		{Params{Width: 720, Quality: 80, Format: JPEG}, "w:720/q:80/f:jpg"},
		{Params{Mode: FillDown, Width: 1, Height: 2, DPR: 1.5, Enlarge: true, Gravity: At(SouthEast),
			Rotate: 270, IgnoreOrientation: true, Quality: 3, Format: AVIF, KeepMetadata: true},
			"rt:fill-down/w:1/h:2/dpr:1.5/el:1/g:soea/ar:0/rot:270/sm:0/q:3/f:avif"},
	} {
		if got := tc.p.String(); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

func TestNormalize(t *testing.T) {
	for _, tc := range []struct {
		in, want Params
		ok       bool
	}{
		{Params{Rotate: -90, DPR: 1}, Params{Rotate: 270}, true},
		{Params{Rotate: 720}, Params{}, true},
		{Params{Rotate: 45}, Params{}, false},
		{Params{Width: -1}, Params{}, false},
		{Params{Height: MaxDimension + 1}, Params{}, false},
		{Params{Quality: 101}, Params{}, false},
		{Params{DPR: -1}, Params{}, false},
	} {
		t.Run(fmt.Sprint(tc.in), func(t *testing.T) {
			got, err := tc.in.Normalize()
			if (err == nil) != tc.ok || tc.ok && got != tc.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
