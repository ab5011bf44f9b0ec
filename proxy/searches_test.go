package proxy

import (
	"strconv"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// A search begins where another one of the same source, format and target has ended, and what is remembered is
// bounded.
func TestSearchesAreRemembered(t *testing.T) {
	s := newSearches()
	p := transform.Params{Format: transform.WebP, Width: 300,
		AutoQuality: transform.AutoQuality{Method: transform.BySSIMULACRA2, Target: 80}}
	s.note("http://x/a", p, transform.Searched{Quality: 71, Encodes: 3})
	wide, other, bytes := p, p, p
	wide.Width = 900
	other.Format = transform.AVIF
	bytes.AutoQuality.Method = transform.BySize
	s.note("http://x/a", bytes, transform.Searched{Quality: 60, Encodes: 3})
	s.note("http://x/b", p, transform.Searched{}) // there was no search
	narrow := p
	narrow.Width = 40
	s.note("http://x/c", p, transform.Searched{Quality: 71, Encodes: 3})
	s.note("http://x/c", narrow, transform.Searched{Quality: 75, Encodes: 1})
	still := p
	still.Still = true
	for _, tc := range []struct {
		identity string
		p        transform.Params
		want     int
	}{
		{"http://x/a", p, 71}, {"http://x/a", wide, 71}, {"http://x/a", other, 0}, {"http://x/a", bytes, 0},
		{"http://x/b", p, 0}, {"http://x/c", still, 71}, {"http://x/c", narrow, 75}, {"http://x/c", wide, 75},
		{"http://x/a", transform.Params{Format: transform.WebP}, 0},
	} {
		if got := s.startOf(tc.identity, tc.p); got != tc.want {
			t.Errorf("%s %v begins at %d, want %d", tc.identity, tc.p, got, tc.want)
		}
	}
	for i := range 3 * mostSearches {
		s.note("http://x/"+strconv.Itoa(i), p, transform.Searched{Quality: 50, Encodes: 1})
	}
	if len(s.kept) != mostSearches || len(s.order) != mostSearches {
		t.Errorf("%d and %d are kept of at most %d", len(s.kept), len(s.order), mostSearches)
	}
	if s.startOf("http://x/a", p) != 0 || s.startOf("http://x/"+strconv.Itoa(3*mostSearches-1), p) != 50 {
		t.Error("not the oldest are forgotten")
	}
}
