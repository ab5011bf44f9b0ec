package transform

import "testing"

// moving is an animation of so many frames.
func moving(f Format, frames int) Info {
	return Info{Format: f, Width: 480, Height: 270, Orientation: 1, Frames: frames, Bands: 3, Bits: 8}
}

func TestAnimationsAreServedAsTheyAre(t *testing.T) {
	for options, want := range map[string]bool{"f:gif": false, "f:gif/w:480": false, "f:gif/w:400": true,
		"f:webp": true, "f:gif/bl:1": true} {
		p, err := set(options)
		if err != nil {
			t.Fatal(err)
		}
		info := moving(GIF, 9)
		if got := p.Changes(info, NewGeometry(info, p)); got != want {
			t.Errorf("%s: %v, want %v", options, got, want)
		}
	}
	info := moving(GIF, 9)
	for _, p := range []Params{{Format: GIF, Still: true}, {Format: GIF, Page: 2}, {Format: GIF, MaxFrames: 8}} {
		if !p.Changes(info, NewGeometry(info, p)) {
			t.Errorf("%+v changes nothing", p)
		}
	}
}

func TestAnimationsShareNoDecode(t *testing.T) {
	for _, p := range []Params{{Format: GIF}, {Format: WebP, Width: 100}, {Format: PNG, Page: 3}} {
		if SharesDecode(moving(GIF, 9), p) {
			t.Errorf("%+v shares a decode", p)
		}
	}
	if !SharesDecode(moving(GIF, 9), Params{Format: PNG}) {
		t.Error("a still image of the first frame shares none")
	}
}

func TestCostOfAnAnimationGrowsWithItsFrames(t *testing.T) {
	for _, f := range []Format{GIF, WebP} {
		p := Params{Format: f, Width: 240}
		cost := func(frames int) (memory, result int64, cpu float64) {
			info := moving(GIF, frames)
			g := NewGeometry(info, p)
			cpu = CPUTime(Job{Info: info, Outputs: []Params{p}}).Seconds()
			return WorkingSet(info, g, p), ResultBytes(info, g, p), cpu
		}
		few, fewBytes, fewCPU := cost(100)
		many, manyBytes, manyCPU := cost(1000)
		encoded := int64(240 * 135 * 900 / 2)
		if many < few+encoded || manyBytes < fewBytes+encoded || manyCPU < 5*fewCPU {
			t.Errorf("%v: %d, %d, %.0f s for 100 frames, %d, %d, %.0f s for 1000", f, few, fewBytes, fewCPU,
				many, manyBytes, manyCPU)
		}
		if endless, _, _ := cost(1 << 40); endless < many {
			t.Errorf("%v: the estimate overflows: %d", f, endless)
		}
	}
	still := Params{Format: JPEG, Width: 240}
	info := moving(WebP, 3)
	g := NewGeometry(info, still)
	if a, b := WorkingSet(moving(WebP, 4000), g, still), WorkingSet(info, g, still); a > b+mib {
		t.Errorf("a still image takes %d of 4000 frames, and %d of 3", a, b)
	}
}

func TestKeepsColours(t *testing.T) {
	info := moving(GIF, 9)
	for options, want := range map[string]bool{
		"f:gif": true, "f:gif/c:100:100": true, "f:gif/rot:90": true, "f:gif/fl:1": true, "f:gif/w:400": false,
		"f:gif/bg:fff": false, "f:gif/br:1": false, "f:gif/bl:1": false, "f:gif/wm:1": false, "f:gif/rc:3": false,
		"f:gif/sa:0.5": false, "f:gif/mc:1": false,
	} {
		p, err := set(options)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.KeepsColours(NewGeometry(info, p)); got != want {
			t.Errorf("%s: %v, want %v", options, got, want)
		}
	}
}
