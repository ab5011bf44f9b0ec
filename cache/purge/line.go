package purge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

const (
	// sealBytes is a blank, a checksum and the end of the line.
	sealBytes = 1 + 16 + 1
	// maxLine bounds a line: quoting makes at most four bytes of one.
	maxLine = 4*maxValue + 256
)

var (
	errTorn  = errors.New("unexpected end")
	errSeal  = errors.New("checksum mismatch")
	errLine  = errors.New("invalid entry")
	errOrder = errors.New("sequence out of order")
)

// line is a target of a purge, as the log has it.
type line struct {
	seq  uint64
	mode Mode
	// left is how many lines of the same purge follow: a log that ends before
	// them has lost a part of it.
	left int
	Target
}

// append adds the line to b, sealed; prev is the checksum of the line before.
func (l line) append(b []byte, prev uint64, unix int64) ([]byte, uint64) {
	start := len(b)
	b = fmt.Appendf(b, "%d %d %s %s %d ", l.seq, unix, l.mode, l.Kind, l.left)
	b = strconv.AppendQuote(b, l.Value)
	return seal(b, start, prev)
}

// parseLine is the reverse of append; when it was purged matters to people
// only. A kind that it does not know is left at 0.
func parseLine(body []byte) (l line, err error) {
	f := strings.SplitN(string(body), " ", 6)
	if len(f) != 6 {
		return l, errLine
	}
	switch f[2] {
	case Soft.String():
		l.mode = Soft
	case Hard.String():
		l.mode = Hard
	default:
		return l, errLine
	}
	for k := All; k <= slotLine; k++ {
		if f[3] == k.String() {
			l.Kind = k
		}
	}
	var bad [4]error
	l.seq, bad[0] = strconv.ParseUint(f[0], 10, 63) // so that the next one is no overflow
	_, bad[1] = strconv.ParseInt(f[1], 10, 64)
	l.left, bad[2] = strconv.Atoi(f[4])
	l.Value, bad[3] = strconv.Unquote(f[5])
	if errors.Join(bad[:]...) != nil || l.left < 0 {
		return l, errLine
	}
	return l, nil
}

// chain is the checksum of a line and of all lines before it.
func chain(prev uint64, body []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(binary.LittleEndian.AppendUint64(nil, prev)) // never fails
	_, _ = d.Write(body)
	return d.Sum64()
}

// seal ends the line that begins at start.
func seal(b []byte, start int, prev uint64) ([]byte, uint64) {
	sum := chain(prev, b[start:])
	return fmt.Appendf(b, " %016x\n", sum), sum
}

// unseal is the reverse of seal. It takes nothing but what seal makes, to the
// byte.
func unseal(b []byte, prev uint64) (body []byte, sum uint64, err error) {
	if len(b) < sealBytes {
		return nil, 0, errSeal
	}
	body, end := b[:len(b)-sealBytes], b[len(b)-sealBytes:]
	sum = chain(prev, body)
	if !bytes.Equal(end, fmt.Appendf(nil, " %016x\n", sum)) {
		return nil, 0, errSeal
	}
	return body, sum, nil
}
