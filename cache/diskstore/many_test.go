package diskstore

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// With a hundred thousand records on disk a store is there at once, and its
// index is small.
func TestAHundredThousandRecords(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("it writes 100,000 files, and measures")
	}
	const many = 100_000
	dir := t.TempDir()
	cfg := Config{MaxBytes: 1 << 30, MaxRecords: many, StallTimeout: unhurried}
	s, end := open(t, dir, cfg)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range many {
		put(t, s, fmt.Sprint(i), "small")
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if per := int64(after.HeapAlloc-before.HeapAlloc) / many; per > 96 {
		t.Errorf("the index takes %d bytes a record", per)
	} else {
		t.Logf("the index takes %d bytes a record", per)
	}
	end()
	// A machine that is busy with something else may let the counting overtake.
	for range 5 {
		if foundBeforeCounted(t, dir, cfg, many) {
			return
		}
	}
	t.Error("no record was found before all were counted")
}

// foundBeforeCounted opens a store, and says whether a record was found while
// the store still counted what is there.
func foundBeforeCounted(t *testing.T, dir string, cfg Config, many int) (found bool) {
	t.Helper()
	start := time.Now()
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := f.Open("s", cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	opened := time.Since(start)
	want(t, s, "777", "small")
	select {
	case <-s.Ready():
	default:
		found = true
	}
	after := time.Since(start)
	<-s.Ready()
	t.Logf("open in %v, a record found in %v, all counted in %v", opened, after, time.Since(start))
	if st := s.Stats(); st.Records != many {
		t.Errorf("%+v", st)
	}
	return found
}

func BenchmarkGet(b *testing.B) {
	s, _ := open(b, b.TempDir(), Config{MaxBytes: 64 << 20})
	body := strings.Repeat("x", 30<<10)
	put(b, s, "k", body)
	b.ReportAllocs()
	for b.Loop() {
		r, ok := s.Get(context.Background(), NameOf("k"))
		if !ok {
			b.Fatal("not there")
		}
		r.Close()
	}
}
