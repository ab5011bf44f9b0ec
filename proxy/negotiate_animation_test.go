package proxy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// What is negotiated moves if the source does, and every request after it is a hit of the same.
func TestNegotiatedAnimations(t *testing.T) {
	const noWebP = "image/avif,*/*"
	for _, tc := range []struct {
		frames       int
		path, accept string
		format       transform.Format
		results      int // frames of the result
	}{
		{3, "w:20/f:auto", chrome, transform.WebP, 3},
		{1, "w:20/f:auto", chrome, transform.AVIF, 1},
		{3, "w:20/f:auto", "image/avif;q=0.5,image/webp;q=0.1", transform.WebP, 3},
		{3, "w:20/f:auto", noWebP, transform.GIF, 3},
		{1, "w:20/f:auto", noWebP, transform.AVIF, 1},
		{3, "w:20/f:auto", "image/webp", transform.WebP, 3},
		{3, "w:20/f:auto", "*/*", transform.GIF, 3},
		{3, "w:20/f:avif", chrome, transform.AVIF, 1},
		{3, "w:20/da:1/f:auto", chrome, transform.AVIF, 1},
		{3, "w:20/da:1/f:auto", "*/*", transform.GIF, 1},
		{3, "w:20/mf:2/f:auto", chrome, transform.WebP, 2},
		{3, "w:20/mf:1/f:auto", chrome, transform.AVIF, 1},
	} {
		t.Run(fmt.Sprint(tc.frames, tc.path, tc.accept), func(t *testing.T) {
			r := newRig(t, nil)
			r.picture = gifOf(tc.frames)
			resp, body := r.must(r.path(tc.path), "Accept", tc.accept)
			if resp.StatusCode != http.StatusOK {
				t.Fatal(resp.Status, body)
			}
			if vary := resp.Header.Get("Vary"); (vary == "Accept") != strings.Contains(tc.path, "auto") {
				t.Errorf("Vary is %q", vary)
			}
			job := r.painter.last.Load()
			if out := job.Outputs[0]; out.Format != tc.format || transform.ResultFrames(job.Info, out) != tc.results {
				t.Errorf("%v with %d frames", out.Format, transform.ResultFrames(job.Info, out))
			}
			for range 3 {
				again, other := r.must(r.path(tc.path), "Accept", tc.accept)
				if status := again.Header.Get("Cache-Status"); !strings.Contains(status, "hit") || other != body {
					t.Error(status)
				}
			}
			if n := r.painter.results.Load(); n != 1 {
				t.Errorf("%d jobs", n)
			}
		})
	}
}

// An animation that browsers get is that which was warmed.
func TestWarmedAnimations(t *testing.T) {
	r := newRig(t, nil)
	r.picture = gifOf(2)
	if images, end := r.warm(WarmRequest{URLs: []string{r.path("w:20/f:auto")}}); len(images) != 3 || end.Warmed != 3 {
		t.Fatalf("%+v, %+v", images, end.WarmTotals)
	}
	for _, accept := range []string{chrome, "image/webp", "*/*"} {
		if got := r.status(r.path("w:20/f:auto"), "Accept", accept); !strings.HasPrefix(got, "hit; ") {
			t.Errorf("%s: %s", accept, got)
		}
	}
}
