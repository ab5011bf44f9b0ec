package e2e

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// edge is a cache before a pictor of its own, by the recipe in docs/cdn.
type edge struct {
	name, url string
	// seen are the texts of X-Cache so far, each with its member of Cache-Status.
	seen sync.Map
	// purge makes it let go of a picture, of which pictor said these tags.
	purge  func(t *testing.T, path string, tags []string)
	pictor *server
	*originals
}

// photo puts a picture at the origin, and signs a path for it.
func (e *edge) photo(t *testing.T, name, control, options string) string {
	t.Helper()
	src := e.put("/"+name+".jpg", original{body: photo(120, 80+len(name)), control: control})
	return signed(t, "/"+options+"/plain/"+src+"@jpg")
}

func (e *edge) get(t *testing.T, path string, header ...string) answer {
	t.Helper()
	return e.ask(t, http.MethodGet, path, header...)
}

func (e *edge) ask(t *testing.T, method, path string, header ...string) answer {
	t.Helper()
	a, err := (&server{t: t, url: e.url}).try(method, path, header...)
	if err != nil {
		t.Fatal(err)
	}
	if kind := a.header.Get("X-Cache"); kind != "" { // else it is the edge's own answer, as to a purge
		e.checkCacheStatus(t, kind, a)
	}
	return a
}

// members are those of the edge in Cache-Status by what X-Cache says.
var members = map[string]map[string]string{
	"nginx": {
		"HIT": `nginx; hit`, "MISS": `nginx; fwd=miss`, "BYPASS": `nginx; fwd=bypass`, "EXPIRED": `nginx; fwd=stale`,
		"REVALIDATED": `nginx; fwd=stale; fwd-status=304`, "STALE": `nginx; fwd=stale; detail=served-stale`,
	},
	"varnish": {
		"HIT": `varnish; hit; ttl=\d+`, "MISS": `varnish; fwd=miss`,
		"STALE": `varnish; (hit; ttl=(-\d+|0)|fwd=stale; detail=served-stale)`,
	},
}

// checkCacheStatus wants pictor's member of Cache-Status first and the edge's
// behind it (RFC 9211 §2: the cache closest to the origin is the first).
func (e *edge) checkCacheStatus(t *testing.T, kind string, a answer) {
	t.Helper()
	want, ok := members[e.name][kind]
	if !ok {
		t.Errorf("X-Cache is %q", kind)
	}
	list := strings.Join(a.header.Values("Cache-Status"), ", ")
	if !regexp.MustCompile(`^pictor; [^,]+, ` + want + `$`).MatchString(list) {
		t.Errorf("Cache-Status is %q, want pictor's and then %s: %v", list, want, a)
	}
	e.seen.Store(kind, want)
}

// everyCacheStatus wants all of the edge's members to have been seen by now.
func everyCacheStatus(t *testing.T, e *edge) {
	for kind := range members[e.name] {
		if _, ok := e.seen.Load(kind); !ok {
			t.Errorf("no answer with X-Cache: %s, so its Cache-Status is not tested", kind)
		}
	}
}

// cached wants an answer that the edge had, fresh.
func (e *edge) cached(t *testing.T, path string, header ...string) answer {
	t.Helper()
	a := e.get(t, path, header...)
	if a.status != http.StatusOK || a.header.Get("X-Cache") != "HIT" {
		t.Errorf("not fresh in the edge's cache: %v", a)
	}
	return a
}

// known wants an answer of the edge itself, which need not be a 200.
func (e *edge) known(t *testing.T, path string, header ...string) answer {
	t.Helper()
	a := e.get(t, path, header...)
	if a.header.Get("X-Cache") != "HIT" {
		t.Errorf("not from the edge's cache: %v", a)
	}
	return a
}

var tagsNext = regexp.MustCompile(`purge these tags next: (.*)`)

// purgeSource purges in pictor, and gives the tags to purge next.
func (e *edge) purgeSource(t *testing.T, name string) []string {
	t.Helper()
	out, errs, code := pictor(t, nil, "purge", "--source", e.URL+"/"+name+".jpg", "--admin-listen",
		strings.TrimPrefix(e.pictor.admin, "http://"))
	m := tagsNext.FindStringSubmatch(out)
	if code != 0 || m == nil {
		t.Fatalf("%d %q %q", code, out, errs)
	}
	return strings.Fields(m[1])
}

// originals are an origin whose pictures say how long they hold.
type originals struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string]original
}

type original struct {
	body          []byte
	status        int
	control, tags string
	changed       time.Time
}

func newOriginals(t *testing.T) *originals {
	o := &originals{files: map[string]original{}}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		f, ok := o.files[r.URL.Path]
		o.mu.Unlock()
		if !ok || f.status != http.StatusOK {
			http.Error(w, "no picture", max(f.status, http.StatusNotFound))
			return
		}
		w.Header().Set("Cache-Control", f.control)
		w.Header().Set("Cache-Tag", f.tags)
		w.Header().Set("Etag", fmt.Sprintf(`"%x"`, crc32.ChecksumIEEE(f.body)))
		http.ServeContent(w, r, "", f.changed, bytes.NewReader(f.body))
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *originals) put(path string, f original) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f.status == 0 {
		f.status, f.changed = http.StatusOK, time.Now().Add(-time.Hour)
	}
	o.files[path] = f
	return o.URL + path
}

// recipe writes a file of docs/cdn with some of its texts replaced. All of them
// must be there.
func recipe(t *testing.T, name, into string, replace ...string) {
	b, err := os.ReadFile("../../../docs/cdn/" + name)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i+1 < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%s has no %q", name, replace[i])
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	if err := os.WriteFile(into, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func startNginx(t *testing.T, pictor string) *edge {
	needs(t, "nginx")
	address := freeAddress(t)
	host, _, _ := net.SplitHostPort(address)
	s := newNginxSite(t, address, pictor, host)
	runAt(t, address, exec.Command("nginx", "-p", s.dir, "-c", s.conf, "-e", "stderr", "-g", "daemon off;"))
	e := &edge{url: "http://" + address}
	e.purge = func(t *testing.T, path string, _ []string) { e.get(t, path, "X-Refresh", "a-secret") }
	return e
}

func startVarnish(t *testing.T, pictor string) *edge {
	needs(t, "varnishd")
	dir, address := t.TempDir(), freeAddress(t)
	host, at, _ := net.SplitHostPort(pictor)
	vcl := filepath.Join(dir, "pictor.vcl")
	recipe(t, "varnish.vcl", vcl, `.host = "127.0.0.1"`, `.host = "`+host+`"`, `.port = "8080"`, `.port = "`+at+`"`)
	if out, err := exec.Command("varnishd", "-C", "-j", "none", "-n", filepath.Join(dir, "check"), "-f",
		vcl).CombinedOutput(); err != nil {
		if !bytes.Contains(out, []byte("VMOD xkey")) {
			t.Fatalf("varnish.vcl: %s", out)
		}
		needs(t, "xkey of varnish-modules")
	}
	runAt(t, address, exec.Command("varnishd", "-F", "-j", "none", "-n", filepath.Join(dir, "work"), "-a",
		address, "-f", vcl, "-T", "none", "-s", "malloc,16m", "-p", "http_resp_hdr_len=16k"))
	e := &edge{url: "http://" + address}
	e.purge = func(t *testing.T, _ string, tags []string) {
		if a := e.ask(t, "PURGE", "/", "X-Purge-Secret", "a-secret", "X-Purge-Tags",
			strings.Join(tags, " ")); a.status != http.StatusOK {
			t.Errorf("PURGE: %v", a)
		}
	}
	return e
}
