package e2e

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// escaped is a source with every byte percent-encoded that may mean something.
func escaped(s string) string {
	var b strings.Builder
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/:"
	for i := range len(s) {
		if strings.IndexByte(plain, s[i]) >= 0 {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

const sourceKeyHex = "1eb5b0e971ad7f45324c1bb15c947cb207c43152fa5c6c7f35c4f36e0c18e0f1"

// ways are the paths by which a source can be asked for.
var ways = map[string]func(source string) string{
	"plain": func(s string) string { return "/insecure/w:8/plain/" + escaped(s) + "@png" },
	"base64": func(s string) string {
		return "/insecure/w:8/" + base64.RawURLEncoding.EncodeToString([]byte(s)) + ".png"
	},
	"encrypted": func(s string) string {
		key, _ := unhex(sourceKeyHex)
		e, _ := signedurl.EncryptSource(key, s)
		return "/insecure/w:8/enc/" + e + ".png"
	},
	"thumbor": func(s string) string { return "/thumbor/unsafe/8x0/" + escaped(s) },
	"redirect": func(s string) string {
		return "/insecure/w:8/plain/http://" + public + "/to/" + base64.RawURLEncoding.EncodeToString([]byte(s)) +
			"@png"
	},
	"redirect of a redirect": func(s string) string {
		again := "http://" + public + ":8080/to/" + base64.RawURLEncoding.EncodeToString([]byte(s))
		return "/insecure/w:8/plain/http://" + public + "/to/" + base64.RawURLEncoding.EncodeToString([]byte(again)) +
			"@png"
	},
}

// everywhere serves an image at two ports of every address, and redirects to
// what stands behind /to/.
func everywhere(t *testing.T) {
	t.Helper()
	image := photo(40, 30)
	serveAt := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to, ok := strings.CutPrefix(r.URL.Path, "/to/"); ok {
			target, _ := base64.RawURLEncoding.DecodeString(to)
			w.Header()["Location"] = []string{string(target)}
			w.WriteHeader(http.StatusFound)
			return
		}
		w.Header().Set("Cache-Control", "no-store") // each request is one to the source
		w.Write(image)
	})
	for _, port := range []string{"80", "8080"} {
		l, err := net.Listen("tcp", ":"+port)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: serveAt}
		s.SetKeepAlivesEnabled(false) // each request is a connection that the tap sees
		go s.Serve(l)
		t.Cleanup(func() { s.Close() })
	}
}

// No source leads to an address that is not public, however it is spelled,
// whatever its name resolves to, wherever a redirect leads, in any dialect and by
// both resolvers: no connection is begun, not even one that would be refused.
func TestNoSourceLeadsIntoPrivateNetworks(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	serveDNS(t, names())
	everywhere(t)
	for resolver, flavor := range map[string]string{"go": "thumbor", "cgo": "imagor"} {
		t.Run(resolver, func(t *testing.T) { nothingPrivate(t, resolver, flavor) })
	}
}

func nothingPrivate(t *testing.T, resolver, flavor string) {
	tap := newTap(t)
	// The server is at a public address, so that loopback is for sources alone.
	const server = "9.9.9.9:8070"
	// A static pictor has Go's resolver alone, one of go install the C library's, too.
	bin := filepath.Join(t.TempDir(), "pictor")
	if err := build(bin, "..", "CGO_ENABLED=1"); err != nil {
		t.Fatal(err)
	}
	s := start(t, exec.Command("env", "GODEBUG=netdns="+resolver, bin), "--listen", server, "--insecure",
		"--thumbor-unsafe", "--worker-command", workerProgram(),
		"--thumbor-flavor", flavor, "--source-key", sourceKeyHex, "--allow-networks", "10.9.0.0/16")
	quiet := func(t *testing.T) {
		t.Helper()
		for to := range tap.until() {
			dns := to.Port() == 53 && to.Addr().IsLoopback()
			if !dns && to.String() != server && !slices.Contains([]string{public, public6}, to.Addr().String()) {
				t.Errorf("something was sent to %v", to)
			}
		}
	}
	t.Run("controls", func(t *testing.T) { controls(t, s, tap) })
	for way, path := range ways {
		t.Run(way, func(t *testing.T) {
			t.Logf("%d sources", refusals(t, s, way, path))
			quiet(t)
		})
	}
	t.Run("names that turn", func(t *testing.T) { turning(t, s); quiet(t) })
}

// refusals asks for each form, holds the response against what is documented, and
// says how many there are.
func refusals(t *testing.T, s *server, way string, path func(string) string) int {
	all := privateForms()
	next := make(chan form)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for f := range next {
				a, err := s.try(http.MethodGet, path(f.source))
				code, _, _ := strings.Cut(string(a.body), ":")
				if err != nil || !documented(way, f, a.status, code) {
					t.Errorf("%q: %v, %v, want %q", f.source, a, err, f.code)
				}
			}
		})
	}
	for _, f := range all {
		next <- f
	}
	close(next)
	wg.Wait()
	return len(all)
}

// documented says whether an error is the one that stands in docs/errors.md. In
// other ways than a URL of its own a source can be relative to something, or be
// refused one step earlier.
func documented(way string, f form, status int, code string) bool {
	switch {
	case status == http.StatusOK:
		relative := strings.HasPrefix(way, "redirect") && f.code == "bad-source" ||
			way == "thumbor" && f.code == "bad-source"
		return f.code == "" || relative
	case strings.HasPrefix(way, "redirect"):
		return status == 502 && code == "source-unreachable"
	case way == "thumbor":
		return status == statusOf[code] && f.code != ""
	case way == "plain" && strings.HasPrefix(f.source, "http:/") && !strings.HasPrefix(f.source, "http://"):
		// Servers between make one slash of two, which is undone there.
		return code == "source-unreachable" && status == statusOf[code]
	}
	return code == f.code && status == statusOf[code]
}

// controls are what must be served, so that everything else is refused for what it is.
func controls(t *testing.T, s *server, tap *tap) {
	for source, to := range map[string]string{
		"http://" + public + "/": public + ":80", "http://" + public + ":8080/": public + ":8080",
		"http://[" + public6 + "]/": "[" + public6 + "]:80",
		"http://public.test/":       "", "http://public-alias.test/": "", "http://PUBLIC4.test./": public + ":80",
		"http://10.9.0.1/":             "10.9.0.1:80",
		"http://[64:ff9b::5db8:d70e]/": "[64:ff9b::5db8:d70e]:80", "http://10-9-0-2" + inside + "/": "10.9.0.2:80",
		"http://mixed-first.test/": "", "http://mixed-last.test/": "", "http://mixed6.test/": public + ":80",
		"http://mixed46.test/": "[" + public6 + "]:80",
	} {
		for way, path := range ways {
			tap.until()
			a := s.get(path(source))
			seen := tap.until()
			if a.status != http.StatusOK || to != "" && seen[netip.MustParseAddrPort(to)] == 0 && way == "plain" {
				t.Errorf("%s by %s: %v, %v", source, way, a, seen)
			}
		}
	}
	// What leads to an allowed network is not in it.
	for _, source := range []string{"http://[64:ff9b::a09:1]/", "http://[2002:a09:1::1]/", "http://[::10.9.0.1]/",
		"http://10.10.0.1/", "http://10.8.255.255/"} {
		if a := s.get(ways["plain"](source)); a.status != 502 {
			t.Errorf("%s: %v", source, a)
		}
	}
}

// turning asks for names whose addresses change between two requests, or between
// the look-up and the connection: each connection is to what was judged.
func turning(t *testing.T, s *server) {
	statuses := map[int]int{}
	for i := range 10 {
		for _, host := range []string{"turning.test", "turning6.test", "turning.test:8080"} {
			statuses[s.get(ways["plain"](fmt.Sprintf("http://%s/%d", host, i))).status]++
		}
	}
	if statuses[502] == 0 || statuses[200]+statuses[502] != 30 {
		t.Errorf("statuses %v", statuses)
	}
}
