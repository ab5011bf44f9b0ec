package proxy

import (
	"hash/maphash"
	"sync"

	"github.com/pictor-proxy/pictor/transform"
)

// searches remember what searches for a quality came to, so that those of other sizes of the same source begin
// near, and those of the same size end there. They are hints alone: a search with a wrong one takes more encodes, and
// reaches its target all the same. It may end at another quality that is as near to the target.
type searches struct {
	seed maphash.Seed

	mu   sync.Mutex
	kept map[searchKey]int
	// order has the keys in the order in which they came, next the oldest one once it is full.
	order []searchKey
	next  int
}

// mostSearches bounds what is remembered: about 600 KiB.
const mostSearches = 4096

// searchKey names searches that come to much the same. Two sources of one hash would get each other's hints.
type searchKey struct {
	source uint64
	format transform.Format
	auto   transform.AutoQuality
	// output is a hash of one result, 0 for the last one of whatever size. Without it the choice between formats might
	// come to a quality that is a little higher than that of the format alone.
	output uint64
}

func newSearches() *searches { return &searches{seed: maphash.MakeSeed(), kept: map[searchKey]int{}} }

func (s *searches) keyOf(identity string, p transform.Params) searchKey {
	return searchKey{maphash.String(s.seed, identity), p.Format, p.AutoQuality, 0}
}

// ofOutput is the key of one result. Those that formats are chosen from are still images, whatever the URL says.
func (s *searches) ofOutput(key searchKey, p transform.Params) searchKey {
	p.Still = true
	key.output = maphash.Comparable(s.seed, p) | 1
	return key
}

// startOf is the quality to begin a search with, 0 where nothing is known. Sizes in bytes differ too much between
// widths.
func (s *searches) startOf(identity string, p transform.Params) int {
	if !p.AutoQuality.On() || p.AutoQuality.Method == transform.BySize {
		return 0
	}
	key := s.keyOf(identity, p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if start, known := s.kept[s.ofOutput(key, p)]; known {
		return start
	}
	return s.kept[key]
}

// startsOf are those of several outputs; nil where nothing is known of any.
func (s *searches) startsOf(identity string, outputs []transform.Params) (starts []int) {
	for i, p := range outputs {
		if start := s.startOf(identity, p); start > 0 {
			if starts == nil {
				starts = make([]int, len(outputs))
			}
			starts[i] = start
		}
	}
	return starts
}

// note remembers what a search came to.
func (s *searches) note(identity string, p transform.Params, found transform.Searched) {
	if found.Encodes == 0 || p.AutoQuality.Method == transform.BySize {
		return
	}
	key := s.keyOf(identity, p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(key, found.Quality)
	s.keep(s.ofOutput(key, p), found.Quality)
}

func (s *searches) keep(key searchKey, quality int) {
	if _, known := s.kept[key]; !known {
		if len(s.order) < mostSearches {
			s.order = append(s.order, key)
		} else {
			delete(s.kept, s.order[s.next])
			s.order[s.next] = key
			s.next = (s.next + 1) % mostSearches
		}
	}
	s.kept[key] = quality
}
