package hidden

import (
	"bytes"
	"os"
	"testing"
)

// FuzzOpen: whatever is in the file, what opens gives sources that can be read again, and takes more.
func FuzzOpen(f *testing.F) {
	log := appendRecord(appendRecord([]byte(logHeader), numbered(1)), numbered(2))
	f.Add([]byte{})
	f.Add(log)
	f.Add(log[:len(log)-3])
	f.Add(append(bytes.Clone(log[:40]), log[16:]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(logOf(dir), data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(Config{Dir: dir, Max: 1000})
		if err != nil {
			return
		}
		defer s.Close()
		found := 0
		for i := len(logHeader); i < len(data); i++ {
			if source, err := parseRecord(data[i:]); err == nil && i%align == 0 {
				if _, err := s.Find(t.Context(), source.Hash); err == nil {
					found++
				}
			}
		}
		if n := s.Stats().Sources; n > found {
			t.Fatalf("%d sources, of which %d can be found", n, found)
		}
		add(t, s, 1, numbered(3))
		mustFind(t, s, numbered(3))
	})
}
