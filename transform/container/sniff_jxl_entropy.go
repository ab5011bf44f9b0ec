package container

import "math/bits"

// jxlCode is an entropy code of JPEG XL (ISO/IEC 18181-1 annex C): symbols of
// several contexts, which share histograms, as prefix codes or as ANS.
type jxlCode struct {
	lz77           bool
	least          uint32 // the first symbol that says how much to copy
	minLength      uint32
	lengths        jxlHybrid
	histogramOf    []uint8 // of each context; with LZ77 the last is that of distances
	hybrids        []jxlHybrid
	prefix         []jxlPrefix // nil for ANS
	ans            [][]jxlAlias
	logEntries     int // of an alias table
	state          uint32
	window         []uint32
	copied, toCopy uint32
}

// jxlHybrid says how a symbol and bits behind it make a number (§C.2.3).
type jxlHybrid struct{ split, high, low int }

const (
	jxlMaxPrefix    = 15 // the most bits of a prefix code
	jxlStateBits    = 12 // ANS: frequencies add up to 1<<12
	jxlFinalState   = 0x130000
	jxlMaxHistogram = 256
	// jxlWindow is how far back a copy may begin, and the most numbers that are read here.
	jxlWindow = 1 << 20
)

var errJXLCode = malformedError("the JPEG XL has a broken entropy code")

// readJXLCode reads the description of a code for so many contexts. Without copies, which
// add a context, the code of a map for two contexts has no map itself.
func readJXLCode(r *jxlBits, contexts int, copies bool) (*jxlCode, error) {
	c := &jxlCode{}
	if c.lz77 = r.bool(); c.lz77 {
		if !copies {
			return nil, errJXLCode
		}
		c.least = r.u32(jxlDist{224, 0}, jxlDist{512, 0}, jxlDist{4096, 0}, jxlDist{8, 15})
		c.minLength = r.u32(jxlDist{3, 0}, jxlDist{4, 0}, jxlDist{5, 2}, jxlDist{9, 8})
		contexts++
		var ok bool
		if c.lengths, ok = readJXLHybrid(r, 8); !ok {
			return nil, errJXLCode
		}
	}
	histograms := 1
	c.histogramOf = make([]uint8, contexts)
	if contexts > 1 {
		var err error
		if histograms, err = c.readContextMap(r); err != nil {
			return nil, err
		}
	}
	usesPrefix := r.bool()
	logAlphabet := jxlMaxPrefix
	if !usesPrefix {
		logAlphabet = int(r.bits(2)) + 5
	}
	for range histograms {
		h, ok := readJXLHybrid(r, logAlphabet)
		if !ok {
			return nil, errJXLCode
		}
		c.hybrids = append(c.hybrids, h)
	}
	var err error
	if usesPrefix {
		c.prefix, err = readJXLPrefixes(r, histograms)
		c.state = jxlFinalState
	} else {
		c.logEntries = logAlphabet
		err = c.readHistograms(r, histograms)
	}
	return c, err
}

// readContextMap reads which histogram each context has (§C.2.2).
func (c *jxlCode) readContextMap(r *jxlBits) (histograms int, err error) {
	if r.bool() {
		n := int(r.bits(2))
		for i := range c.histogramOf {
			c.histogramOf[i] = uint8(r.bits(n))
		}
		return checkJXLMap(c.histogramOf)
	}
	moves := r.bool()
	code, err := readJXLCode(r, 1, len(c.histogramOf) > 2)
	if err != nil {
		return 0, err
	}
	code.begin(r)
	for i := range c.histogramOf {
		v, ok := code.readNumber(r, 0)
		if !ok || v >= jxlMaxHistogram {
			return 0, errJXLCode
		}
		c.histogramOf[i] = uint8(v)
	}
	if code.state != jxlFinalState {
		return 0, errJXLCode
	}
	if moves {
		moveToFront(c.histogramOf)
	}
	return checkJXLMap(c.histogramOf)
}

// moveToFront undoes the transform of that name.
func moveToFront(v []uint8) {
	var order [256]uint8
	for i := range order {
		order[i] = uint8(i)
	}
	for i, at := range v {
		value := order[at]
		copy(order[1:], order[:at])
		order[0] = value
		v[i] = value
	}
}

// checkJXLMap counts the histograms of a map, each of which must be used.
func checkJXLMap(m []uint8) (histograms int, err error) {
	var seen [jxlMaxHistogram]bool
	most, found := 0, 0
	for _, h := range m {
		if !seen[h] {
			seen[h] = true
			found++
		}
		most = max(most, int(h))
	}
	if found != most+1 {
		return 0, errJXLCode
	}
	return found, nil
}

// readJXLHybrid reads a configuration for symbols of an alphabet of such a logarithm.
func readJXLHybrid(r *jxlBits, logAlphabet int) (h jxlHybrid, ok bool) {
	h.split = int(r.bits(bits.Len(uint(logAlphabet))))
	if h.split > logAlphabet {
		return h, false
	}
	if h.split != logAlphabet {
		h.high = int(r.bits(bits.Len(uint(h.split))))
		if h.high > h.split {
			return h, false
		}
		h.low = int(r.bits(bits.Len(uint(h.split - h.high))))
	}
	return h, h.high+h.low <= h.split
}

// number makes a number of a symbol, and of the bits that follow.
func (h jxlHybrid) number(r *jxlBits, symbol uint32) (v uint32, ok bool) {
	first := uint32(1) << h.split
	if symbol < first {
		return symbol, true
	}
	n := h.split - h.high - h.low + int((symbol-first)>>(h.high+h.low))
	if n > 29 {
		return 0, false
	}
	low := symbol & (1<<h.low - 1)
	high := symbol>>h.low&(1<<h.high-1) | 1<<h.high
	return (high<<n|r.bits(n))<<h.low | low, true
}

// begin reads the state of ANS, before the first symbol.
func (c *jxlCode) begin(r *jxlBits) {
	if c.prefix == nil {
		c.state = r.bits(32)
	}
}

func (c *jxlCode) readSymbol(r *jxlBits, histogram uint8) uint32 {
	if c.prefix != nil {
		return c.prefix[histogram].readSymbol(r)
	}
	return c.readANS(r, histogram)
}

// readNumber reads the next number of a context.
func (c *jxlCode) readNumber(r *jxlBits, context int) (v uint32, ok bool) {
	if c.toCopy == 0 {
		histogram := c.histogramOf[context]
		symbol := c.readSymbol(r, histogram)
		if !c.lz77 || symbol < c.least {
			v, ok = c.hybrids[histogram].number(r, symbol)
			c.remember(v)
			return v, ok && !r.short
		}
		if !c.beginCopy(r, symbol) {
			return 0, false
		}
	}
	c.toCopy--
	if int(c.copied) < len(c.window) { // else there is nothing before it
		v = c.window[c.copied]
	}
	c.copied++
	c.remember(v)
	return v, !r.short
}

// beginCopy reads how many numbers are the same as before, and where those are.
func (c *jxlCode) beginCopy(r *jxlBits, symbol uint32) bool {
	length, ok := c.lengths.number(r, symbol-c.least)
	if !ok {
		return false
	}
	distances := c.histogramOf[len(c.histogramOf)-1]
	distance, ok := c.hybrids[distances].number(r, c.readSymbol(r, distances))
	back := min(uint64(distance)+1, uint64(len(c.window)))
	c.toCopy = max(length+c.minLength, 1)
	c.copied = uint32(len(c.window)) - uint32(back)
	return ok
}

// remember keeps a number for copies.
func (c *jxlCode) remember(v uint32) {
	if c.lz77 && len(c.window) < jxlWindow {
		c.window = append(c.window, v)
	}
}
