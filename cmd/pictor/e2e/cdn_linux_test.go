package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var edges = map[string]func(t *testing.T, pictor string) *edge{"nginx": startNginx, "varnish": startVarnish}

// TestCDN is of what goes through a cache before pictor: nginx and Varnish, run
// by the recipes of docs/cdn.md.
func TestCDN(t *testing.T) {
	long(t, "caches before pictor")
	t.Parallel() // it waits for clocks
	for name, start := range edges {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each has its own pictor, and waits for clocks
			o, s := newOriginals(t), serveLocal(t, "--cdn", name)
			e := start(t, strings.TrimPrefix(s.url, "http://"))
			e.name, e.pictor, e.originals = name, s, o
			for _, c := range []struct {
				name string
				run  func(*testing.T, *edge)
			}{
				{"conditions", conditions}, {"heads", heads}, {"ranges", ranges}, {"formats", formats}, {"errors", errorsAreNotKept},
				{"freshness", freshness}, {"end of a URL", endOfURL}, {"many tags", manyTags},
				{"purge", purges}, {"purge of what is gone", purgeOfWhatIsGone}, {"strangers", strangers},
				{"pictor fails", pictorFails}, {"pictor is gone", pictorIsGone}, // it ends pictor
				{"Cache-Status", everyCacheStatus},
			} {
				t.Run(c.name, func(t *testing.T) { c.run(t, e) })
			}
		})
	}
}

// RFC 9110 §13, RFC 9111 §4.3.2: a cache answers conditions by what it has.
func conditions(t *testing.T, e *edge) {
	path := e.photo(t, "conditions", "", "w:60")
	first := e.get(t, path)
	etag, changed := first.header.Get("Etag"), first.header.Get("Last-Modified")
	if first.status != http.StatusOK || !strings.HasPrefix(etag, `"`) || changed == "" ||
		first.header.Get("Cache-Control") != "public, max-age=300" {
		t.Fatal(first)
	}
	at, err := http.ParseTime(changed)
	if err != nil {
		t.Fatal(err)
	}
	for rule, tc := range map[string]struct {
		header []string
		status int
	}{
		"§13.1.2, the same":           {[]string{"If-None-Match", etag}, 304},
		"§13.1.2, compared weakly":    {[]string{"If-None-Match", `W/` + etag}, 304},
		"§13.1.2, another":            {[]string{"If-None-Match", `"x"`}, 200},
		"§13.1.3, the same":           {[]string{"If-Modified-Since", changed}, 304},
		"§13.1.3, later":              {[]string{"If-Modified-Since", at.Add(time.Minute).Format(http.TimeFormat)}, 304},
		"§13.1.3, before":             {[]string{"If-Modified-Since", at.Add(-time.Minute).Format(http.TimeFormat)}, 200},
		"§13.2.2, the tag goes first": {[]string{"If-None-Match", `"x"`, "If-Modified-Since", changed}, 200},
	} {
		a := e.known(t, path, tc.header...)
		if a.status != tc.status || a.header.Get("Etag") != etag || a.status == 304 && len(a.body) != 0 ||
			a.status == 200 && !bytes.Equal(a.body, first.body) {
			t.Errorf("RFC 9110 %s: %v", rule, a)
		}
	}
	if a := e.cached(t, path+"?utm_source=x"); !bytes.Equal(a.body, first.body) {
		t.Errorf("a query makes it another picture: %v", a)
	}
}

// RFC 9110 §9.3.2: what a HEAD brings in is of use to a GET, and the other way round.
func heads(t *testing.T, e *edge) {
	path := e.photo(t, "heads", "", "w:60")
	cold := e.ask(t, http.MethodHead, path)
	full := e.get(t, path)
	warm := e.ask(t, http.MethodHead, path)
	if full.status != http.StatusOK || len(full.body) == 0 {
		t.Error(full)
	}
	for _, a := range []answer{cold, warm} {
		if a.status != http.StatusOK || len(a.body) != 0 ||
			a.header.Get("Content-Length") != strconv.Itoa(len(full.body)) ||
			a.header.Get("Etag") != full.header.Get("Etag") {
			t.Error(a)
		}
	}
}

// RFC 9110 §14 and §13.1.5, for what the edge has and for what it has not; and
// RFC 9111 §3.3: no part is taken for the whole.
func ranges(t *testing.T, e *edge) {
	path, cold := e.photo(t, "ranges", "", "w:60"), e.photo(t, "cold", "", "w:60")
	full := e.get(t, path)
	etag, body := full.header.Get("Etag"), full.body
	for rule, tc := range map[string]struct {
		header []string
		status int
		body   []byte
	}{
		"§14.1.2, a part":           {[]string{"Range", "bytes=10-19"}, 206, body[10:20]},
		"§14.1.2, the last bytes":   {[]string{"Range", "bytes=-5"}, 206, body[len(body)-5:]},
		"§14.1.2, to the end":       {[]string{"Range", "bytes=100-"}, 206, body[100:]},
		"§15.5.17, no such part":    {[]string{"Range", "bytes=999999-"}, 416, nil},
		"§13.1.5, it is the same":   {[]string{"Range", "bytes=0-9", "If-Range", etag}, 206, body[:10]},
		"§13.1.5, it is another":    {[]string{"Range", "bytes=0-9", "If-Range", `"x"`}, 200, body},
		"§13.1.5, a weak tag fails": {[]string{"Range", "bytes=0-9", "If-Range", "W/" + etag}, 200, body},
	} {
		a := e.known(t, path, tc.header...)
		if a.status != tc.status || a.status != 416 && !bytes.Equal(a.body, tc.body) {
			t.Errorf("RFC 9110 %s: %v", rule, a)
		}
		if want := fmt.Sprintf("/%d", len(body)); a.status == 206 &&
			!strings.HasSuffix(a.header.Get("Content-Range"), want) {
			t.Errorf("RFC 9110 %s: %v", rule, a)
		}
	}
	part := e.get(t, cold, "Range", "bytes=10-19")
	if whole := e.cached(t, cold); part.status != 206 || len(whole.body) < 500 ||
		!bytes.Equal(part.body, whole.body[10:20]) {
		t.Errorf("RFC 9111 §3.3: a part, %v, then the whole, %v", part, whole)
	}
}

// RFC 9110 §12.5.5, RFC 9111 §4.1: three kinds of clients, and one where the URL
// says the format.
func formats(t *testing.T, e *edge) {
	src := e.put("/formats.jpg", original{body: photo(120, 80)})
	auto, webp := signed(t, "/w:50/f:auto/plain/"+src), signed(t, "/w:50/plain/"+src+"@webp")
	for _, c := range []struct{ accept, again, want string }{
		{"image/avif,image/webp,image/apng,*/*;q=0.8", "image/avif,*/*", "image/avif"},
		{"image/webp,*/*", "image/png,image/webp", "image/webp"},
		{"*/*", "text/html", "image/jpeg"},
	} {
		for _, a := range []answer{e.get(t, auto, "Accept", c.accept), e.cached(t, auto, "Accept", c.again)} {
			if a.header.Get("Content-Type") != c.want || !strings.Contains(a.header.Get("Vary"), "Accept") {
				t.Errorf("%s: %v", c.accept, a)
			}
		}
	}
	e.get(t, webp, "Accept", "image/avif,*/*")
	for _, accept := range []string{"image/avif,*/*", "image/webp", "*/*"} {
		if a := e.cached(t, webp, "Accept", accept); a.header.Get("Content-Type") != "image/webp" ||
			a.header.Get("Vary") != "" {
			t.Errorf("%s: %v", accept, a)
		}
	}
}

// RFC 9111 §5.2.2.5: no error is kept.
func errorsAreNotKept(t *testing.T, e *edge) {
	path := e.photo(t, "errors", "", "w:60")
	for bad, status := range map[string]int{missigned(path): 403, signed(t, "/nosuch:1/plain/x@jpg"): 404,
		signed(t, "/plain/"+e.URL+"/missing.jpg"): 404} {
		for range 3 {
			if a := e.get(t, bad); a.status != status || a.header.Get("Cache-Control") != "no-store" ||
				a.header.Get("X-Cache") == "HIT" {
				t.Errorf("want %d, not kept: %v", status, a)
			}
		}
	}
	// As it would be if one of them had taken the picture's place.
	if a := e.get(t, path); a.status != http.StatusOK {
		t.Error(a)
	}
}

// RFC 9111 §4.2 and §4.3.3: what is not fresh any more is asked for again; what
// is the same still is not sent again, and what has changed is.
func freshness(t *testing.T, e *edge) {
	const short = "max-age=3, must-revalidate"
	path := e.photo(t, "fresh", short, "w:60")
	first, saved := e.get(t, path), e.notModified(t)
	allowed := regexp.MustCompile("^(public, max-age=[0-3]|no-cache)$")
	if got := first.header.Get("Cache-Control"); !allowed.MatchString(got) {
		t.Errorf("Cache-Control: %s", got)
	}
	waitFor(t, "a question whether it is the same", func() bool {
		if a := e.get(t, path); a.status != http.StatusOK || !bytes.Equal(a.body, first.body) {
			t.Fatal(a)
		}
		return e.notModified(t) > saved
	})
	e.put("/fresh.jpg", original{body: photo(80, 120), control: short})
	waitFor(t, "what is new", func() bool {
		a := e.get(t, path)
		if a.status != http.StatusOK {
			t.Fatal(a)
		}
		return !bytes.Equal(a.body, first.body)
	})
}

var savedAnswers = regexp.MustCompile(`(?m)^pictor_answers_total\{[^}]*"not-modified"[^}]*\} (\d+)`)

// notModified counts what pictor needed to send no picture for.
func (e *edge) notModified(t *testing.T) int {
	t.Helper()
	a, err := (&server{t: t, url: e.pictor.admin}).try(http.MethodGet, "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if m := savedAnswers.FindSubmatch(a.body); m != nil {
		n, _ = strconv.Atoi(string(m[1]))
	}
	return n
}

// A URL that has ended is answered no more: its end caps freshness and the
// times in which what is stale may be served (RFC 5861). Varnish tells browsers
// no more than what is left, too; nginx cannot, as docs/cdn.md says.
func endOfURL(t *testing.T, e *edge) {
	end := time.Now().Unix() + 6
	path := e.photo(t, "end", "", fmt.Sprintf("w:60/exp:%d", end))
	if a := e.get(t, path); a.status != http.StatusOK {
		t.Fatal(a)
	}
	waitFor(t, "the end", func() bool {
		left := end - time.Now().Unix()
		a := e.get(t, path)
		control := strings.Replace(a.header.Get("Cache-Control"), "no-cache", "public, max-age=0", 1)
		fresh, err := strconv.ParseInt(strings.TrimPrefix(control, "public, max-age="), 10, 64)
		if a.status == http.StatusOK && (err != nil || e.name == "varnish" && fresh > max(left, 0)) {
			t.Fatalf("%d seconds before its end: %v", left, a)
		}
		return a.status == http.StatusNotFound
	})
	for range 3 {
		if a := e.get(t, path); a.status != http.StatusNotFound {
			t.Errorf("after its end: %v", a)
		}
	}
}

// As many tags as pictor passes on; and nobody behind the edge sees them, nor
// what is meant for it.
func manyTags(t *testing.T, e *edge) {
	var tags, own strings.Builder
	for i := range 400 {
		fmt.Fprintf(&tags, "tag-%015d,", i)
	}
	for i := range 16 {
		fmt.Fprintf(&own, ":%064d", i)
	}
	src := e.put("/tags.jpg", original{body: photo(120, 80), tags: tags.String()})
	path := signed(t, "/w:60/ct"+own.String()+"/plain/"+src+"@jpg")
	if n := len(e.pictor.get(path).header.Get("Surrogate-Key")); n < 9000 {
		t.Fatalf("only %d bytes of tags", n)
	}
	e.get(t, path)
	a := e.cached(t, path)
	for _, name := range []string{"Surrogate-Control", "Surrogate-Key", "Xkey", "Cache-Tag"} {
		if a.header.Get(name) != "" {
			t.Errorf("%s goes out: %v", name, a)
		}
	}
}
