package signedurl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

var someRules = UnsignedRules{Widths: []int{320, 640, 960}, Heights: []int{200}, Qualities: []int{50, 80},
	DPRs: []float64{1, 2}, Formats: []transform.Format{transform.WebP}, Auto: true, Presets: []string{"card"}}

func rulesDialect(t testing.TB) *Dialect {
	return newDialect(t, DialectConfig{Presets: map[string]string{"default": "ar:1", "card": "rs:fill:300:300",
		"secret": "w:111"}})
}

// What paths without a signature may ask for, and which rule refuses the others.
func TestParseUnderRules(t *testing.T) {
	d := rulesDialect(t)
	snap := someRules
	snap.Snap = true
	for _, tc := range []struct {
		rules UnsignedRules
		path  string
		want  string // of the options, or of the error
	}{
		{someRules, "/w:320/plain/a.jpg", "w:320"},
		{someRules, "/rs:fit:640/plain/a.jpg", "w:640"},
		{someRules, "/w:320/h:200/q:80/dpr:2/plain/a.jpg@webp", "w:320/h:200/dpr:2/q:80/f:webp"},
		{someRules, "/w:320/dpr:1/plain/a.jpg", "w:320"},
		{someRules, "/h:200/f:auto/plain/a.jpg", "h:200"},
		{someRules, "/pr:card/plain/a.jpg", "rt:fill/w:300/h:300"},
		{someRules, "/pr:card/w:640/plain/a.jpg", "rt:fill/w:640/h:300"},
		{someRules, "/plain/a.jpg", "it needs a width"},
		{someRules, "/w:321/plain/a.jpg", "width 321 is not listed"},
		{someRules, "/w:0/h:201/plain/a.jpg", "height 201 is not listed"},
		{someRules, "/w:320/q:81/plain/a.jpg", "quality 81 is not listed"},
		{someRules, "/w:320/dpr:3/plain/a.jpg", "dpr 3 is not listed"},
		{someRules, "/w:320/plain/a.jpg@avif", "format avif is not listed"},
		{someRules, "/w:320/f:png/plain/a.jpg", "format png is not listed"},
		{someRules, "/pr:secret/plain/a.jpg", `preset "secret" is not listed`},
		{someRules, "/w:320/pr:card:secret/plain/a.jpg", `preset "secret" is not listed`},
		{someRules, "/w%3A320/blur%3A3/plain/a.jpg", "only width"},
		{someRules, "/w:320/cb:1/plain/a.jpg", "only width"},
		{someRules, "/w:320/exp:99999999999/plain/a.jpg", "only width"},
		{someRules, "/w:320/rt:fill/plain/a.jpg", "only width"},
		{someRules, "/w:320/el:1/plain/a.jpg", "only width"},
		{someRules, "/w:320/raw:1/plain/a.jpg", "only width"},
		{someRules, "/w:320/fq:jpg:20/plain/a.jpg", "only width"},
		{someRules, "/w:320/tags:x/plain/a.jpg", ""},
		{someRules, "/w:320/msr:9/plain/a.jpg", "only width"},
		{someRules, "/w:320/ar:0/plain/a.jpg", "only width"},
		{snap, "/w:1/plain/a.jpg", "w:320"},
		{snap, "/w:321/h:1/plain/a.jpg", "w:640/h:200"},
		{snap, "/w:9999/plain/a.jpg", "w:960"},
		{UnsignedRules{}, "/plain/a.jpg", "ok"},
		{UnsignedRules{}, "/w:1/plain/a.jpg", "width 1 is not listed"},
		{UnsignedRules{}, "/f:auto/plain/a.jpg", "format auto is not listed"},
		{UnsignedRules{Widths: []int{0, 5}}, "/plain/a.jpg", "ok"},
	} {
		r, err := d.ParseUnderRules(tc.path, tc.rules)
		switch {
		case err == nil && (r.Params.String() == tc.want || tc.want == "ok" && r.Source == "a.jpg"):
		case errors.Is(err, ErrUnsigned) && tc.want != "" && strings.Contains(err.Error(), tc.want):
		case err != nil && tc.want == "" && !errors.Is(err, ErrUnsigned): // no path at all
		default:
			t.Errorf("%s: %q, %v; want %s", tc.path, r.Params.String(), err, tc.want)
		}
	}
	only := newDialect(t, DialectConfig{Presets: map[string]string{"card": "w:300", "secret": "w:111"},
		OnlyPresets: true})
	if r, err := only.ParseUnderRules("/card/plain/a.jpg", someRules); err != nil || r.Params.Width != 300 {
		t.Error(r, err)
	}
	for _, path := range []string{"/secret/plain/a.jpg", "/card:secret/plain/a.jpg"} {
		if _, err := only.ParseUnderRules(path, someRules); !errors.Is(err, ErrUnsigned) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Whatever a path says, what comes of it is one of the few requests that the rules combine to.
func FuzzParseUnderRules(f *testing.F) {
	for _, seed := range []string{"/w:320/plain/a", "/pr:card/h:200/q:80/plain/a@webp", "/w%3A320/f:auto/YQ",
		"/pr::card/plain/a", "/rs:fit:320:200:0:0/dpr:2/plain/a", "/size:320/plain/a", "//w:320//plain/a", "/s:320:200:1/plain/a", "/raw:1/plain/a"} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	d := rulesDialect(f)
	f.Fuzz(func(t *testing.T, path string, snap bool) {
		rules := someRules
		rules.Snap = snap
		r, err := d.ParseUnderRules(path, rules)
		if err != nil {
			return
		}
		p := r.Params
		bases := []Request{{}, {}}
		bases[1].Params.Mode, bases[1].Params.Width, bases[1].Params.Height = transform.Fill, 300, 300
		for _, base := range bases {
			q := base.Params
			q.Width, q.Height, q.DPR, q.Quality, q.Format = p.Width, p.Height, p.DPR, p.Quality, p.Format
			base.Params, base.Source, base.Auto = q, r.Source, r.Auto
			if r == base && slices.Contains([]int{0, 300, 320, 640, 960}, p.Width) &&
				slices.Contains([]int{0, 200, 300}, p.Height) && slices.Contains([]float64{0, 2}, p.DPR) &&
				slices.Contains([]int{0, 50, 80}, p.Quality) && (p.Format == 0 || p.Format == transform.WebP) &&
				(p.Width != 0 || p.Height != 0) {
				return
			}
		}
		t.Error(fmt.Sprintf("%q gives ", path), r.Canonical())
	})
}
