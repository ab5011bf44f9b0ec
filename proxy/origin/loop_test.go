package origin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const thisID, otherID = "pictor-0123456789abcdef", "pictor-fedcba9876543210"

func TestHops(t *testing.T) {
	f := newFetcher(t, Config{ID: thisID})
	long := strings.Repeat("1.1 proxy, ", maxHops/11)
	for _, tc := range []struct {
		name   string
		header http.Header
		loop   bool
	}{
		{"nothing", http.Header{}, false},
		{"others", http.Header{"Via": {"1.1 varnish, 1.1 " + otherID}, "Cdn-Loop": {"cloudflare; loops=1", otherID}}, false},
		{"by Via", http.Header{"Via": {"1.1 " + thisID}}, true},
		{"by CDN-Loop", http.Header{"Cdn-Loop": {thisID}}, true},
		{"among others", http.Header{"Via": {"2 varnish, 1.1 " + thisID + " (pictor), HTTP/1.1 google"}}, true},
		{"in a second line", http.Header{"Via": {"1.1 varnish", "1.1 " + thisID}}, true},
		{"with parameters", http.Header{"Cdn-Loop": {"cloudflare; subreqs=1," + thisID + `; a="b"`}}, true},
		{"a long way", http.Header{"Via": {long}}, false},
		{"a way too long", http.Header{"Via": {long, long}}, true},
		{"a way too long for CDNs", http.Header{"Cdn-Loop": {long + long}}, true},
		{"nothing but commas", http.Header{"Via": {" ,, "}}, false},
	} {
		if _, err := f.Hops(tc.header); errors.Is(err, ErrLoop) != tc.loop {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// What came is passed on, and this instance is added, at each request of a fetch.
func TestHopsArePassedOn(t *testing.T) {
	for _, tc := range []struct{ came, want http.Header }{
		{http.Header{}, http.Header{"Via": {"1.1 " + thisID}, "Cdn-Loop": {thisID}}},
		{http.Header{"Via": {"2 a (b), 1.1 c", "1.0 d"}, "Cdn-Loop": {"cloudflare; loops=1"}},
			http.Header{"Via": {"2 a (b), 1.1 c, 1.0 d, 1.1 " + thisID}, "Cdn-Loop": {"cloudflare; loops=1, " + thisID}}},
		{http.Header{"Via": {", ,"}, "Cdn-Loop": {"a,"}}, http.Header{"Via": {"1.1 " + thisID}, "Cdn-Loop": {"a, " + thisID}}},
	} {
		asked := 0
		site := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			for name := range tc.want {
				if fmt.Sprint(r.Header[name]) != fmt.Sprint(tc.want[name]) {
					t.Errorf("%s: %q, want %q", name, r.Header[name], tc.want[name])
				}
			}
			if r.URL.Path == "/" {
				http.Redirect(w, r, "/b", http.StatusFound)
			}
		})
		f := newFetcher(t, Config{AllowNetworks: loopback, ID: thisID})
		hops, err := f.Hops(tc.came)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = f.Revalidate(t.Context(), site+"/", Client{Hops: hops}, Validators{}, io.Discard, nil)
		if err != nil || asked != 2 {
			t.Errorf("%v after %d requests", err, asked)
		}
	}
	a, b := newFetcher(t, Config{}), newFetcher(t, Config{})
	if a.cfg.ID == b.cfg.ID || !strings.HasPrefix(a.cfg.ID, "pictor-") {
		t.Errorf("two instances are %s and %s", a.cfg.ID, b.cfg.ID)
	}
}

// Only the 508 of another pictor is one about a loop.
func TestThe508OfAnOrigin(t *testing.T) {
	for status, want := range map[string]error{
		"": ErrStatus, "nginx; hit": ErrStatus, "other; detail=loop-detected": ErrStatus,
		"pictor; fwd=miss; detail=loop-detected":      ErrLoop,
		"pictor; fwd=miss; detail=loop-detected, CDN": ErrLoop,
	} {
		site := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Status", status)
			w.WriteHeader(http.StatusLoopDetected)
		})
		if _, _, err := fetch(t, newFetcher(t, Config{AllowNetworks: loopback}), site); !errors.Is(err, want) {
			t.Errorf("%q: %v", status, err)
		}
	}
}

// Whose loop an error is.
func TestLoopsOfOtherWays(t *testing.T) {
	a, b := Hops{via: "1.1 a"}, Hops{loop: "b"}
	for _, tc := range []struct {
		leader, other Hops
		err           error
		want          bool
	}{
		{Hops{}, Hops{}, ErrLoop, false}, {Hops{}, a, ErrLoop, false}, {a, a, ErrLoop, false}, {a, b, ErrLoop, true}, {a, Hops{}, ErrLoop, true},
		{a, b, ErrStatus, false}, {a, b, nil, false},
	} {
		if got := tc.other.Elsewhere(tc.leader.withHops(tc.err)); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

func FuzzHops(f *testing.F) {
	f.Add("1.1 varnish", "cloudflare; loops=1")
	f.Add(", ,", thisID)
	f.Fuzz(func(t *testing.T, via, loop string) {
		fetcher := newFetcher(t, Config{ID: thisID})
		hops, err := fetcher.Hops(http.Header{"Via": {via}, "Cdn-Loop": {loop}})
		if err != nil {
			return
		}
		// What is sent comes back as a loop, and is not longer than it may be.
		sent := http.Header{}
		hops.setHeaders(sent, thisID)
		if _, err := fetcher.Hops(sent); !errors.Is(err, ErrLoop) || len(sent["Via"][0]) > maxHops+40 {
			t.Errorf("%q: %v", sent, err)
		}
	})
}
