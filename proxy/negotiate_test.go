package proxy

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

const chrome = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"

func TestNegotiate(t *testing.T) {
	for _, tc := range []struct {
		offered []transform.Format
		path    string
		accept  []string
		want    transform.Format
		varies  bool
	}{
		{nil, "/f:auto/plain/x", []string{chrome}, transform.AVIF, true},
		{nil, "/plain/x@auto", []string{chrome}, transform.AVIF, true},
		{nil, "/plain/x", []string{chrome}, transform.FormatUnknown, false},
		{nil, "/f:auto/plain/x@png", []string{chrome}, transform.PNG, false},
		{nil, "/f:png/plain/x@auto", []string{chrome}, transform.AVIF, true},
		{nil, "/f:auto/plain/x", []string{"image/webp,*/*"}, transform.WebP, true},
		{nil, "/f:auto/plain/x", []string{"*/*"}, transform.FormatUnknown, true},
		{nil, "/f:auto/plain/x", nil, transform.FormatUnknown, true},
		{nil, "/f:auto/plain/x", []string{"image/avif;q=0, image/webp;q=0.5"}, transform.WebP, true},
		{nil, "/f:auto/plain/x", []string{"image/avif;q=0.3", "image/webp;q=0.8"}, transform.WebP, true},
		{nil, "/f:auto/plain/x", []string{"IMAGE/AVIF ; Q=1.0"}, transform.AVIF, true},
		{nil, "/f:auto/plain/x", []string{"image/avif;q=nan,image/webp;q=7"}, transform.FormatUnknown, true},
		{[]transform.Format{transform.WebP}, "/plain/x", []string{chrome}, transform.WebP, true},
		{[]transform.Format{transform.WebP, transform.AVIF}, "/f:auto/plain/x", []string{chrome}, transform.WebP, true},
		{[]transform.Format{transform.WebP}, "/f:jpg/plain/x", []string{chrome}, transform.JPEG, false},
		{[]transform.Format{transform.WebP}, "/raw:1/plain/x", []string{chrome}, transform.FormatUnknown, false},
	} {
		req, err := signedurl.ParseUnsigned(tc.path)
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{cfg: Config{inForce: &atomic.Pointer[rulesInForce]{}}}
		s.cfg.inForce.Store(&rulesInForce{RuntimeConfig: RuntimeConfig{AutoFormats: tc.offered}})
		varies := s.negotiateFormat(nil, &req, tc.accept)
		if req.Params.Format != tc.want || varies != tc.varies {
			t.Errorf("%s with %q: %v, %v; want %v, %v", tc.path, tc.accept, req.Params.Format, varies, tc.want,
				tc.varies)
		}
	}
}

func TestBaseFormat(t *testing.T) {
	s, auto := &Server{}, signedurl.Request{Auto: true}
	for info, want := range map[transform.Info]transform.Format{
		{Format: transform.JPEG}: transform.JPEG, {Format: transform.GIF}: transform.GIF,
		{Format: transform.PNG, Alpha: true}: transform.PNG,
		{Format: transform.WebP}:             transform.JPEG, {Format: transform.AVIF}: transform.JPEG,
		{Format: transform.WebP, Alpha: true}: transform.PNG,
	} {
		if got := s.fallbackFormat(auto, info); got != want {
			t.Errorf("%v: %v, want %v", info.Format, got, want)
		}
		if got := s.fallbackFormat(signedurl.Request{}, info); got != info.Format {
			t.Errorf("%v is not its own", info.Format)
		}
	}
}

// However many ways there are of writing Accept, there are four entries: AVIF for clients that
// take WebP of an animation, and for those that do not; WebP; none of these.
func TestNegotiatedEntries(t *testing.T) {
	r := newRig(t, nil)
	path := r.path("w:100/f:auto")
	for _, accept := range []string{chrome, "image/avif", "image/avif,image/webp", "image/webp", "image/webp,*/*;q=0.1",
		"*/*", "text/html", ""} {
		resp, _ := r.must(path, "Accept", accept)
		if resp.StatusCode != 200 || resp.Header.Get("Vary") != "Accept" {
			t.Errorf("%s: %d, Vary %q", accept, resp.StatusCode, resp.Header.Get("Vary"))
		}
		again, _ := r.must(path, "Accept", accept, "If-None-Match", resp.Header.Get("Etag"))
		if again.StatusCode != 304 || again.Header.Get("Vary") != "Accept" {
			t.Errorf("%s: %d, Vary %q", accept, again.StatusCode, again.Header.Get("Vary"))
		}
	}
	if n := r.painter.results.Load(); n != 4 {
		t.Errorf("%d jobs, want 4", n)
	}
	if resp, _ := r.must(r.path("w:100/f:webp")); resp.Header.Get("Vary") != "" ||
		!strings.Contains(resp.Header.Get("Cache-Status"), "hit") {
		t.Errorf("a named format: Vary %q, %s", resp.Header.Get("Vary"), resp.Header.Get("Cache-Status"))
	}
}
