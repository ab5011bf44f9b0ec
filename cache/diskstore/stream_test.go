package diskstore

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// A record in a stream is the one that Put writes to a file, byte for byte.
func TestEncodedRecordIsThatOfAFile(t *testing.T) {
	dir := t.TempDir()
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := f.Open("results", Config{MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	<-s.Ready()
	name, header, body := NameOf("k"), []byte("header"), bytes.Repeat([]byte("body"), 1000)
	if err := s.Put(name, header, bytes.NewReader(body), int64(len(body))); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, storeDir, s.recordPath(name)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := EncodeRecord(header, body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, file) {
		t.Errorf("%d bytes, %v; the file has %d", len(got), err, len(file))
	}
	again, err := readStreamed(file, header)
	if err != nil || !bytes.Equal(again, body) {
		t.Errorf("%d bytes, %v", len(again), err)
	}
}

// readStreamed reads a record, and wants a header.
func readStreamed(b, header []byte) ([]byte, error) {
	return ReadRecord(bytes.NewReader(b), int64(len(b)), func(got []byte, size int64) error {
		if !bytes.Equal(got, header) || size > int64(len(b)) {
			return errors.New("another header")
		}
		return nil
	})
}

// Any byte that was changed or is missing is found.
func TestStreamedRecordThatWasChanged(t *testing.T) {
	r, err := EncodeRecord([]byte("header"), []byte("the body"))
	if err != nil {
		t.Fatal(err)
	}
	good, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	area := len(good) - trailerSize - len("the body")
	for i := range good {
		if i >= preambleSize+len("header") && i < area {
			continue // what is spare in the header's area tells nothing
		}
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, err := readStreamed(bad, []byte("header")); !errors.Is(err, ErrBroken) {
			t.Errorf("byte %d was changed: %v", i, err)
		}
	}
	for n := range good {
		if _, err := readStreamed(good[:n], []byte("header")); !errors.Is(err, ErrBroken) {
			t.Errorf("cut at %d: %v", n, err)
		}
		_, err := ReadRecord(bytes.NewReader(good[:n]), int64(len(good)), func([]byte, int64) error { return nil })
		if !errors.Is(err, ErrBroken) {
			t.Errorf("broken off at %d: %v", n, err)
		}
	}
}

func FuzzReadRecord(f *testing.F) {
	r, _ := EncodeRecord([]byte("header"), []byte("the body"))
	good, _ := io.ReadAll(r)
	f.Add(good)
	f.Add(good[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := ReadRecord(bytes.NewReader(b), int64(len(b)), func(_ []byte, size int64) error {
			if size > int64(len(b)) {
				t.Fatalf("a body of %d bytes in %d", size, len(b))
			}
			return nil
		})
		if err == nil && len(body) > len(b) {
			t.Errorf("%d bytes of %d", len(body), len(b))
		}
	})
}
