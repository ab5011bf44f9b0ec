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
	checksumBytes = 1 + 16 + 1
	// maxLine bounds a line: quoting makes at most four bytes of one.
	maxLine = 4*maxValue + 256
)

var (
	errTorn     = errors.New("unexpected end")
	errChecksum = errors.New("checksum mismatch")
	errLine     = errors.New("invalid entry")
	errOrder    = errors.New("sequence out of order")
)

// logLine is a target of a purge, as the log has it.
type logLine struct {
	seq  uint64
	mode Mode
	// left is how many lines of the same purge follow: a log that ends before
	// them has lost a part of it.
	remaining int
	Target
}

// appendTo adds the line to b, sealed; prev is the checksum of the line before.
func (l logLine) appendTo(b []byte, prev uint64, unix int64) ([]byte, uint64) {
	start := len(b)
	b = fmt.Appendf(b, "%d %d %s %s %d ", l.seq, unix, l.mode, l.Kind, l.remaining)
	b = strconv.AppendQuote(b, l.Value)
	return sealLine(b, start, prev)
}

// parseLogLine is the reverse of appendTo. The time of the purge is for people only. An
// unknown kind is left at 0.
func parseLogLine(body []byte) (l logLine, err error) {
	f := strings.SplitN(string(body), " ", 6)
	if len(f) != 6 {
		return l, errLine
	}
	var ok bool
	if l.mode, ok = parseMode(f[2]); !ok {
		return l, errLine
	}
	l.Kind = parseKind(f[3], positionLine)
	var bad [4]error
	l.seq, bad[0] = strconv.ParseUint(f[0], 10, 63) // so that the next one is no overflow
	_, bad[1] = strconv.ParseInt(f[1], 10, 64)
	l.remaining, bad[2] = strconv.Atoi(f[4])
	l.Value, bad[3] = strconv.Unquote(f[5])
	if errors.Join(bad[:]...) != nil || l.remaining < 0 {
		return l, errLine
	}
	return l, nil
}

// chainSum is the checksum of a line and of all lines before it.
func chainSum(prev uint64, body []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(binary.LittleEndian.AppendUint64(nil, prev)) // never fails
	_, _ = d.Write(body)
	return d.Sum64()
}

// sealLine ends the line that begins at start.
func sealLine(b []byte, start int, prev uint64) ([]byte, uint64) {
	sum := chainSum(prev, b[start:])
	return fmt.Appendf(b, " %016x\n", sum), sum
}

// unsealLine is the reverse of sealLine. It accepts only the bytes that sealLine makes.
func unsealLine(b []byte, prev uint64) (body []byte, sum uint64, err error) {
	if len(b) < checksumBytes {
		return nil, 0, errChecksum
	}
	body, end := b[:len(b)-checksumBytes], b[len(b)-checksumBytes:]
	sum = chainSum(prev, body)
	if !bytes.Equal(end, fmt.Appendf(nil, " %016x\n", sum)) {
		return nil, 0, errChecksum
	}
	return body, sum, nil
}
