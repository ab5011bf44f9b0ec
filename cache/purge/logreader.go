package purge

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// logHeader is the first line of a log. lines is how many of those that follow
// are a snapshot.
func logHeader(id string, lines int) string {
	return fmt.Sprintf("pictor-purge-log 1 %s %d", id, lines)
}

// logReader reads a log once, a line at a time.
type logReader struct {
	r         *bufio.Reader
	lines     int    // read
	size      int64  // of the lines read
	sum       uint64 // of the last line read
	last      uint64 // sequence of the last line read
	remaining int    // lines of the same purge that are to follow it
}

// readLog enters a whole log into s and gives its identity. An error means that
// it is not as it was written; s is of no use then.
func readLog(f io.Reader, s *state) (r *logReader, id string, err error) {
	r = &logReader{r: bufio.NewReaderSize(f, maxLine)}
	id, snapshot, err := r.readHeader()
	for err == nil {
		err = r.replayLine(s, r.lines <= snapshot)
	}
	switch {
	case !errors.Is(err, io.EOF):
	case r.lines <= snapshot || r.remaining > 0:
		err = errTorn
	default:
		return r, id, nil
	}
	return nil, "", fmt.Errorf("line %d: %w", r.lines+1, err)
}

// nextLine is the next line without its seal; io.EOF is the end after a whole line.
func (r *logReader) nextLine() ([]byte, error) {
	b, err := r.r.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(b) > 0 {
		return nil, errTorn
	}
	if err != nil {
		return nil, err
	}
	body, sum, err := unsealLine(b, r.sum)
	if err != nil {
		return nil, err
	}
	r.sum = sum
	r.size += int64(len(b))
	return body, nil
}

func (r *logReader) readHeader() (id string, snapshot int, err error) {
	body, err := r.nextLine()
	if errors.Is(err, io.EOF) {
		err = errTorn
	}
	if err != nil {
		return "", 0, err
	}
	f := strings.Fields(string(body))
	if len(f) == 4 {
		id = f[2]
		snapshot, err = strconv.Atoi(f[3])
	}
	if err != nil || snapshot < 0 || !isID(id) || logHeader(id, snapshot) != string(body) {
		return "", 0, errors.New("not a purge log of this version")
	}
	r.lines++
	return id, snapshot, nil
}

// replayLine enters one line. The sequences of a snapshot do not fall; after it, each
// purge has the one after that of the purge before.
func (r *logReader) replayLine(s *state, snapshot bool) error {
	body, err := r.nextLine()
	if err != nil {
		return err
	}
	l, err := parseLogLine(body)
	if err != nil {
		return err
	}
	switch {
	case snapshot && (l.seq < max(r.last, 1) || l.remaining != 0):
		return errOrder
	case snapshot:
		if !s.restoreLine(l) {
			return errLine
		}
	case r.remaining > 0 && (l.seq != r.last || l.remaining != r.remaining-1), r.remaining == 0 && l.seq != r.last+1:
		return errOrder
	case l.Kind == positionLine:
		if !s.restoreLine(l) {
			return errLine
		}
	case l.invalidReason() != "":
		return errLine
	default:
		s.addTarget(l.Target, seqPairOf(l.mode, l.seq))
	}
	r.last, r.remaining = l.seq, l.remaining
	r.lines++
	return nil
}
