package purge

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// witness remembers how far a log had come, in a place that does not share the
// log's fate. It is never ahead of the log, so it need not be synced.
type witness struct {
	id  string
	seq uint64
}

func (w witness) line() []byte {
	b, _ := seal(fmt.Appendf(nil, "pictor-purge-witness 1 %s %d", w.id, w.seq), 0, 0)
	return b
}

var errNoWitness = errors.New("witness is not one")

// readWitness gives fs.ErrNotExist where there is none, as for an empty path.
func readWitness(path string) (w witness, err error) {
	f, err := os.Open(path)
	if err != nil {
		return w, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return w, err
	}
	_, err = fmt.Sscanf(string(b), "pictor-purge-witness 1 %s %d", &w.id, &w.seq)
	if err != nil || !isID(w.id) || string(w.line()) != string(b) {
		return w, errNoWitness
	}
	return w, nil
}

func (w witness) write(path string) error {
	if err := os.WriteFile(path+".new", w.line(), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
