package container

// jxlAlias is an entry of an alias table: of the slots of an entry those below cutoff
// are the entry's own symbol, the others are another's (ISO/IEC 18181-1 §C.2.6).
type jxlAlias struct {
	cutoff, other, offset uint32
	own, others           uint32 // their frequencies
}

// readHistograms reads the frequencies of each histogram, and makes tables of them.
func (c *jxlCode) readHistograms(r *jxlBits, n int) error {
	for range n {
		counts, ok := readJXLHistogram(r)
		if !ok || len(counts) > 1<<c.logEntries || r.short {
			return errJXLCode
		}
		table, ok := newJXLAlias(counts, c.logEntries)
		if !ok {
			return errJXLCode
		}
		c.ans = append(c.ans, table)
	}
	return nil
}

// readANS decodes a symbol.
func (c *jxlCode) readANS(r *jxlBits, histogram uint8) uint32 {
	slots := jxlStateBits - c.logEntries
	slot := c.state & (1<<jxlStateBits - 1)
	i, pos := slot>>slots, slot&(1<<slots-1)
	entry := &c.ans[histogram][i]
	symbol, frequency := i, entry.own
	if pos >= entry.cutoff {
		symbol, frequency = entry.other, entry.others
		pos += entry.offset
	}
	c.state = frequency*(c.state>>jxlStateBits) + pos
	if c.state < 1<<16 {
		c.state = c.state<<16 | r.bits(16)
	}
	return symbol
}

// varLength reads a number of up to 1<<(1<<n) - 1 (§C.2.5).
func (r *jxlBits) varLength(n int) int {
	if !r.bool() {
		return 0
	}
	size := int(r.bits(n))
	return 1<<size + int(r.bits(size))
}

// readJXLHistogram reads frequencies that add up to 1<<12.
func readJXLHistogram(r *jxlBits) (counts []uint32, ok bool) {
	const whole = 1 << jxlStateBits
	if r.bool() { // one or two symbols
		two := r.bool()
		a := r.varLength(3)
		if !two {
			counts = make([]uint32, a+1)
			counts[a] = whole
			return counts, true
		}
		b := r.varLength(3)
		if a == b {
			return nil, false
		}
		counts = make([]uint32, max(a, b)+1)
		counts[a] = r.bits(jxlStateBits)
		counts[b] = whole - counts[a]
		return counts, true
	}
	if r.bool() { // flat
		n := r.varLength(3) + 1
		counts = make([]uint32, n)
		for i := range counts {
			counts[i] = uint32(whole / n)
			if i < whole%n {
				counts[i]++
			}
		}
		return counts, true
	}
	ones := 0
	for ones < 3 && r.bool() {
		ones++
	}
	precision := int(r.bits(ones)|1<<ones) - 1
	if precision > jxlStateBits+1 {
		return nil, false
	}
	return readJXLCounts(r, precision)
}

// jxlCountLengths are the codes of logarithms, in the order of 0 to 13, read from
// the lowest bit: their lengths and bits.
var jxlCountLengths = [14]struct{ bits, code uint32 }{
	{5, 17}, {4, 11}, {4, 15}, {4, 3}, {4, 9}, {4, 7}, {3, 4}, {3, 2}, {3, 5}, {3, 6}, {3, 0}, {6, 33}, {7, 1}, {7, 65},
}

// readJXLLogarithm reads one more than the logarithm of a frequency; 13 stands for a run.
func readJXLLogarithm(r *jxlBits) int {
	var code uint32
	for n := uint32(0); n < 7; {
		code |= r.bits(1) << n
		n++
		for i, c := range jxlCountLengths {
			if c.bits == n && c.code == code {
				return i
			}
		}
	}
	return 0
}

// readJXLCounts reads frequencies by their logarithms.
func readJXLCounts(r *jxlBits, precision int) (counts []uint32, ok bool) {
	const run = 13
	n := r.varLength(3) + 3
	logs, runs := make([]int, n), make([]int, n)
	largest, omitted := -1, -1
	for i := 0; i < n; i++ {
		logs[i] = readJXLLogarithm(r)
		if logs[i] == run {
			length := r.varLength(3)
			runs[i] = length + 5
			i += length + 3
			continue
		}
		if logs[i] > largest {
			largest, omitted = logs[i], i
		}
	}
	if omitted < 0 {
		return nil, false
	}
	counts = make([]uint32, n)
	sum, same := uint32(0), 0
	var before uint32
	for i := range counts {
		if runs[i] > 0 {
			same, before = runs[i]-1, 0
			if i > 0 {
				before = counts[i-1]
			}
		}
		switch {
		case same > 0:
			counts[i] = before
			same--
		case i == omitted || logs[i] == 0:
			continue
		default:
			counts[i] = readJXLCount(r, logs[i]-1, precision)
		}
		sum += counts[i]
	}
	const whole = 1 << jxlStateBits
	if sum >= whole {
		return nil, false
	}
	counts[omitted] = whole - sum
	return counts, true
}

// readJXLCount reads a frequency of such a logarithm, of which some bits are told.
func readJXLCount(r *jxlBits, logarithm, precision int) uint32 {
	if logarithm == 0 {
		return 1
	}
	told := min(logarithm, max(0, precision-(jxlStateBits-logarithm)>>1))
	return 1<<logarithm + r.bits(told)<<(logarithm-told)
}

// newJXLAlias makes the alias table of frequencies, in the one way that the format
// prescribes.
func newJXLAlias(counts []uint32, logEntries int) (table []jxlAlias, ok bool) {
	for len(counts) > 0 && counts[len(counts)-1] == 0 {
		counts = counts[:len(counts)-1]
	}
	const whole = 1 << jxlStateBits
	if len(counts) == 0 {
		counts = []uint32{whole}
	}
	size := 1 << logEntries
	slots := uint32(whole) >> logEntries
	table = make([]jxlAlias, size)
	for symbol, n := range counts {
		if n == whole {
			for i := range table {
				table[i] = jxlAlias{other: uint32(symbol), offset: slots * uint32(i), others: whole}
			}
			return table, true
		}
	}
	return table, fillJXLAlias(table, counts, slots)
}

func fillJXLAlias(table []jxlAlias, counts []uint32, slots uint32) bool {
	var under, over []int
	for i := range table {
		if i < len(counts) {
			table[i].cutoff, table[i].own = counts[i], counts[i]
		}
		switch {
		case table[i].cutoff > slots:
			over = append(over, i)
		case table[i].cutoff < slots:
			under = append(under, i)
		}
	}
	for len(over) > 0 {
		if len(under) == 0 {
			return false
		}
		full, lacking := over[len(over)-1], under[len(under)-1]
		over, under = over[:len(over)-1], under[:len(under)-1]
		table[full].cutoff -= slots - table[lacking].cutoff
		table[lacking].other, table[lacking].offset = uint32(full), table[full].cutoff
		switch {
		case table[full].cutoff < slots:
			under = append(under, full)
		case table[full].cutoff > slots:
			over = append(over, full)
		}
	}
	for i := range table {
		e := &table[i]
		if e.cutoff == slots {
			*e = jxlAlias{other: uint32(i), own: e.own}
		} else {
			e.offset -= e.cutoff
		}
		e.others = table[e.other].own
	}
	return true
}
