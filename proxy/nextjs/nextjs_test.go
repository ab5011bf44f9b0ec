package nextjs

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

func dialect(t testing.TB, change ...func(*Config)) *Dialect {
	t.Helper()
	cfg := Config{Path: DefaultPath, Base: "https://www.example.com/", Widths: []int{16, 640}, Qualities: []int{50, 75},
		Formats: []transform.Format{transform.WebP}, Attachment: true}
	for _, change := range change {
		change(&cfg)
	}
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParse(t *testing.T) {
	d := dialect(t)
	for query, want := range map[string]string{
		"?url=%2Fa.jpg&w=640&q=75":                            "https://www.example.com/a.jpg",
		"/?url=%2Fa.jpg&w=640&q=75":                           "https://www.example.com/a.jpg",
		"?q=75&dpl=dpl_1&w=0640&url=/a%2520b.jpg%3Fv%3D1":     "https://www.example.com/a%20b.jpg?v=1",
		"?url=https%3A%2F%2Fcdn.example%2Fa+b.jpg&w=640&q=75": "https://cdn.example/a b.jpg",
		"?%75rl=HTTP://cdn.example/a&w=640&q=75":              "HTTP://cdn.example/a",
		"?url=/_next/imagery/a.jpg&w=640&q=75":                "https://www.example.com/_next/imagery/a.jpg",
		`?url=/\evil.example/a&w=640&q=75`:                    `https://www.example.com/\evil.example/a`,
	} {
		r, err := d.Parse(query)
		if err != nil || r.Source != want ||
			r.Params.Width != 640 || r.Params.Quality != 75 || !r.Auto || !r.Attachment {
			t.Errorf("%s: %+v, %v", query, r, err)
		}
	}
	d = dialect(t, func(c *Config) { c.SVG = true })
	native, err := signedurl.ParseUnsigned("/w:640/q:75/plain/https://www.example.com/a.jpg@auto")
	if err != nil {
		t.Fatal(err)
	}
	if r, _ := d.Parse("?url=/a.jpg&w=640&q=75"); r.Canonical() != native.Canonical() {
		t.Errorf("%s, and in the native dialect %s", r.Canonical(), native.Canonical())
	}
}

// The sentences are those of Next.js 15.5; a real one is asked by TestNextImage.
func TestParseRefuses(t *testing.T) {
	d := dialect(t, func(c *Config) { c.Path = "/shop/img" })
	const good = "&w=640&q=75"
	for query, want := range map[string]string{
		"": `"url" parameter is required`, "?": `"url" parameter is required`,
		"?url=" + good:                              `"url" parameter is required`,
		"?URL=/a" + good:                            `"url" parameter is required`,
		"?url=/a&url=/a" + good:                     `"url" parameter cannot be an array`,
		"?url=/a%zz" + good:                         `"url" parameter is invalid`,
		"?url=/a%2" + good:                          `"url" parameter is invalid`,
		"?url=/a%25zz" + good:                       `"url" parameter is invalid`,
		"?url=/a%00" + good:                         `"url" parameter is invalid`,
		"?url=/%ff" + good:                          `"url" parameter is invalid`,
		"?url=a.jpg" + good:                         `"url" parameter is invalid`,
		"?url=ftp://a/b" + good:                     `"url" parameter is invalid`,
		"?url=file:///etc" + good:                   `"url" parameter is invalid`,
		"?url=local:///a" + good:                    `"url" parameter is invalid`,
		"?url=javascript:1" + good:                  `"url" parameter is invalid`,
		"?url=//evil.example/a" + good:              `"url" parameter cannot be a protocol-relative URL (//)`,
		"?url=/" + strings.Repeat("a", 3072) + good: `"url" parameter is too long`,
		"?url=/_next/image%3Furl%3D/a" + good:       `"url" parameter cannot be recursive`,
		"?url=/x/_next/image/" + good:               `"url" parameter cannot be recursive`,
		"?url=/_next/%2569mage" + good:              `"url" parameter cannot be recursive`,
		"?url=/shop/img%3Furl%3D/a" + good:          `"url" parameter cannot be recursive`,
		"?url=/a&q=75":                              `"w" parameter (width) is required`,
		"?url=/a&w=640&w=640&q=75":                  `"w" parameter (width) cannot be an array`,
		"?url=/a&w=0&q=75":                          `"w" parameter (width) must be an integer greater than 0`,
		"?url=/a&w=-640&q=75":                       `"w" parameter (width) must be an integer greater than 0`,
		"?url=/a&w=640px&q=75":                      `"w" parameter (width) must be an integer greater than 0`,
		"?url=/a&w=6e2&q=75":                        `"w" parameter (width) must be an integer greater than 0`,
		"?url=/a&w=641&q=75":                        `"w" parameter (width) of 641 is not allowed`,
		"?url=/a&w=99999999999999999999999&q=75":    `"w" parameter (width) of 99999999999999999999 is not allowed`,
		"?url=/a&w=640":                             `"q" parameter (quality) is required`,
		"?url=/a&w=640&q=75&q=75":                   `"q" parameter (quality) cannot be an array`,
		"?url=/a&w=640&q=0":                         `"q" parameter (quality) must be an integer between 1 and 100`,
		"?url=/a&w=640&q=101":                       `"q" parameter (quality) must be an integer between 1 and 100`,
		"?url=/a&w=640&q=high":                      `"q" parameter (quality) must be an integer between 1 and 100`,
		"?url=/a&w=640&q=80":                        `"q" parameter (quality) of 80 is not allowed`,
	} {
		_, err := d.Parse(query)
		text, ok := strings.CutPrefix(errorText(err), signedurl.ErrBadArgument.Error()+": ")
		if !errors.Is(err, signedurl.ErrBadArgument) || !ok || text != want {
			t.Errorf("%.60s: %v", query, err)
		}
	}
	if _, err := d.Parse("/more?url=/a" + good); !errors.Is(err, signedurl.ErrMalformed) {
		t.Error(err)
	}
	long := strings.Repeat("ä", 3071) // 6142 bytes, but JavaScript counts 3071
	if _, err := d.Parse("?url=/" + long + good); err != nil {
		t.Error(err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestParseWithOtherSettings(t *testing.T) {
	local := dialect(t, func(c *Config) { c.Base = "local:///site/" })
	if r, err := local.Parse("?url=/a%2520b.jpg%3Fv=1&w=16&q=50"); err != nil || r.Source != "local:///site/a b.jpg" {
		t.Errorf("%q, %v", r.Source, err)
	}
	bare := dialect(t, func(c *Config) { c.Base, c.Attachment, c.MinAge, c.SVG = "", false, time.Minute, true })
	if r, err := bare.Parse("?url=/a.jpg&w=16&q=50"); err != nil || r.Source != "/a.jpg" || r.Attachment ||
		r.Terms != (signedurl.Terms{MinAge: 60}) {
		t.Errorf("%+v, %v", r, err)
	}
	avif := dialect(t, func(c *Config) { c.Formats = []transform.Format{transform.AVIF, transform.WebP} })
	r, err := avif.Parse("?url=/a.jpg&w=16&q=75")
	for f, want := range map[transform.Format]int{transform.AVIF: 47, transform.WebP: 75, transform.JPEG: 75} {
		p := r.Params
		if p.Format = f; err != nil || p.EffectiveQuality() != want {
			t.Errorf("%v: quality %d, %v", f, p.EffectiveQuality(), err)
		}
	}
	for _, cfg := range []Config{{}, {Widths: []int{1}}, {Qualities: []int{1}}, {Widths: []int{0}, Qualities: []int{1}},
		{Widths: []int{1}, Qualities: []int{101}}, {Widths: []int{70000}, Qualities: []int{1}}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v passed", cfg)
		}
	}
}

func TestSetHeader(t *testing.T) {
	for control, want := range map[string]string{
		"public, max-age=60":              "public, max-age=60, must-revalidate",
		"public, max-age=60, immutable":   "public, max-age=60, immutable",
		"public, max-age=60, s-maxage=90": "public, max-age=60, s-maxage=90",
		"no-cache":                        "no-cache", "private, no-store": "private, no-store",
	} {
		h := http.Header{"Cache-Control": {control}}
		SetHeader(h, "stale")
		if h.Get("Cache-Control") != want || h.Get("X-Nextjs-Cache") != "STALE" {
			t.Errorf("%s: %v", control, h)
		}
	}
}

// FuzzParse: what is served is within the lists, and does not depend on how it is escaped.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"?url=%2Fa.jpg&w=640&q=75", "/?url=https://a/b&w=16&q=50&x", "?url=/_next/image&w=1&q=1",
		"?w=16&q=50&url=/%2e%2e/b?c#d", "?url=/a%zz&w&q;", "?url=//a&w=16&w=640"} {
		f.Add(s)
	}
	d := dialect(f)
	f.Fuzz(func(t *testing.T, rest string) {
		r, err := d.Parse(rest)
		if err != nil {
			known := errors.Is(err, signedurl.ErrBadArgument) || errors.Is(err, signedurl.ErrMalformed)
			if !known || r != (signedurl.Request{}) {
				t.Fatalf("%q: %+v, %v", rest, r, err)
			}
			return
		}
		if !slices.Contains(d.cfg.Widths, r.Params.Width) || !slices.Contains(d.cfg.Qualities, r.Params.Quality) {
			t.Fatalf("%q: %+v", rest, r.Params)
		}
		within := strings.HasPrefix(r.Source, d.cfg.Base)
		scheme, _, _ := strings.Cut(r.Source, "://")
		if !within && !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
			t.Fatalf("%q: the source %q", rest, r.Source)
		}
		same := r
		same.Source, same.Params.Width, same.Params.Quality = "", 0, 0
		plain := signedurl.Request{Auto: true, SavedAs: signedurl.SavedAs{Attachment: true}}
		plain.Terms.Refused = transform.FormatSetOf([]transform.Format{transform.SVG})
		if same != plain {
			t.Fatalf("%q sets more: %+v", rest, r)
		}
		if !within {
			query := url.Values{"url": {r.Source}, "w": {"16"}, "q": {"50"}}
			if again, err := d.Parse("?" + query.Encode()); err == nil && again.Source != r.Source {
				t.Fatalf("%q: %q, then %q", rest, r.Source, again.Source)
			}
		}
	})
}
