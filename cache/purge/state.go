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

// seqPair is the newest purge of each mode; 0 is none.
type seqPair struct{ hard, soft uint64 }

func seqPairOf(mode Mode, seq uint64) seqPair {
	if mode == Hard {
		return seqPair{hard: seq}
	}
	return seqPair{soft: seq}
}

func (m seqPair) merge(n seqPair) seqPair { return seqPair{max(m.hard, n.hard), max(m.soft, n.soft)} }

func (m seqPair) newest() uint64 { return max(m.hard, m.soft) }

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
	mark  seqPair
}

// state is all that was purged. It depends on nothing but the order of the
// purges, so that a log read again gives the same one.
type state struct {
	maxExact, maxPrefixes int

	all   seqPair
	exact map[digest]seqPair
	// sketch has what was folded from exact: a slot is the newest of all digests
	// that share it. nil until there is any.
	sketch *[slots]seqPair
	// sites are the prefixes by the site they begin with: a lookup compares
	// those of one site only.
	sites    map[string][]prefix
	prefixes int
	folded   uint64
	// position is how far the bus has been read, and positionSeq the sequence of the purge that came with it.
	position    Position
	positionSeq uint64
	run         run
}

func newState(maxExact, maxPrefixes int) *state {
	return &state{
		maxExact: maxExact, maxPrefixes: maxPrefixes,
		exact: map[digest]seqPair{}, sites: map[string][]prefix{},
	}
}

// addTarget enters a purge of a target.
func (s *state) addTarget(t Target, m seqPair) {
	switch t.Kind {
	case All:
		s.all = s.all.merge(m)
	case Prefix:
		s.addPrefix(t.Value, m)
	case positionLine:
		if p, err := parsePosition(t.Value); err == nil {
			s.addPosition(p, m.newest())
		}
	default:
		s.addExact(digestOf(nil, t.Kind, t.Value), m)
	}
}

func (s *state) addExact(d digest, m seqPair) {
	s.exact[d] = s.exact[d].merge(m)
	if len(s.exact) > s.maxExact {
		s.foldExact()
	}
}

func (s *state) addPrefix(value string, m seqPair) {
	at := siteOf(value)
	ps := s.sites[at]
	if i := slices.IndexFunc(ps, func(p prefix) bool { return p.value == value }); i >= 0 {
		ps[i].mark = ps[i].mark.merge(m)
		return
	}
	s.sites[at] = append(ps, prefix{value, m})
	s.prefixes++
	if s.prefixes > s.maxPrefixes {
		s.foldPrefixes()
	}
}

func (s *state) addSlot(i uint16, m seqPair) {
	if s.sketch == nil {
		s.sketch = new([slots]seqPair)
	}
	s.sketch[i] = s.sketch[i].merge(m)
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
		s.addSlot(a.digest.slot(), s.exact[a.digest])
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
		s.addExact(digestOf(nil, site, siteOf(p.value)), p.mark)
		s.folded++
	}
	clear(s.sites)
	for _, p := range all[half:] {
		at := siteOf(p.value)
		s.sites[at] = append(s.sites[at], p)
	}
	s.prefixes = len(all) - half
}

// lastPurge is the newest purge of each mode that names a scope.
func (s *state) lastPurge(scope Scope) seqPair {
	m := s.all
	buf := make([]byte, 0, 1024) // on the stack; a longer value costs an allocation
	m = m.merge(s.findExact(buf, URL, scope.URL))
	m = m.merge(s.findExact(buf, Source, scope.Source))
	for _, host := range scope.Hosts {
		m = m.merge(s.findExact(buf, Host, host))
	}
	for _, tag := range scope.Tags {
		m = m.merge(s.findExact(buf, Tag, tag))
	}
	at := siteOf(scope.Source)
	m = m.merge(s.findExact(buf, site, at))
	for _, p := range s.sites[at] {
		if strings.HasPrefix(scope.Source, p.value) {
			m = m.merge(p.mark)
		}
	}
	return m
}

// findExact is the newest purge of one exact target, or of one that shares its slot.
func (s *state) findExact(buf []byte, k Kind, value string) seqPair {
	if value == "" || len(s.exact) == 0 && s.sketch == nil {
		return seqPair{}
	}
	d := digestOf(buf, k, value)
	m := s.exact[d]
	if s.sketch != nil {
		m = m.merge(s.sketch[d.slot()])
	}
	return m
}

// snapshot is the state as lines of a log, oldest first. As the newest purge is
// never lost in it, its last line has the last sequence.
func (s *state) snapshot() []logLine {
	var lines []logLine
	add := func(m seqPair, k Kind, value string) {
		if m.hard > 0 {
			lines = append(lines, logLine{seq: m.hard, mode: Hard, Target: Target{k, value}})
		}
		if m.soft > 0 {
			lines = append(lines, logLine{seq: m.soft, mode: Soft, Target: Target{k, value}})
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
			if m != (seqPair{}) {
				add(m, slotLine, fmt.Sprintf("%04x", i))
			}
		}
	}
	if s.position.Bus != "" {
		if s.run.firstSeq < s.positionSeq { // a reader takes the two for the ends of a run
			begin := Position{Bus: s.position.Bus, Seq: s.run.first}
			add(seqPairOf(Hard, s.run.firstSeq), positionLine, begin.String())
		}
		add(seqPairOf(Hard, s.positionSeq), positionLine, s.position.String())
	}
	slices.SortFunc(lines, func(a, b logLine) int {
		return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Value, b.Value))
	})
	return lines
}

// restoreLine enters a line of a snapshot and says whether it is one.
func (s *state) restoreLine(l logLine) bool {
	m := seqPairOf(l.mode, l.seq)
	switch l.Kind {
	case All, Prefix:
		if l.invalidReason() != "" {
			return false
		}
		s.addTarget(l.Target, m)
	case positionLine:
		if _, err := parsePosition(l.Value); err != nil {
			return false
		}
		s.addTarget(l.Target, m)
	case digestLine:
		d, err := hex.DecodeString(l.Value)
		if err != nil || len(d) != len(digest{}) {
			return false
		}
		s.addExact(digest(d), m)
	case slotLine:
		i, err := strconv.ParseUint(l.Value, 16, 16)
		if err != nil {
			return false
		}
		s.addSlot(uint16(i), m)
	default:
		return false
	}
	return true
}
