package purge

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// header is the first line of a log. lines is how many of those that follow
// are a snapshot.
func header(id string, lines int) string { return fmt.Sprintf("pictor-purge-log 1 %s %d", id, lines) }

// reader reads a log once, a line at a time.
type reader struct {
	r     *bufio.Reader
	lines int    // read
	size  int64  // of the lines read
	sum   uint64 // of the last line read
	last  uint64 // sequence of the last line read
	left  int    // lines of the same purge that are to follow it
}

// readLog enters a whole log into s and gives its identity. An error means that
// it is not as it was written; s is of no use then.
func readLog(f io.Reader, s *state) (r *reader, id string, err error) {
	r = &reader{r: bufio.NewReaderSize(f, maxLine)}
	id, snapshot, err := r.header()
	for err == nil {
		err = r.line(s, r.lines <= snapshot)
	}
	switch {
	case !errors.Is(err, io.EOF):
	case r.lines <= snapshot || r.left > 0:
		err = errTorn
	default:
		return r, id, nil
	}
	return nil, "", fmt.Errorf("line %d: %w", r.lines+1, err)
}

// next is the next line without its seal; io.EOF is the end after a whole line.
func (r *reader) next() ([]byte, error) {
	b, err := r.r.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(b) > 0 {
		return nil, errTorn
	}
	if err != nil {
		return nil, err
	}
	body, sum, err := unseal(b, r.sum)
	if err != nil {
		return nil, err
	}
	r.sum = sum
	r.size += int64(len(b))
	return body, nil
}

func (r *reader) header() (id string, snapshot int, err error) {
	body, err := r.next()
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
	if err != nil || snapshot < 0 || !isID(id) || header(id, snapshot) != string(body) {
		return "", 0, errors.New("not a purge log of this version")
	}
	r.lines++
	return id, snapshot, nil
}

// line enters one line. The sequences of a snapshot do not fall; after it, each
// purge has the one after that of the purge before.
func (r *reader) line(s *state, snapshot bool) error {
	body, err := r.next()
	if err != nil {
		return err
	}
	l, err := parseLine(body)
	if err != nil {
		return err
	}
	switch {
	case snapshot && (l.seq < max(r.last, 1) || l.left != 0):
		return errOrder
	case snapshot:
		if !s.restore(l) {
			return errLine
		}
	case r.left > 0 && (l.seq != r.last || l.left != r.left-1), r.left == 0 && l.seq != r.last+1:
		return errOrder
	case l.fault() != "":
		return errLine
	default:
		s.name(l.Target, markOf(l.mode, l.seq))
	}
	r.last, r.left = l.seq, l.left
	r.lines++
	return nil
}
