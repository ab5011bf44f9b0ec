//go:build unix

package memfile

import (
	"errors"
	"testing"
)

func TestPrivateSourceIsReadWithoutAFile(t *testing.T) {
	for _, text := range []string{"", "some bytes"} {
		b := []byte(text)
		s, err := NewPrivate(b)
		if err != nil {
			t.Fatal(err)
		}
		clear(b) // the source has a copy
		for range 2 {
			if got, err := s.Bytes(); err != nil || string(got) != text || s.Size() != int64(len(text)) {
				t.Errorf("%q, %v, want %q", got, err, text)
			}
			s.Release()
		}
		if s.File() != nil {
			t.Error("it has a file")
		}
		if _, err := s.Write([]byte("x")); !errors.Is(err, errSealed) {
			t.Errorf("a write: %v", err)
		}
		if _, _, err := s.Patched(0, int64(len(text)), func(func(int64, []byte) bool) {}); !errors.Is(err, errPrivate) {
			t.Errorf("a patched view: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
