package container

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// A JPEG without its end mark is whole where all that its last scan codes is
// there: the scans before it are followed by a marker. The codes are counted
// and not decoded, which takes neither an inverse DCT nor memory of the
// image's size. Only a refinement scan (T.81 G.1.2.3) has to know which
// coefficients earlier scans made non-zero: one bit for each.

const (
	// historyBlocks bounds what is remembered for a refinement, 8 MiB.
	historyBlocks = 1 << 20
	// historyScans is how many scans one component may have before the last:
	// each may pass over all blocks with a few bytes.
	historyScans = 32
)

// historyTurn lets one history be in memory at a time.
var historyTurn sync.Mutex

// jpegData walks the entropy-coded data of the last scan.
type jpegData struct {
	jpegBits
	walk     *jpegWalk
	dc, ac   [4]*prefixCode // nil where there is none
	own      [2][4]prefixCode
	interval int
	// settled has bit k of a component set once coefficient k is at full
	// precision.
	settled [4]uint64
	history []uint64 // of the component of the last scan, bit k a block
}

// jpegScanHeader is a scan header of T.81 B.2.3.
type jpegScanHeader struct {
	parts          []jpegScanPart
	from, to       int
	refines, shift byte
}

type jpegScanPart struct {
	at           int // in the frame
	dc, ac       int
	across, down int64 // blocks of an MCU
	mcusX, mcusY int64
}

// dataEnd is where the image data of a JPEG ends that has no end mark behind
// it; false where not all of it is there.
func (w *jpegWalk) dataEnd() (int, bool) {
	if w.info.Scans == 0 || w.info.Height == 0 || !w.carriesAllComponents(w.carried) {
		return 0, false
	}
	d := jpegData{walk: w}
	last, ok := d.readScanHeader(w.last)
	if !ok {
		return 0, false
	}
	if last.refines != 0 && last.from > 0 {
		n := last.parts[0].mcusX * last.parts[0].mcusY
		if n > min(historyBlocks, 8*int64(len(w.b))) {
			return 0, false
		}
		historyTurn.Lock()
		defer historyTurn.Unlock()
		d.history = make([]uint64, n)
	}
	if !d.walkScans(last) {
		return 0, false
	}
	for i := range w.parts {
		if d.settled[i] != 1<<64-1 {
			return 0, false
		}
	}
	return d.at, d.endsCleanly()
}

// endsCleanly tells data that ends from data that was cut and goes on with something
// else, which reads as codes too: a file that was not written to its end has
// zeros there. Encoders fill the last byte with ones (T.81 F.1.2.3).
func (d *jpegData) endsCleanly() bool {
	rest := d.b[d.at:]
	if len(rest) == 0 || rest[0] == 0xFF {
		return true
	}
	if d.left == 0 {
		return d.last != 0 || rest[0] != 0
	}
	ones := byte(1)<<d.left - 1
	return d.last&ones == ones
}

// walkScans goes to the last scan and walks it, and those before it that the
// history is made of.
func (d *jpegData) walkScans(last jpegScanHeader) bool {
	again := jpegWalk{b: d.walk.b, at: 2}
	remembered := 0
	for left := d.walk.info.Scans; left > 0; {
		marker, ok := again.nextMarker()
		segment, whole := again.readSegment()
		if !ok || !whole {
			return false
		}
		switch marker {
		case jpegDHT:
			ok = d.readTables(segment)
		case jpegDRI:
			if ok = len(segment) == 2; ok {
				d.interval = int(binary.BigEndian.Uint16(segment))
			}
		case jpegSOS:
			left--
			var h jpegScanHeader
			if h, ok = d.readScanHeader(segment); !ok {
				return false
			}
			d.markSettled(h)
			counts := d.history != nil && h.from > 0 && h.parts[0].at == last.parts[0].at
			if counts {
				remembered++
			}
			if left == 0 || counts {
				d.jpegBits = jpegBits{b: d.walk.b, at: again.at}
				ok = remembered <= historyScans && d.walkScan(h)
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

func (d *jpegData) markSettled(h jpegScanHeader) {
	for _, p := range h.parts {
		band := jpegBand(h.from, h.to)
		d.settled[p.at] &^= band
		if h.shift == 0 {
			d.settled[p.at] |= band
		}
	}
}

// jpegBand has the bits from to to set.
func jpegBand(from, to int) uint64 { return (1<<64 - 1) << from & ((1<<64 - 1) >> (63 - to)) }

// readTables reads a DHT segment (T.81 B.2.4.2).
func (d *jpegData) readTables(s []byte) bool {
	const lengths = 16
	for len(s) > 0 {
		if len(s) < 1+lengths || s[0]&15 > 3 || s[0]>>4 > 1 {
			return false
		}
		kind, at := s[0]>>4, s[0]&15
		c, total := &d.own[kind][at], 0
		for i, n := range s[1 : 1+lengths] {
			c.count[i+1] = uint16(n)
			total += int(n)
		}
		if total > 256 || len(s) < 1+lengths+total || !c.valid() {
			return false
		}
		for i, v := range s[1+lengths:][:total] {
			c.symbols[i] = uint16(v)
		}
		if kind == 0 {
			d.dc[at] = c
		} else {
			d.ac[at] = c
		}
		s = s[1+lengths+total:]
	}
	return true
}

// readScanHeader reads a scan header that jpegWalk.readScanHeader took before.
func (d *jpegData) readScanHeader(s []byte) (h jpegScanHeader, ok bool) {
	if len(s) < 1 || len(s) != 4+2*int(s[0]) {
		return h, false
	}
	n := int(s[0])
	band := s[1+2*n:]
	h.from, h.to = int(band[0]), int(band[1])
	h.refines, h.shift = band[2]>>4, band[2]&15
	if !d.walk.progressive {
		h.from, h.to = 0, 63 // libjpeg takes them so
		h.refines, h.shift = 0, 0
	} else if h.from > h.to || h.to > 63 || h.from == 0 && h.to != 0 || h.from > 0 && n != 1 {
		return h, false
	}
	var taken uint
	for i := range n {
		p := jpegScanPart{at: d.walk.findComponent(int64(s[1+2*i]), taken), dc: int(s[2+2*i] >> 4),
			ac: int(s[2+2*i] & 15)}
		if p.at < 0 || p.dc > 3 || p.ac > 3 {
			return h, false
		}
		taken |= 1 << p.at
		d.measureScan(&p, n == 1)
		h.parts = append(h.parts, p)
	}
	return h, true
}

// measureScan says how many MCUs a scan has and how many blocks of the component
// are in one (T.81 A.2).
func (d *jpegData) measureScan(p *jpegScanPart, alone bool) {
	const side = 8
	ceil := func(n, d int64) int64 { return (n + d - 1) / d }
	w := d.walk
	var hMax, vMax int64
	for _, q := range w.parts {
		hMax, vMax = max(hMax, q.h), max(vMax, q.v)
	}
	width, height := int64(w.info.Width), int64(w.info.Height)
	q := w.parts[p.at]
	if alone {
		p.across, p.down = 1, 1
		p.mcusX, p.mcusY = ceil(ceil(width*q.h, hMax), side), ceil(ceil(height*q.v, vMax), side)
		return
	}
	p.across, p.down = q.h, q.v
	p.mcusX, p.mcusY = ceil(width, side*hMax), ceil(height, side*vMax)
}

// walkScan walks the MCUs of a scan, interval by interval. What is left of the
// data is then unread.
func (d *jpegData) walkScan(h jpegScanHeader) bool {
	total := h.parts[0].mcusX * h.parts[0].mcusY
	step := int64(d.interval)
	if step == 0 {
		step = total
	}
	for at, n := int64(0), 0; at < total; at, n = at+step, n+1 {
		if n > 0 && !d.takeRestart(byte(n-1)) {
			return false
		}
		if !d.walkMCUs(h, at, min(step, total-at)) {
			return false
		}
	}
	return true
}

func (d *jpegData) walkMCUs(h jpegScanHeader, at, n int64) bool {
	if h.from > 0 {
		if h.refines != 0 {
			return d.walkRefinement(h, at, n)
		}
		return d.walkFirstPass(h, at, n)
	}
	for range n {
		for _, p := range h.parts {
			for range p.across * p.down {
				if !d.skipBlock(h, p) {
					return false
				}
			}
		}
	}
	return true
}

// skipBlock passes over a block of a sequential scan, or one DC value of a
// progressive one.
func (d *jpegData) skipBlock(h jpegScanHeader, p jpegScanPart) bool {
	if h.refines != 0 {
		return d.skipBits(1)
	}
	const deepest = 11 // of the sizes of eight-bit samples (T.81 F.1.2.1.1)
	size, ok := d.readSymbol(d.dc[p.dc])
	if !ok || size > deepest || !d.skipBits(int(size)) {
		return false
	}
	for k := 1; k <= h.to; k++ {
		v, ok := d.readSymbol(d.ac[p.ac])
		run, size := int(v>>4), int(v&15)
		switch {
		case !ok:
			return false
		case size == 0 && run < 15:
			return true
		case size == 0:
			k += 15
			continue
		}
		if k += run; k > h.to || size >= deepest || !d.skipBits(size) {
			return false
		}
	}
	return true
}

// readBandSymbol reads a symbol of a progressive AC scan (T.81 G.1.2.2): blocks is how
// many end here, this one included, or 0.
func (d *jpegData) readBandSymbol(c *prefixCode) (run, size int, blocks int64, ok bool) {
	v, ok := d.readSymbol(c)
	run, size = int(v>>4), int(v&15)
	if !ok || size != 0 || run == 15 {
		return run, size, 0, ok
	}
	more, ok := d.readBits(run)
	return 0, 0, 1<<run + int64(more), ok
}

// walkFirstPass walks a first AC scan.
func (d *jpegData) walkFirstPass(h jpegScanHeader, at, n int64) bool {
	c := d.ac[h.parts[0].ac]
	for end := at + n; at < end; {
		var marks uint64
		blocks := int64(0)
		for k := h.from; k <= h.to && blocks == 0; k++ {
			var run, size int
			var ok bool
			if run, size, blocks, ok = d.readBandSymbol(c); !ok {
				return false
			}
			if k += run; size == 0 || blocks > 0 {
				continue
			}
			if k > h.to || !d.skipBits(size) {
				return false
			}
			marks |= 1 << k
		}
		if d.history != nil {
			d.history[at] |= marks
		}
		at += max(1, blocks) // a run that leaves the interval ends with it
	}
	return true
}

// walkRefinement walks a refining AC scan (T.81 G.1.2.3).
func (d *jpegData) walkRefinement(h jpegScanHeader, at, n int64) bool {
	c := d.ac[h.parts[0].ac]
	for end := at + n; at < end; {
		blocks, k := int64(0), h.from
		for k <= h.to {
			run, size, ends, ok := d.readBandSymbol(c)
			if !ok || size > 1 {
				return false
			}
			if blocks = ends; blocks > 0 {
				break
			}
			if size == 1 && !d.skipBits(1) { // the sign
				return false
			}
			if k, ok = d.skipZeroRun(at, k, h.to, run); !ok {
				return false
			}
			if size == 1 && k <= h.to {
				d.history[at] |= 1 << k
			}
			k++
		}
		for left := max(1, blocks); left > 0 && at < end; left-- {
			if k <= h.to && !d.skipBits(bits.OnesCount64(d.history[at]&jpegBand(k, h.to))) {
				return false
			}
			at, k = at+1, h.from
		}
	}
	return true
}

// skipZeroRun passes over run coefficients that are zero, the one after them, and
// the corrections of all that are not between. It gives the place of the last.
func (d *jpegData) skipZeroRun(at int64, k, to, run int) (int, bool) {
	for ; k <= to; k++ {
		if d.history[at]&(1<<k) != 0 {
			if !d.skipBits(1) {
				return k, false
			}
			continue
		}
		if run == 0 {
			return k, true
		}
		run--
	}
	return k, true
}
