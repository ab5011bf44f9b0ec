//go:build unix

package memfile

import (
	"bytes"
	"iter"
	"os"
	"testing"
)

type patch struct {
	at    int64
	bytes []byte
}

func allOf(patches []patch) iter.Seq2[int64, []byte] {
	return func(yield func(int64, []byte) bool) {
		for _, p := range patches {
			if !yield(p.at, p.bytes) {
				return
			}
		}
	}
}

func sealedOf(t *testing.T, b []byte) *Source {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := s.Seal(); err != nil {
		t.Fatal(err)
	}
	return s
}

// patchedCopy is what a view should hold.
func patchedCopy(b []byte, from, end int64, patches []patch) []byte {
	out := make([]byte, end)
	copy(out, b)
	for _, p := range patches {
		copy(out[p.at:], p.bytes)
	}
	return out[from:]
}

// A patched view has the source's bytes but for the patches, whatever part of a
// page the source fills, and the source keeps its own.
func TestARepairedViewLeavesTheSourceAlone(t *testing.T) {
	page := os.Getpagesize()
	for _, length := range []int{1, 100, page - 3, page - 1, page, page + 1, 3*page - 1, 3 * page, 3*page + 5} {
		b := bytes.Repeat([]byte("0123456789"), length/10+1)[:length]
		s, size := sealedOf(t, b), int64(length)
		for _, tc := range []struct {
			from, end int64
			patches   []patch
		}{
			{0, size + 64, []patch{{size, make([]byte, 64)}}},
			{0, size + int64(page), []patch{{size, make([]byte, page)}}},
			{0, size/2 + 2, []patch{{size / 2, []byte{1, 2}}}},
			{0, size + 2, []patch{{0, []byte("A")}, {size - 1, []byte("BCD")}}},
			{0, size, nil},
			{size / 2, size, []patch{{size / 2, []byte("B")}}},
		} {
			view, done, err := s.Patched(tc.from, tc.end, allOf(tc.patches))
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if !bytes.Equal(view, patchedCopy(b, tc.from, tc.end, tc.patches)) {
				t.Errorf("%d bytes, from %d to %d: other bytes", size, tc.from, tc.end)
			}
			done()
		}
		if got, err := s.Bytes(); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d bytes: the source changed (%v)", size, err)
		}
	}
}

func TestPatchesOutsideOfTheirViewAreRefused(t *testing.T) {
	const size = 100
	page := int64(os.Getpagesize())
	s := sealedOf(t, make([]byte, size))
	for name, tc := range map[string]struct {
		from, end int64
		patches   []patch
	}{
		"a view far past its source": {0, size + page + 1, nil},
		"a patch behind the view":    {0, size, []patch{{size + 3*page, []byte("A")}}},
		"a patch before it":          {0, size, []patch{{-1, []byte("A")}}},
		"a view without bytes":       {size, size, nil},
		"a view from before it":      {-1, size, nil},
	} {
		if _, _, err := s.Patched(tc.from, tc.end, allOf(tc.patches)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
