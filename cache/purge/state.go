package purge

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// slots is the size of the sketch; a slot's index is 16 bits of a digest.
const slots = 1 << 16

// mark is the newest purge of each mode; 0 is none.
type mark struct{ hard, soft uint64 }

func markOf(mode Mode, seq uint64) mark {
	if mode == Hard {
		return mark{hard: seq}
	}
	return mark{soft: seq}
}

func (m mark) or(n mark) mark { return mark{max(m.hard, n.hard), max(m.soft, n.soft)} }

func (m mark) newest() uint64 { return max(m.hard, m.soft) }

// digest stands for a kind and a value.
type digest [16]byte

// digestOf builds what it hashes in buf, which spares readers an allocation.
func digestOf(buf []byte, k Kind, value string) digest {
	buf = append(append(buf[:0], byte(k)), value...)
	sum := sha256.Sum256(buf)
	return digest(sum[:16])
}

func (d digest) slot() uint16 { return binary.LittleEndian.Uint16(d[:]) }

type prefix struct {
	value string
	mark  mark
}

// state is all that was purged. It depends on nothing but the order of the
// purges, so that a log read again gives the same one.
type state struct {
	maxExact, maxPrefixes int

	all   mark
	exact map[digest]mark
	// sketch has what was folded from exact: a slot is the newest of all digests
	// that share it. nil until there is any.
	sketch *[slots]mark
	// sites are the prefixes by the site they begin with: a lookup compares
	// those of one site only.
	sites    map[string][]prefix
	prefixes int
	folded   uint64
}

func newState(maxExact, maxPrefixes int) *state {
	return &state{
		maxExact: maxExact, maxPrefixes: maxPrefixes,
		exact: map[digest]mark{}, sites: map[string][]prefix{},
	}
}

// name enters a purge of a target.
func (s *state) name(t Target, m mark) {
	switch t.Kind {
	case All:
		s.all = s.all.or(m)
	case Prefix:
		s.namePrefix(t.Value, m)
	default:
		s.nameExact(digestOf(nil, t.Kind, t.Value), m)
	}
}

func (s *state) nameExact(d digest, m mark) {
	s.exact[d] = s.exact[d].or(m)
	if len(s.exact) > s.maxExact {
		s.foldExact()
	}
}

func (s *state) namePrefix(value string, m mark) {
	at := siteOf(value)
	ps := s.sites[at]
	if i := slices.IndexFunc(ps, func(p prefix) bool { return p.value == value }); i >= 0 {
		ps[i].mark = ps[i].mark.or(m)
		return
	}
	s.sites[at] = append(ps, prefix{value, m})
	s.prefixes++
	if s.prefixes > s.maxPrefixes {
		s.foldPrefixes()
	}
}

func (s *state) nameSlot(i uint16, m mark) {
	if s.sketch == nil {
		s.sketch = new([slots]mark)
	}
	s.sketch[i] = s.sketch[i].or(m)
}

// foldExact moves the older half of the exact targets to the sketch.
func (s *state) foldExact() {
	type aged struct {
		digest digest
		newest uint64
	}
	all := make([]aged, 0, len(s.exact))
	for d, m := range s.exact {
		all = append(all, aged{d, m.newest()})
	}
	slices.SortFunc(all, func(a, b aged) int {
		return cmp.Or(cmp.Compare(a.newest, b.newest), bytes.Compare(a.digest[:], b.digest[:]))
	})
	for _, a := range all[:len(all)/2] {
		s.nameSlot(a.digest.slot(), s.exact[a.digest])
		delete(s.exact, a.digest)
		s.folded++
	}
}

// foldPrefixes makes purges of whole sites of the older half of the prefixes.
func (s *state) foldPrefixes() {
	all := make([]prefix, 0, s.prefixes)
	for _, ps := range s.sites {
		all = append(all, ps...)
	}
	slices.SortFunc(all, func(a, b prefix) int {
		return cmp.Or(cmp.Compare(a.mark.newest(), b.mark.newest()), strings.Compare(a.value, b.value))
	})
	half := len(all) / 2
	for _, p := range all[:half] {
		s.nameExact(digestOf(nil, site, siteOf(p.value)), p.mark)
		s.folded++
	}
	clear(s.sites)
	for _, p := range all[half:] {
		at := siteOf(p.value)
		s.sites[at] = append(s.sites[at], p)
	}
	s.prefixes = len(all) - half
}

// last is the newest purge of each mode that names a scope.
func (s *state) last(scope Scope) mark {
	m := s.all
	buf := make([]byte, 0, 1024) // on the stack; a longer value costs an allocation
	m = m.or(s.find(buf, URL, scope.URL))
	m = m.or(s.find(buf, Source, scope.Source))
	for _, host := range scope.Hosts {
		m = m.or(s.find(buf, Host, host))
	}
	for _, tag := range scope.Tags {
		m = m.or(s.find(buf, Tag, tag))
	}
	at := siteOf(scope.Source)
	m = m.or(s.find(buf, site, at))
	for _, p := range s.sites[at] {
		if strings.HasPrefix(scope.Source, p.value) {
			m = m.or(p.mark)
		}
	}
	return m
}

// find is the newest purge of one exact target, or of one that shares its slot.
func (s *state) find(buf []byte, k Kind, value string) mark {
	if value == "" || len(s.exact) == 0 && s.sketch == nil {
		return mark{}
	}
	d := digestOf(buf, k, value)
	m := s.exact[d]
	if s.sketch != nil {
		m = m.or(s.sketch[d.slot()])
	}
	return m
}

// snapshot is the state as lines of a log, oldest first. As the newest purge is
// never lost in it, its last line has the last sequence.
func (s *state) snapshot() []line {
	var lines []line
	add := func(m mark, k Kind, value string) {
		if m.hard > 0 {
			lines = append(lines, line{seq: m.hard, mode: Hard, Target: Target{k, value}})
		}
		if m.soft > 0 {
			lines = append(lines, line{seq: m.soft, mode: Soft, Target: Target{k, value}})
		}
	}
	add(s.all, All, "")
	for _, ps := range s.sites {
		for _, p := range ps {
			add(p.mark, Prefix, p.value)
		}
	}
	for d, m := range s.exact {
		add(m, digestLine, hex.EncodeToString(d[:]))
	}
	if s.sketch != nil {
		for i, m := range s.sketch {
			if m != (mark{}) {
				add(m, slotLine, fmt.Sprintf("%04x", i))
			}
		}
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Value, b.Value))
	})
	return lines
}

// restore enters a line of a snapshot and says whether it is one.
func (s *state) restore(l line) bool {
	m := markOf(l.mode, l.seq)
	switch l.Kind {
	case All, Prefix:
		if l.fault() != "" {
			return false
		}
		s.name(l.Target, m)
	case digestLine:
		d, err := hex.DecodeString(l.Value)
		if err != nil || len(d) != len(digest{}) {
			return false
		}
		s.nameExact(digest(d), m)
	case slotLine:
		i, err := strconv.ParseUint(l.Value, 16, 16)
		if err != nil {
			return false
		}
		s.nameSlot(uint16(i), m)
	default:
		return false
	}
	return true
}
