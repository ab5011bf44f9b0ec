package vips

import (
	"encoding/base64"
	"math"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
	"github.com/pictor-proxy/pictor/transform/placeholder"
)

// waves are what a ThumbHash says of the waves in its image: the means and scales, and for each wave its share, from
// -1 to 1, of full brightness (evanw.github.io/thumbhash).
type waves struct{ means, scales, shares []float64 }

func readWaves(t testing.TB, text string) (w waves) {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) < 5 {
		t.Fatalf("%q is no ThumbHash", text)
	}
	at := func(n, from, bits int) float64 { return float64(n>>from&(1<<bits-1)) / float64(int(1)<<bits-1) }
	header, shape := int(b[0])|int(b[1])<<8|int(b[2])<<16, int(b[3])|int(b[4])<<8
	hasAlpha, wide := header>>23 != 0, shape>>15 != 0
	w.means = []float64{at(header, 0, 6), at(header, 6, 6), at(header, 12, 6)}
	w.scales = []float64{at(header, 18, 5), at(shape, 3, 6), at(shape, 9, 6)}
	across, down := shape&7, 7
	if hasAlpha {
		down = 5
		w.means, w.scales = append(w.means, at(int(b[5]), 0, 4)), append(w.scales, at(int(b[5]), 4, 4))
		b = b[1:]
	}
	if wide {
		across, down = down, across
	}
	sizes := [][2]int{{max(3, across), max(3, down)}, {3, 3}, {3, 3}, {5, 5}}
	digit := 0
	for channel, scale := range w.scales {
		nx, ny := sizes[channel][0], sizes[channel][1]
		for y := range ny {
			for x := 0; x*ny < nx*(ny-y); x++ {
				if x == 0 && y == 0 {
					continue
				}
				n := int(b[5+digit/2]) >> (digit % 2 * 4)
				w.shares = append(w.shares, scale*(2*at(n, 0, 4)-1))
				digit++
			}
		}
	}
	return w
}

// apartBy is the largest difference between two ThumbHashes, as a part of full brightness.
func (w waves) apartBy(other waves) (most float64) {
	for _, lists := range [][2][]float64{{w.means, other.means}, {w.scales, other.scales}, {w.shares, other.shares}} {
		if len(lists[0]) != len(lists[1]) {
			return math.Inf(1)
		}
		for i, v := range lists[0] {
			most = max(most, math.Abs(v-lists[1][i]))
		}
	}
	return most
}

// asItsFormat is the placeholder that the format of its name gives with the options of a result, on the background that
// a result without transparency has.
func asItsFormat(t testing.TB, b []byte, p transform.Params) string {
	t.Helper()
	kind := p.Placeholder
	if !p.Format.HasAlpha() && !p.Background.On {
		p.Background = transform.Background{On: true, Color: transform.Color{255, 255, 255}}
	}
	p.Placeholder, p.Format, p.Still, p.MaxSide = transform.NoPlaceholder, transform.PNG, true, placeholder.Side
	p.KeepProfile, p.PreserveHDR, p.MaxBytes, p.AutoQuality = false, false, 0, transform.AutoQuality{}
	p.PNG = transform.PNGOptions{}
	small := placeholder.Of(pixels(t, run(t, b, p)))
	return small.Text(kind)
}

// The placeholder of a result is that of the format of the same name: to the letter where the result is as small as
// that makes it, else within 3 % of full brightness in every wave. A digit of a hash is a step of up to 13 %
// of its channel's scale, and falls to one or the other side.
func TestPlaceholdersOfResults(t *testing.T) {
	const most = 0.03
	w, h := 1358, 1021
	jpg, glass := picturetest.JPEG(picturetest.Photo(w, h, 3), 90), picturetest.PNG(picturetest.Glass(w, h))
	chart := picturetest.PNG(picturetest.Chart(700, 500))
	movie := picturetest.PhotoMovie(320, 200, 3).Encode()
	for name, tc := range map[string]struct {
		source  []byte
		options string
		formats string
	}{
		"photo":            {jpg, "w:640", "jpg png webp gif avif jxl ico"},
		"whole":            {jpg, "", "jpg"},
		"transparent":      {glass, "w:400", "jpg png webp avif"},
		"in HDR":           {hdr{9, 16, 0}.inPNG(chart), "w:400/ph:1", "png avif"},
		"in its profile":   {picturetest.WithJPEGProfile(jpg, picturetest.Profile("mntr", "RGB ")), "w:300/scp:0", "jpg"},
		"of inks":          {cmykJPEG(t, picturetest.Photo(300, 200, 3)), "", "jpg"},
		"turned":           {picturetest.WithOrientation(jpg, 6), "w:333/bl:2/rot:90", "webp"},
		"of a search":      {jpg, "w:300/aq:ssimulacra2:60", "jpg webp"},
		"within bytes":     {jpg, "w:400/mb:9000", "jpg"},
		"interlaced":       {chart, "pngo:1", "png"},
		"with a palette":   {chart, "w:350/pngo:0:1:16", "png"},
		"animated":         {movie, "w:160", "gif webp"},
		"a part of it":     {movie, "w:160/mb:20000/page:0", "webp"},
		"extended":         {chart, "w:300/h:300/ex:1/bg:ff8800", "jpg"},
		"of a wide screen": {picturetest.JPEG(picturetest.Photo(2000, 90, 3), 90), "", "jpg webp"},
	} {
		kinds := []string{"thumbhash", "blurhash", "color"}
		for f := range strings.FieldsSeq(tc.formats) {
			for _, kind := range kinds {
				p := parse(t, strings.TrimPrefix(tc.options+"/plh:"+kind+"/f:"+f, "/"))
				got, want := run(t, tc.source, p).Placeholder, asItsFormat(t, tc.source, p)
				if !p.Placeholder.Possible(got) || len(got) != len(want) {
					t.Errorf("%s as %s: %s %q, want %q", name, f, kind, got, want)
				} else if kind == "thumbhash" {
					if d := readWaves(t, got).apartBy(readWaves(t, want)); d > most {
						t.Errorf("%s as %s: ThumbHash %s is %.3f away from %s", name, f, got, d, want)
					}
				}
				p.Width, p.Height = 80, 60
				if got, want := run(t, tc.source, p).Placeholder, asItsFormat(t, tc.source, p); got != want &&
					!p.KeepProfile && !p.PreserveHDR {
					t.Errorf("%s as a small %s: %s %q, want %q", name, f, kind, got, want)
				}
			}
			kinds = kinds[:1]
		}
	}
	if pic := run(t, jpg, parse(t, "w:100/f:jpg")); pic.Placeholder != "" {
		t.Errorf("nobody asked for %q", pic.Placeholder)
	}
}

// Outputs that share a decode have a placeholder each, as they ask for it.
func TestPlaceholdersOfASharedDecode(t *testing.T) {
	var outputs []transform.Params
	for _, options := range []string{"w:600/plh:thumbhash", "w:300", "w:150/plh:color", "w:90/plh:thumbhash"} {
		outputs = append(outputs, parse(t, options+"/f:webp"))
	}
	shared, single := together(t, picturetest.JPEG(picturetest.Photo(1358, 1021, 3), 90), outputs)
	for i, p := range outputs {
		if len(shared[i].Placeholder) != len(single[i].Placeholder) ||
			p.Placeholder.On() != (shared[i].Placeholder != "") {
			t.Errorf("%v: %q, alone %q", p, shared[i].Placeholder, single[i].Placeholder)
		}
		if p.Placeholder != transform.ThumbHash {
			continue
		}
		if d := readWaves(t, shared[i].Placeholder).apartBy(readWaves(t, single[i].Placeholder)); d > 0.03 {
			t.Errorf("%v: %q is %.3f away from %q", p, shared[i].Placeholder, d, single[i].Placeholder)
		}
	}
}
