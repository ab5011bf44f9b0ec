package proxy

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
)

// namesRig is a server whose purges are looked at and not sent.
func namesRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	return newRig(t, func(c *Config) {
		c.AutoFormats = []transform.Format{transform.AVIF, transform.WebP}
		local, err := origin.New(origin.Config{Local: os.DirFS(t.TempDir()).(fs.StatFS)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(local.Close)
		c.Origin = local
		if change != nil {
			change(c)
		}
	})
}

// takes says whether a purge names what was made of a source.
func takes(t *testing.T, r *rig, ask PurgeRequest, source string) bool {
	t.Helper()
	targets, err := r.server.targetsOf(ask)
	if err != nil {
		t.Fatalf("%+v: %v", ask, err)
	}
	clock, err := purge.Open(purge.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := clock.Purge(purge.Hard, targets); err != nil {
		t.Fatalf("%+v: %v", ask, err)
	}
	id, _ := r.server.sourceIdentity(source)
	hard, _ := clock.Last(purge.Scope{Source: id, Hosts: cache.Hosts(id)})
	return hard > 0
}

// Whatever the spelling of a host, it names what is fetched from there.
func TestPurgeOfHosts(t *testing.T) {
	r := namesRig(t, nil)
	for _, tc := range []struct {
		host       string
		takes, not string // sources
	}{
		{"Example.COM", "https://example.com/ http://example.com:8080/a", "https://www.example.com/ https://example.com./"},
		{"example.com:443", "https://example.com/ https://example.com:443/a http://example.com:443/", "http://example.com/ https://example.com:8443/"},
		{"example.com:80", "http://example.com/a https://example.com:80/", "https://example.com/ http://example.com:8080/"},
		{"example.com:8080", "http://example.com:8080/ https://example.com:8080/", "http://example.com/"},
		{"bücher.example", "https://xn--bcher-kva.example/ https://BÜCHER.example/", "https://example/"},
		{"XN--BCHER-KVA.example:443", "https://bücher.example/", "http://bücher.example/"},
		{"2606:2800::1", "http://[2606:2800::1]/ http://[2606:2800:0::1]:81/", "http://[2606:2800::2]/"},
		{"[2606:2800:0::1]:443", "https://[2606:2800::1]/", "http://[2606:2800::1]/"},
		{"2606:2800::443", "http://[2606:2800::443]/", "https://[2606:2800::]/"},
		{"example.com.", "https://example.com./ https://example.com/", "https://www.example.com./"},
		{"example.com.:443", "https://example.com./ https://example.com/", "http://example.com./"},
	} {
		for i, sources := range []string{tc.takes, tc.not} {
			for source := range strings.FieldsSeq(sources) {
				if got, want := takes(t, r, PurgeRequest{Hosts: []string{tc.host}}, source), i == 0; got != want {
					t.Errorf("host %s, %s: %v, want %v", tc.host, source, got, want)
				}
			}
		}
	}
	for _, host := range []string{"", "*.example.com", "https://example.com", "example.com/", "a b", "me@example.com",
		"example.com:0", "a..b", "127.1"} {
		if _, err := r.server.targetsOf(PurgeRequest{Hosts: []string{host}}); !errors.Is(err, errPurge) ||
			!strings.Contains(err.Error(), "example.com:8080") {
			t.Errorf("%q: %v", host, err)
		}
	}
}

// A purge of one spelling of a source is one of all.
func TestPurgeOfSpellings(t *testing.T) {
	r := namesRig(t, nil)
	for _, spellings := range []string{
		"https://h https://h/ HTTPS://H:443 https://h#x", "https://h?x https://h/?x", "local:///a LOCAL:///a",
		"https://h/~a/%C3%A4?~=%C3%A4 https://h/%7Ea/%c3%a4?%7e=%c3%a4 https://h/~a/ä?~=ä",
		"https://h/a.png https://h/x/../a.png https://h/%2e/x/%2E./a.png",
		"http://[::1]/ http://[0:0::1]/",
	} {
		all := strings.Fields(spellings)
		for _, one := range all {
			for _, other := range all {
				if !takes(t, r, PurgeRequest{Sources: []string{one}}, other) {
					t.Errorf("%s is not purged by %s", other, one)
				}
			}
		}
	}
}

func TestPurgeOfPrefixes(t *testing.T) {
	r := namesRig(t, func(c *Config) { c.SourceKeyIgnore = []string{"X-Amz-*", "sig"} })
	for prefix, source := range map[string]string{
		"HTTPS://Example.com:443/dir/": "https://example.com/dir/a", "https://bücher.example/ä": "https://xn--bcher-kva.example/%c3%a4/b",
		"https://h/x/../%7ea": "https://h/~abc", "https://h/a?v=1&X-Am": "https://h/a?v=1&X-Ambient=2", "https://h/a?si": "https://h/a?size=1",
		"https://h/a?sig": "https://h/a?sigma=1", "local:///a/b": "local:///a/bc", "https://h/a?v=": "https://h/a?X-Amz-Date=1&v=2",
		"https://h/a?": "https://h/a?X-Amz-Date=1", "https://h/a?w=1&": "https://h/a?w=1&sig=2",
	} {
		if !takes(t, r, PurgeRequest{Prefixes: []string{prefix}}, source) {
			t.Errorf("%s does not take %s", prefix, source)
		}
	}
	for prefix, why := range map[string]string{
		"htps://example.com/": "sources are http://", "https://me@example.com/": "user name", "https://example.com/a%2": "percent-encoded", "https://exam": "scheme://host/",
		"https://h/a?X-Amz-Date=1": "X-Amz-Date", "https://h/a?v=1&X-Amz-": "source-key-ignore", "https://h/a?sig=": "sig", "https://h/a?x%2Damz%2Ddate=1&v=": "source-key-ignore",
		"https://h/a?sig&v": "sig", "https://h/#a": "must not contain a #", "local:///a/../b": "no . and .. segments",
	} {
		if _, err := r.server.targetsOf(PurgeRequest{Prefixes: []string{prefix}}); !errors.Is(err, errPurge) ||
			!strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", prefix, err)
		}
	}
}

// A question mark in a file's name asks nothing.
func TestIdentityOfFiles(t *testing.T) {
	r := namesRig(t, func(c *Config) { c.SourceKeyIgnore = []string{"v"} })
	for source, want := range map[string]string{
		"local:///a?v=1": "local:///a?v=1", "local:///a?v=2": "local:///a?v=2",
		"https://h/a?v=1": "https://h/a", "https://h/a?v=2": "https://h/a", "https://h/a?w=1": "https://h/a?w=1",
	} {
		if id, own := r.server.sourceIdentity(source); id != want || own != (id != source) {
			t.Errorf("%s is %s, own %v", source, id, own)
		}
	}
}

// A purge never names more than the clock remembers exactly at once.
func TestPurgeOfTooMuch(t *testing.T) {
	r := namesRig(t, nil)
	many := func(n int, format string) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprintf(format, i))
		}
		return all
	}
	const each = 4 // AVIF, with WebP or GIF of animations, WebP, and what is made where neither is taken
	for what, tc := range map[string]struct {
		ask  PurgeRequest
		fits bool
	}{
		"tags":          {PurgeRequest{Tags: many(maxPurgeTargets, "t%d")}, true},
		"too many tags": {PurgeRequest{Tags: many(maxPurgeTargets+1, "t%d")}, false},
		"the same tag":  {PurgeRequest{Tags: many(maxPurgeTargets+1, "t%[1]*.0d")}, false},
		"together":      {PurgeRequest{Tags: many(maxPurgeTargets/2, "t%d"), Sources: many(maxPurgeTargets/2+1, "https://h/%d")}, false},
		"URLs":          {PurgeRequest{URLs: many(maxPurgeTargets/each, "/x/f:auto/plain/https://h/%d")}, true},
		"too many URLs": {PurgeRequest{URLs: many(maxPurgeTargets/each+1, "/x/f:auto/plain/https://h/%d")}, false},
		"prefixes":      {PurgeRequest{Prefixes: many(maxPurgePrefixes, "https://h/%d/")}, true},
		"too many":      {PurgeRequest{Prefixes: many(maxPurgePrefixes+1, "https://h/%d/")}, false},
		"hosts":         {PurgeRequest{Hosts: many(maxPurgePrefixes+1, "h%d")}, true},
		"their ports":   {PurgeRequest{Hosts: many(maxPurgePrefixes+1, "h%d:443")}, false},
	} {
		targets, err := r.server.targetsOf(tc.ask)
		if (err == nil) != tc.fits || err != nil && !strings.Contains(err.Error(), "send several") ||
			len(targets) > maxPurgeTargets {
			t.Errorf("%s: %d targets, %v", what, len(targets), err)
		}
	}
	if _, err := r.server.targetsOf(PurgeRequest{All: true, Tags: []string{"x"}}); !errors.Is(err, errPurge) ||
		!strings.Contains(err.Error(), "cannot be combined") {
		t.Errorf("all and a tag: %v", err)
	}
}

// A URL whose signature was cut off names the same picture, and no other one is
// named by a signature that looks like something else.
func TestPurgeOfURLsWithoutSignatures(t *testing.T) {
	for _, flavor := range []thumbor.Flavor{thumbor.Thumbor, thumbor.Imagor} {
		dialect, err := thumbor.New(thumbor.Config{Hash: "sha1", Unsafe: true, Flavor: flavor})
		if err != nil {
			t.Fatal(err)
		}
		r := namesRig(t, func(c *Config) { c.AutoFormats, c.Thumbor, c.ThumborPath = nil, dialect, "/thumbor/" })
		for _, tc := range []struct {
			bare, signed string
			more         int // than the picture itself: what may have been meant, too
		}{
			{"/w:10/plain/https://example.com/a.png", "/x/w:10/plain/https://example.com/a.png", 1},
			{"https://cdn.example/w:10/h:5/plain/https://example.com/a.png?q", "/x/w:10/h:5/plain/https://example.com/a.png", 1},
			{"/plain/https://example.com/a.png", "/x/plain/https://example.com/a.png", 0},
			{"/w:10/aHR0cHM6Ly9leGFtcGxlLmNvbS9h", "/AfrOrF3gWeDA6VOlDG4TzxMv39O7MXnF4CXpKUwGqRM/w:10/aHR0cHM6Ly9leGFtcGxlLmNvbS9h", 1},
			{"/aHR0cHM6Ly9leGFtcGxlLmNvbS9h", "/AfrOrF3gWeDA6VOlDG4TzxMv39O7MXnF4CXpKUwGqRM/aHR0cHM6Ly9leGFtcGxlLmNvbS9h", 0},
			{"/thumbor/30x30/https://example.com/a.png", "/thumbor/8vHPVSo5gnN6ad_7pH4kWqjnqs4=/30x30/https://example.com/a.png", 1},
			{"/thumbor/fit-in/30x30/https://example.com/a.png", "/thumbor/unsafe/fit-in/30x30/https://example.com/a.png", 1},
			{"/thumbor/example.com/a.png", "/thumbor/8vHPVSo5gnN6ad_7pH4kWqjnqs4%3D/example.com/a.png", 1},
		} {
			whole, err := r.server.keysOf(tc.signed)
			if err != nil || len(whole) != 1 {
				t.Fatalf("%s: %q, %v", tc.signed, whole, err)
			}
			keys, err := r.server.keysOf(tc.bare)
			if err != nil || len(keys) != 1+tc.more || !slices.Contains(keys, whole[0]) {
				t.Errorf("%s: %q, %v, want %q", tc.bare, keys, err, whole)
			}
		}
	}
}

// Sequences are of a log: another one begins with 1 again.
func TestThePurgeSaysWhichLog(t *testing.T) {
	r := namesRig(t, nil)
	for seq := range uint64(2) {
		if a := r.purge(PurgeRequest{Tags: []string{"a"}}); a.Sequence != seq+1 || a.Log != r.cfg.Clock.ID() {
			t.Errorf("%+v of %s", a, r.cfg.Clock.ID())
		}
	}
}

// The same over the network: what a picture was fetched by and what it is
// purged by need not be the same words.
func TestPurgeOfAnotherSpelling(t *testing.T) {
	for _, name := range []string{"/x/../b.png", "/%62.png", "/%2e/b.png"} {
		r := newRig(t, nil)
		var asked []string
		r.gate = func(req *http.Request) { asked = append(asked, req.RequestURI) }
		path := r.pathOf("w:10", "/b.png")
		r.wantStatus("cold", path, missed)
		r.purge(PurgeRequest{Sources: []string{r.site.URL + name}})
		r.wantStatus(name, path, missed)
		r.wantStatus("the same picture", r.pathOf("w:10", strings.ReplaceAll(name, "%", "%25")), inMemory)
		if fmt.Sprint(asked) != "[/b.png /b.png]" {
			t.Errorf("%s: fetched %v", name, asked)
		}
	}
}
