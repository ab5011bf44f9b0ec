package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// The order that docs/cdn.md tells: pictor, then the edge. The other one is of no use.
func purges(t *testing.T, e *edge) {
	path, other := e.photo(t, "purged", "", "w:60"), e.photo(t, "bystander", "", "w:60")
	before := e.get(t, path).body
	e.get(t, other)
	e.put("/purged.jpg", original{body: photo(80, 120)})
	is := func(when string, a answer, old bool) {
		t.Helper()
		if a.status != http.StatusOK || bytes.Equal(a.body, before) != old {
			t.Errorf("%s: %v", when, a)
		}
	}
	is("before", e.cached(t, path), true)
	tags := regexp.MustCompile(`pictor-s-\w+`).FindAllString(e.pictor.get(path).header.Get("Surrogate-Key"), -1)
	e.purge(t, path, tags)
	is("too early: it fetches the old one again", e.get(t, path), true)
	if next := e.purgeSource(t, "purged"); fmt.Sprint(next) != fmt.Sprint(tags) {
		t.Errorf("to purge next: %v, want %v", next, tags)
	}
	is("the edge does not know of it yet", e.cached(t, path), true)
	e.purge(t, path, tags)
	is("after both", e.get(t, path), false)
	for _, accept := range []string{"image/avif,*/*", "image/webp", ""} {
		is("for "+accept, e.cached(t, path, "Accept", accept), false)
	}
	e.cached(t, other)

	if e.name == "varnish" { // softly: the old one once more, while the new one is fetched
		before = e.get(t, path).body
		e.put("/purged.jpg", original{body: photo(100, 100)})
		e.purgeSource(t, "purged")
		e.ask(t, "PURGE", "/", "X-Purge-Secret", "a-secret", "X-Purge-Tags", strings.Join(tags, " "), "X-Purge-Soft",
			"1")
		a := e.get(t, path)
		if is("softly", a, true); a.header.Get("X-Cache") != "STALE" {
			t.Error(a)
		}
		waitFor(t, "the new one", func() bool { return !bytes.Equal(e.get(t, path).body, before) })
	}
}

// A picture that is gone goes: Varnish is purged of it, and nginx asks again
// when it is not fresh any more.
func purgeOfWhatIsGone(t *testing.T, e *edge) {
	path := e.photo(t, "gone", "max-age=3", "w:60")
	e.get(t, path)
	e.put("/gone.jpg", original{status: http.StatusGone})
	e.purge(t, path, e.purgeSource(t, "gone"))
	if e.name == "nginx" {
		waitFor(t, "the end of its freshness", func() bool { return e.get(t, path).status == http.StatusNotFound })
	}
	for range 3 {
		if a := e.get(t, path); a.status != http.StatusNotFound {
			t.Error(a)
		}
	}
}

// Not everybody may purge.
func strangers(t *testing.T, e *edge) {
	path := e.photo(t, "strangers", "", "w:60")
	tags := e.pictor.get(path).header.Get("Surrogate-Key")
	e.get(t, path)
	if e.name == "nginx" {
		e.cached(t, path, "X-Refresh", "another-secret")
		return
	}
	// The loopback network has more addresses than the one that may; and that one
	// is everybody's behind a TLS terminator on this machine.
	for _, who := range []struct {
		ip     net.IP
		secret string
	}{{net.IPv4(127, 0, 0, 2), "a-secret"}, {net.IPv4(127, 0, 0, 1), ""}, {net.IPv4(127, 0, 0, 1), "another-secret"}} {
		from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: who.ip}}
		client := &http.Client{Transport: &http.Transport{DialContext: from.DialContext, DisableKeepAlives: true}}
		req, _ := http.NewRequest("PURGE", e.url+"/", nil)
		req.Header.Set("X-Purge-Tags", tags)
		req.Header.Set("X-Purge-Secret", who.secret)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("PURGE by a stranger, from %v with %q: %d", who.ip, who.secret, resp.StatusCode)
		}
	}
	e.cached(t, path)
}

// lenient says nothing of serving what is stale but after an error, so that
// nothing else can be the reason for it.
const lenient = "max-age=3, stale-while-revalidate=0, stale-if-error=600"

// stale wants the edge to serve what it has, from its end on, and nothing else.
func (e *edge) stale(t *testing.T, path string, body []byte) {
	t.Helper()
	n := 0
	waitFor(t, "what is stale", func() bool {
		a := e.get(t, path)
		if a.status != http.StatusOK || !bytes.Equal(a.body, body) {
			t.Fatal(a)
		}
		if a.header.Get("X-Cache") == "STALE" {
			n++
		}
		return n == 5
	})
}

// RFC 5861 §4: where pictor answers with an error what is stale is better, but
// only where that was allowed (nginx always allows it), and until it is well.
func pictorFails(t *testing.T, e *edge) {
	path, strict := e.photo(t, "lenient", lenient, "w:60"), e.photo(t, "strict", "max-age=3, must-revalidate", "w:60")
	body := e.get(t, path).body
	e.get(t, strict)
	for _, name := range []string{"lenient", "strict"} {
		e.put("/"+name+".jpg", original{status: http.StatusInternalServerError})
		e.purgeSource(t, name)
	}
	if a := e.pictor.get(path); a.status != http.StatusBadGateway {
		t.Fatal(a)
	}
	e.stale(t, path, body)
	if e.name == "varnish" {
		waitFor(t, "the error", func() bool { return e.get(t, strict).status == http.StatusBadGateway })
	}
	e.put("/lenient.jpg", original{body: photo(80, 120), control: lenient})
	e.purgeSource(t, "lenient") // pictor remembers for a while that it could not be had
	waitFor(t, "what is new", func() bool { return !bytes.Equal(e.get(t, path).body, body) })
}

// RFC 5861 §4: the same where there is no pictor at all.
func pictorIsGone(t *testing.T, e *edge) {
	path := e.photo(t, "last", lenient, "w:60")
	body := e.get(t, path).body
	e.pictor.kill()
	e.stale(t, path, body)
}
