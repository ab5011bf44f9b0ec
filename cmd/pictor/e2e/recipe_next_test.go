package e2e

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nextSite is a site made by the recipe for Next.js, before a pictor.
type nextSite struct {
	url, source string
	sources     *site
	client      *http.Client
}

// The recipe for Next.js makes images of the right size, and its route signs
// only what the lists in its code let through.
func TestRecipeNext(t *testing.T) {
	needsFrontend(t, "next")
	t.Parallel() // while others wait
	pictor, address := serveLocal(t), freeAddress(t)
	s := &nextSite{url: "http://" + address, sources: newSite(t), client: &http.Client{
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	b, err := os.ReadFile(dunes)
	if err != nil {
		t.Fatal(err)
	}
	s.source = s.sources.put("/photos/dunes.jpg", b)
	s.sources.put("/private/dunes.jpg", b)
	p := newProject(t, "Next.js", "https://www.example.com", s.url, "https://images.example.com", s.sources.URL)
	p.write(t, "lib/sign.js", block(t, readPage(t, "signing.md"), "js"))
	p.write(t, "package.json", `{"private": true}`)
	p.add(t, "testdata/recipes/next/app/layout.js", "app/layout.js")
	p.add(t, "testdata/recipes/next/app/page.js", "app/page.js")
	p.add(t, dunes, "app/dunes.jpg")
	p.packages(t)
	const next = "node_modules/next/dist/bin/next"
	p.run(t, pictor.url, "node", next, "build")
	p.noKeyIn(t, ".next/static")
	host, port, _ := net.SplitHostPort(address)
	runAt(t, address, p.command(pictor.url, "node", next, "start", "-H", host, "-p", port))
	t.Run("page", s.page)
	t.Run("signed", s.signs)
	t.Run("refused", s.refuses)
}

// page has the images of testdata/recipes/next/app/page.js.
func (s *nextSite) page(t *testing.T) {
	a, err := (&server{t: t, url: s.url}).try(http.MethodGet, "/")
	if err != nil || a.status != http.StatusOK {
		t.Fatal(a, err)
	}
	descriptors := map[string]string{"remote": "1x 2x", "imported": "640w 750w 828w 1080w 1200w 1920w 2048w 3840w"}
	for _, e := range elements(string(a.body)) {
		id := e.attributes["id"]
		if e.descriptors() != descriptors[id] || e.attributes["alt"] == "" || e.attributes["width"] == "" {
			t.Errorf("%v, want %s", e, descriptors[id])
		}
		delete(descriptors, id)
		for _, c := range append(e.srcset(), candidate{url: e.attributes["src"]}) {
			ask, err := url.Parse(c.url)
			if err != nil {
				t.Fatal(err)
			}
			width, err := strconv.Atoi(ask.Query().Get("w"))
			if err != nil || strings.HasSuffix(c.descriptor, "w") && c.descriptor != strconv.Itoa(width)+"w" {
				t.Errorf("%v: %v", c, err)
			}
			wantImage(t, s.url+c.url, width, 0, "webp")
		}
	}
	if len(descriptors) != 0 {
		t.Errorf("not on the page: %v", descriptors)
	}
}

// ask requests the route, with texts of a query as they are sent.
func (s *nextSite) ask(t *testing.T, query string) *http.Response {
	t.Helper()
	resp, err := s.client.Get(s.url + "/img?" + query)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// signs has the spellings of what is allowed.
func (s *nextSite) signs(t *testing.T) {
	upper := strings.Replace(s.source, "http://", "HTTP://", 1)
	for name, tc := range map[string]struct {
		src, rest string
		width     int
	}{
		"as it is":             {s.source, "&w=640&q=75", 640},
		"without a quality":    {s.source, "&w=640", 640},
		"the smallest":         {s.source, "&w=1&q=1", 16},
		"the largest":          {s.source, "&w=3840&q=100", dunesWidth},
		"a width in between":   {s.source, "&w=100&q=60", 128},
		"the first src counts": {s.source, "&w=640&src=http://evil.example/a.jpg", 640},
		"a scheme in capitals": {upper, "&w=640", 640},
		"dots inside":          {s.sources.URL + "/photos/x/../dunes.jpg", "&w=640", 640},
		"a letter escaped":     {s.sources.URL + "/photos/%64unes.jpg", "&w=640", 640},
		"dots into it":         {s.sources.URL + "/private/../photos/dunes.jpg", "&w=640", 640},
	} {
		resp := s.ask(t, "src="+url.QueryEscape(tc.src)+tc.rest)
		if resp.StatusCode != http.StatusFound || resp.Header.Get("Cache-Control") != "public, max-age=86400" {
			t.Errorf("%s: %d %v", name, resp.StatusCode, resp.Header)
			continue
		}
		wantImage(t, resp.Header.Get("Location"), tc.width, 0, "webp")
	}
}

// refuses has everything else: each is a 400, which nobody may keep.
func (s *nextSite) refuses(t *testing.T) {
	good := "src=" + url.QueryEscape(s.source)
	queries := []string{
		"", "w=640&q=75", "src=&w=640", "src=null&w=640", "src=undefined&w=640", good, good + "&w=",
		"src=http://evil.example/a.jpg&" + good + "&w=640",
	}
	for _, w := range []string{
		"-5", "0", "-0", "3841", "99999", "1000000", "1e3", "0x280", "640.5", "%20640", "640px", "NaN", "Infinity",
		"%D9%A6%D9%A4%D9%A0", // 640 in Arabic digits
	} {
		queries = append(queries, good+"&w="+w)
	}
	for _, q := range []string{"", "-1", "0", "101", "500", "7.5", "75%25", "high"} {
		queries = append(queries, good+"&w=640&q="+q)
	}
	for _, src := range append(s.elsewhere(), s.beside()...) {
		queries = append(queries, "src="+url.QueryEscape(src)+"&w=640&q=75")
	}
	for _, query := range queries {
		resp := s.ask(t, query)
		h := resp.Header
		if resp.StatusCode != 400 || h.Get("Location") != "" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, %v", query, resp.StatusCode, h)
		}
	}
}

// elsewhere are sources on other hosts, some of which look like the allowed one.
func (s *nextSite) elsewhere() []string {
	host := strings.TrimPrefix(s.sources.URL, "http://")
	name, port, _ := strings.Cut(host, ":")
	return []string{
		"http://evil.example/photos/dunes.jpg", "//evil.example/photos/dunes.jpg",
		`\\evil.example\photos\dunes.jpg`, `/\evil.example/a.jpg`,
		"http://169.254.169.254/latest/meta-data/", "//169.254.169.254/latest", "http://2852039166/latest",
		"http://0xa9fea9fe/latest", "http://[::ffff:169.254.169.254]/latest",
		"http://localhost:" + port + "/photos/dunes.jpg", "http://" + name + ":1/photos/dunes.jpg",
		"http://" + name + "/photos/dunes.jpg", "https://" + host + "/photos/dunes.jpg",
		"ftp://" + host + "/photos/dunes.jpg", "http://" + name + ".evil.example/photos/dunes.jpg",
		"http://" + host + ".evil.example/photos/dunes.jpg", "http://" + host + "@evil.example/photos/dunes.jpg",
		"http://" + host + "%40evil.example/photos/dunes.jpg", `http://evil.example\@` + host + "/photos/dunes.jpg",
		"http://user@" + host + "/photos/dunes.jpg", "http://user:word@" + host + "/photos/dunes.jpg",
		"http://evil.example/" + s.source, "http://evil.example#" + s.source, "http://evil.example?" + s.source,
		"ht\ttp://evil.example/a.jpg", " http://evil.example/a.jpg", "http:evil.example/a.jpg",
		"http:/evil.example/a.jpg", "http:///evil.example/a.jpg", "http://", "http://[",
		"local:///dunes.jpg", "file:///etc/passwd", "data:image/png;base64,AAAA", "javascript:1", "s3://bucket/a.jpg",
	}
}

// beside are sources on the allowed hosts, out of the allowed paths, and other
// spellings of the allowed one that would be sources of their own.
func (s *nextSite) beside() []string {
	var out []string
	for _, path := range []string{
		"", "/", "/photos", "/photosx/dunes.jpg", "/private/dunes.jpg", "/Photos/dunes.jpg", "//photos/dunes.jpg",
		"/photos/../private/dunes.jpg", "/photos/%2e%2e/private/dunes.jpg", "/photos/.%2E/private/dunes.jpg",
		`/photos/..\private\dunes.jpg`, "/photos/..%2fprivate/dunes.jpg", "/photos/..%5Cprivate/dunes.jpg",
		"/photos/dunes.jpg?", "/photos/dunes.jpg?x=1", "/photos/dunes.jpg#", "/photos/dunes.jpg#x",
	} {
		out = append(out, s.sources.URL+path)
	}
	return append(out, url.QueryEscape(s.source), "/img?w=640&src="+url.QueryEscape(s.source), "/etc/passwd",
		"dunes.jpg")
}
