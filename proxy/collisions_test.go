//go:build !race

// One goroutine does all of this: the race detector would only slow it down.

package proxy

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/sources"
)

// someOptions are options with arguments that are near to each other, and near to
// what a source or another option looks like.
var someOptions = strings.Fields(`w:1 w:11 w:111 h:1 h:11 w:0 rs:fit:1:1 rs:fill:1:11 rs:fill:11:1 rs:force:1:1 rs:auto:1:1 rt:fill-down
	s:1:1:1 s:11:1:0:1 mw:1 mh:1 mw:11 z:1.1 z:1:1.1 z:11 dpr:1.1 dpr:2 el:1 ex:1 ex:1:no exar:1 exar:1:so g:no g:no:1 g:no:1:1 g:no:0:1 g:nowe
	g:fp:0.1:0.11 g:fp:0.11:0.1 g:sm c:1:11 c:11:1 c:1:1:no c:0.1:0.1:sm car:1.1 car:1.1:1 t:1 t:11 t:10:ffffff t:10::1 t:10:::1 pd:1 pd:1:11 pd:11:1
	pd:1:1:1:11 ar:0 rot:90 rot:180 rot:270 fl:1 fl:0:1 fl:1:1 bg:1:11:111 bg:11:1:111 bg:ffffff bga:0.5 br:1 br:11 br:-1 co:1.1 sa:1.1 a:1:1.1:1.1
	mc:0.5 mc:0.5:ff0000 bl:1 bl:1.1 bl:11 sh:1 sh:1.1 pix:11 pix:111 wm:0.5 wm:0.5:no wm:0.5:no:1 wm:0.5:no:1:11 wm:0.5:no:1:1:0.1 wm:1:re rc:1 rc:11
	rc:0.1 mk:ellipse sm:0 kcr:0 scp:0 ph:1 eth:1 q:1 q:11 fq:jpg:1 fq:jpg:11:webp:1 fq:webp:11 mb:1 mb:11 f:jpg f:png f:webp f:avif f:gif f:auto
	jpgo:1 jpgo:0:1 pngo:1 pngo:0:1 pngo:0:1:16 webpo:lossless webpo::1 webpo::::6 avifo:off avifo::4 skp:jpg skp:png:jpg raw:1 mrd:1 mrd:11
	cb:1 cb:11 cb:w%3A1 cb:%2Fw%3A1%2F cb:plain%2F cb:%0A cb:%20 cb:%25 cb:1%2Fcb%3A1 ct:a ct:a:b ct:ab ct:a-b ct:b:a exp:1 exp:11 fn:a fn:b att:1
	msr:1 msr:11 msfs:1 maf:1 maf:11 mafr:1`)

// someSources are sources near to each other, and near to options.
var someSources = []string{
	"http://a/b", "http://a/b/", "http://a/b?", "http://a/b?c", "http://a/b?c=1", "http://a/b%3Fc", "http://a/B",
	"http://A/b", "http://a:80/b", "http://a:81/b",
	"https://a/b", "https://a:443/b", "http://a/w:1/b", "http://a/plain/b", "http://a//b", "http://a/%2Fb",
	"http://a/b%20c", "http://a/b c", "http://a/b+c",
	"http://a/b%2520c", "http://a/ä", "http://a/%C3%A4", "http://a/%c3%a4", "http://a/./b", "http://a/x/../b",
	"http://a/%2e%2e/b", "http://a/b#c", "http://a/b%23c",
	"http://a./b", "http://a.b/", "http://a/b@jpg", "http://a/b%40jpg", "http://a/b?w=1&h=1", "http://a/b?h=1&w=1",
	"http://a/b?w=1", "http://a/b\\c", "http://a/b%5Cc",
	"local:///b", "local:///w:1/b", "local:///b%20c", "local:///b c", "local:///B", "http://[::1]/b", "http://[::2]/b",
	"http://a/b\u00a0c", "http://a/b?c=%0A",
	"http://a/cb:1/b", "http://a/f:auto/plain/b", "http://a/meta:thumbor/b", "w:1/plain/http://a/b", "w:1/http://a/b",
	"w:1/h:1/http://a/b", "cb:1/http://a/b", "f:auto/http://a/b",
	"meta:thumbor/http://a/b", "max_age:1/http://a/b", "v/plain/http://a/b",
	"f:jpg/plain/http://a/b",
}

// Whatever is asked of whatever source, two requests have one cache key only where
// they are one request: of 110,000.
func TestDistinctRequestsHaveDistinctKeys(t *testing.T) {
	s := newRig(t, func(c *Config) { c.Watermark = &Watermark{Version: "v"} }).server
	random := rand.New(rand.NewPCG(1, 2))
	requests := map[cache.Key]signedurl.Request{}
	ids := map[string]sources.Request{}
	judge := func(req signedurl.Request) {
		t.Helper()
		a := s.newCacheRequest(req)
		// These say nothing of the image.
		same := req
		same.Source, same.Expires, same.Filename, same.Attachment = a.identity, 0, "", false
		if before, ok := requests[a.key]; ok && before != same {
			t.Fatalf("one key, %q, for\n%+v\n%+v", a.key, before, same)
		}
		requests[a.key] = same
		w := sources.Request{URL: req.Source, Identity: a.identity, CacheBuster: req.CacheBuster}
		if before, ok := ids[w.ID()]; ok && (before.Identity != w.Identity || before.CacheBuster != w.CacheBuster) {
			t.Fatalf("one id, %q, for %+v and %+v", w.ID(), before, w)
		}
		ids[w.ID()] = w
	}
	for _, source := range someSources {
		for _, option := range append(someOptions, "w:0") {
			if req, err := signedurl.ParseUnsigned(pathTo([]string{option}, source)); err == nil {
				judge(req)
			}
		}
	}
	for tried := 0; len(requests) < 110_000; tried++ {
		if tried > 1_000_000 {
			t.Fatalf("only %d requests", len(requests))
		}
		var options []string
		for range random.IntN(5) {
			options = append(options, someOptions[random.IntN(len(someOptions))])
		}
		req, err := signedurl.ParseUnsigned(pathTo(options, someSources[random.IntN(len(someSources))]))
		if err != nil {
			continue
		}
		// Other dialects set these.
		req.Meta.Form = []string{"", "", "", "", "thumbor", "imagor"}[random.IntN(6)]
		if random.IntN(6) == 0 {
			req.MaxAge, req.HasMaxAge = int64(random.IntN(3)), true
		}
		judge(req)
	}
	if n := len(ids); n < 100 {
		t.Errorf("only %d sources", n)
	}
}

func pathTo(options []string, source string) string {
	source = strings.NewReplacer("%", "%25", "@", "%40", "?", "%3F", "#", "%23").Replace(source)
	return "/" + strings.Join(append(options, "plain", source), "/")
}
