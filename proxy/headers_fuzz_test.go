package proxy

import (
	"bytes"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// FuzzAccept: only a format that a client names, and does not refuse, is chosen.
func FuzzAccept(f *testing.F) {
	for _, s := range []string{"image/avif,image/webp,*/*;q=0.8", "image/webp;q=0", "image/webp;q=NaN",
		"image/avif;q=1e9, image/webp;q=-1", ",;=,", "IMAGE/WEBP ; Q=0.5"} {
		f.Add(s, "image/avif;q=0.1")
	}
	r := newRig(f, func(c *Config) { c.AutoFormats = []transform.Format{transform.AVIF, transform.WebP} })
	f.Fuzz(func(t *testing.T, one, two string) {
		for _, format := range transform.Outputs {
			w := weightOf([]string{one, two}, format.MIME())
			if joined := weightOf([]string{one + "," + two}, format.MIME()); !(w >= 0 && w <= 1) || w != joined {
				t.Fatalf("%q, %q: a weight of %v for %v, in one line of %v", one, two, w, format, joined)
			}
		}
		var req signedurl.Request
		if !r.server.negotiateFormat(nil, &req, []string{one, two}) {
			t.Fatal("it does not vary")
		}
		chosen := req.Params.Format
		named := strings.Contains(strings.ToLower(one+","+two), chosen.MIME())
		if req.Auto != (chosen == transform.FormatUnknown) ||
			!req.Auto && (!named || !slices.Contains(r.server.offeredFormats(nil), chosen)) {
			t.Fatalf("%q, %q: %v", one, two, chosen)
		}
	})
}

// FuzzDisposition: whatever a source or a file is called, the header is one that
// clients read, and the name in it the one that was meant.
func FuzzDisposition(f *testing.F) {
	for _, s := range []string{"http://a/b.jpg", "http://a/", "local:///ä.png", `http://a/"x".jpg`,
		"http://a/b%0d%0aX: y.jpg", "http://a/😀\\.gif", strings.Repeat("ä", 300)} {
		f.Add(s, "", false)
		f.Add(s, s, true)
	}
	f.Fuzz(func(t *testing.T, source, name string, attachment bool) {
		req := signedurl.Request{Source: source, SavedAs: signedurl.SavedAs{Filename: name, Attachment: attachment}}
		v := contentDisposition(factsOf(req, false), "image/png")
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r >= 0x7f }) || strings.Count(v, `"`) != 2 {
			t.Fatalf("%q", v)
		}
		kind, params, err := mime.ParseMediaType(v)
		if err != nil || kind != map[bool]string{false: "inline", true: "attachment"}[attachment] ||
			!strings.HasSuffix(params["filename"], ".png") {
			t.Fatalf("%q: %v %v, %v", v, kind, params, err)
		}
	})
}

// FuzzRequestHeaders: whatever headers a client sends with the URL of an image that
// is there, it is the image that comes, a part of it, or nothing of it.
func FuzzRequestHeaders(f *testing.F) {
	for _, s := range []string{"Range: bytes=0-9", "Range: bytes=-5", "Range: bytes=5-,0-1", "Range: bytes=9-0",
		"Range: pages=1", "If-None-Match: *",
		"If-None-Match: W/\"x\", \"y", "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT",
		"If-Range: \"x\"\r\nRange: bytes=0-0", "If-Match: \"x\"",
		"If-Unmodified-Since: x", "Accept: image/webp\r\nAccept: */*", "X-Request-Id: a b\r\nTraceparent: 00-x",
		"Content-Length: 5", "Range: bytes=" + strings.Repeat("0-1,", 99)} {
		f.Add(s)
	}
	r := newRig(f, nil)
	path := r.path("w:10")
	_, image := r.must(path)
	f.Fuzz(func(t *testing.T, lines string) {
		req := httptest.NewRequest(http.MethodGet, path, nil)
		for line := range strings.SplitSeq(lines, "\r\n") {
			name, value, _ := strings.Cut(line, ":")
			req.Header.Add(textproto.CanonicalMIMEHeaderKey(name), strings.TrimSpace(value))
		}
		w := httptest.NewRecorder()
		r.server.ServeHTTP(w, req)
		body := w.Body.String()
		kind, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type"))
		switch {
		case w.Code == http.StatusOK && body == image:
		case w.Code == http.StatusPartialContent && (kind == "multipart/byteranges" || strings.Contains(image, body)):
		case w.Code == http.StatusNotModified && body == "":
		case w.Code == http.StatusRequestedRangeNotSatisfiable, w.Code == http.StatusPreconditionFailed:
		default:
			t.Fatalf("%q: %d %q", lines, w.Code, body)
		}
	})
}

// FuzzPurgeBody: whatever is sent to be purged, the admin port does it or says what
// is wrong with it, and does nothing then.
func FuzzPurgeBody(f *testing.F) {
	for _, s := range []string{`{"tags":["a"]}`, `{"all":true,"mode":"soft"}`,
		`{"sources":["http://a/b"],"prefixes":["http://a/"],"hosts":["a"]}`,
		`{"urls":["/x/w:1/plain/http://a"]}`, `{"all":true,"tags":["a"]}`, `{}`, `[]`, `{"tags":[""]}`, `{"x":1}`,
		`{"all":true}{}`, "\xff", `{"mode":"harder"}`} {
		f.Add([]byte(s), "application/json")
	}
	f.Add([]byte(`{}`), "text/plain")
	r := newRig(f, nil)
	admin := r.server.Admin("")
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		before := r.cfg.Clock.Applied()
		req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/purge", bytes.NewReader(body))
		req.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, req)
		purged := r.cfg.Clock.Applied() != before
		if refused := w.Code == 400 || w.Code == 413 || w.Code == 415; refused == purged || !refused && w.Code != 200 {
			t.Fatalf("%q as %q: %d %q, purged: %v", body, kind, w.Code, w.Body, purged)
		}
	})
}
