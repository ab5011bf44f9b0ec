package transform

import (
	"fmt"
	"strings"
	"testing"
)

func TestChanges(t *testing.T) {
	info := Info{Format: JPEG, Width: 400, Height: 300, Orientation: 1, Frames: 1, Bands: 3, Bits: 8}
	changed := func(change func(*Info)) Info {
		i := info
		change(&i)
		return i
	}
	for options, want := range map[string]bool{
		"f:jpg": false, "f:jpg/q:100": false, "f:jpg/w:400": false, "f:jpg/w:900": false, "f:jpg/sm:0": false, "f:jpg/mb:10": false, "f:jpg/bg:fff": false,
		"f:webp": true, "f:jpg/w:399": true, "f:jpg/w:500/el:1": true, "f:jpg/rot:90": true, "f:jpg/fl:1": true, "f:jpg/c:100:100": true, "f:jpg/pd:1": true,
		"f:jpg/bl:1": true, "f:jpg/sh:1": true, "f:jpg/pix:2": true, "f:jpg/br:1": true, "f:jpg/co:2": true, "f:jpg/sa:2": true, "f:jpg/mc:1": true,
		"f:jpg/wm:1": true, "f:jpg/rc:1": true, "f:jpg/mk:circle": true, "f:jpg/jpgo:1": true,
	} {
		p, err := set(options)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Changes(info, NewGeometry(info, p)); got != want {
			t.Errorf("%s: %v, want %v", options, got, want)
		}
	}
	for name, i := range map[string]Info{
		"turned": changed(func(i *Info) { i.Orientation = 6 }), "several frames": changed(func(i *Info) { i.Frames = 2 }),
		"a profile": changed(func(i *Info) { i.Profile = true }), "deep": changed(func(i *Info) { i.Bits = 16 }),
	} {
		if p := (Params{Format: JPEG}); !p.Changes(i, NewGeometry(i, p)) {
			t.Errorf("%s: it is served as it is", name)
		}
	}
	glass := changed(func(i *Info) { i.Format, i.Alpha = PNG, true })
	p, _ := set("f:png/bg:fff")
	if !p.Changes(glass, NewGeometry(glass, p)) {
		t.Error("a background does not show")
	}
}

// grid is an image of 2 by 3 pixels, each with a letter.
type grid []string

func (g grid) turned() (out grid) {
	for x := range g[0] {
		row := ""
		for y := range g {
			row = string(g[y][x]) + row
		}
		out = append(out, row)
	}
	return out
}

func (g grid) mirrored() (out grid) {
	for _, row := range g {
		back := ""
		for _, c := range row {
			back = string(c) + back
		}
		out = append(out, back)
	}
	return out
}

// uprightOf is what EXIF 2.32 §4.6.5 says of an orientation: which sides of the
// stored image the first row and the first column are.
func (g grid) uprightOf(orientation int) grid {
	turns := map[int]int{3: 2, 4: 2, 5: 1, 6: 1, 7: 3, 8: 3}[orientation]
	for range turns {
		g = g.turned()
	}
	if strings.ContainsRune("2457", rune('0'+orientation)) {
		g = g.mirrored()
	}
	return g
}

// A source is served as it is only where its pixels and what its EXIF says of
// them are both still true.
func TestChangesByOrientation(t *testing.T) {
	stored := grid{"ab", "cd", "ef"}
	for orientation := 1; orientation <= 8; orientation++ {
		for degrees := 0; degrees <= 360; degrees += 90 {
			for flips := range 4 {
				options := fmt.Sprintf("f:jpg/rot:%d/fl:%d:%d", degrees, flips&1, flips>>1)
				p, err := set(options)
				if err != nil {
					t.Fatal(err)
				}
				out := stored.uprightOf(orientation)
				for range degrees / 90 {
					out = out.turned()
				}
				if flips&1 != 0 {
					out = out.mirrored()
				}
				if flips&2 != 0 {
					out = out.turned().turned().mirrored()
				}
				info := Info{Format: JPEG, Width: 200, Height: 300, Orientation: orientation, Frames: 1, Bands: 3,
					Bits: 8}
				same := fmt.Sprint(out) == fmt.Sprint(stored)
				g := NewGeometry(info, p)
				if g.Turns() == same {
					t.Errorf("%d, %s: pixels move is %v", orientation, options, g.Turns())
				}
				if got, want := p.Changes(info, g), !same || orientation != 1; got != want {
					t.Errorf("%d, %s: a change is %v", orientation, options, got)
				}
			}
		}
	}
}
