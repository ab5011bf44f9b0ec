package diskstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
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
	of, err := EncodeRecordOf(header, section(body))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(of); err != nil || !bytes.Equal(got, file) {
		t.Errorf("of a reader: %d bytes, %v; the file has %d", len(got), err, len(file))
	}
	again, err := readStreamed(file, header)
	if err != nil || !bytes.Equal(again, body) {
		t.Errorf("%d bytes, %v", len(again), err)
	}
}

// readStreamed reads a record, in both ways, and wants a header.
func readStreamed(b, header []byte) ([]byte, error) {
	accept := func(got []byte, size int64) error {
		if !bytes.Equal(got, header) || size > int64(len(b)) {
			return errors.New("another header")
		}
		return nil
	}
	body, err := ReadRecord(bytes.NewReader(b), int64(len(b)), accept)
	var copied bytes.Buffer
	copyErr := CopyRecord(bytes.NewReader(b), int64(len(b)), func(got []byte, size int64) (io.Writer, error) {
		return &copied, accept(got, size)
	})
	if !errors.Is(copyErr, err) || err == nil && !bytes.Equal(copied.Bytes(), body) {
		return nil, fmt.Errorf("it is read as %v, and copied as %w", err, copyErr)
	}
	return body, err
}

// A reader that fails in the midst of a body is no torn record, and neither is a writer.
func TestCopyingARecordFails(t *testing.T) {
	r, err := EncodeRecord([]byte("header"), make([]byte, 100<<10))
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	to := func([]byte, int64) (io.Writer, error) { return io.Discard, nil }
	torn := io.MultiReader(io.LimitReader(r, 50<<10), iotest.ErrReader(boom))
	if err := CopyRecord(torn, r.Size(), to); !errors.Is(err, boom) || errors.Is(err, ErrBroken) {
		t.Errorf("the reader fails: %v", err)
	}
	full := func([]byte, int64) (io.Writer, error) {
		pr, pw := io.Pipe()
		pr.CloseWithError(boom)
		return pw, nil
	}
	whole := io.NewSectionReader(r, 0, r.Size())
	if err := CopyRecord(whole, r.Size(), full); !errors.Is(err, boom) || errors.Is(err, ErrBroken) {
		t.Errorf("the writer fails: %v", err)
	}
	short := io.NewSectionReader(bytes.NewReader(nil), 0, 10)
	if _, err := EncodeRecordOf(nil, short); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that is not there: %v", err)
	}
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
		var copied bytes.Buffer
		copyErr := CopyRecord(bytes.NewReader(b), int64(len(b)), func([]byte, int64) (io.Writer, error) {
			return &copied, nil
		})
		if !errors.Is(copyErr, err) || err == nil && !bytes.Equal(copied.Bytes(), body) {
			t.Errorf("it is read as %v, and copied as %v", err, copyErr)
		}
	})
}
