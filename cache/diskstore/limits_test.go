package diskstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTheBoundHoldsAtEveryMoment(t *testing.T) {
	const most = 400 << 10
	dir := t.TempDir()
	s, end := open(t, dir, Config{MaxBytes: most})
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			s.mu.Lock() // or a file may be counted in two places
			n := taken(t, filepath.Join(dir, storeDir))
			s.mu.Unlock()
			if n > most {
				t.Errorf("%d bytes", n)
				return
			}
		}
	})
	var writers sync.WaitGroup
	for g := range 4 {
		writers.Go(func() {
			for i := range 200 {
				key := fmt.Sprint(g, i%60)
				n := 1 + (i*7919+g*104729)%60_000
				_ = s.Put(NameOf(key), []byte(key), strings.NewReader(strings.Repeat("x", n)), int64(n))
			}
		})
	}
	writers.Wait()
	close(stop)
	wg.Wait()
	st := s.Stats()
	if st.Bytes > most || st.Bytes < most/2 || st.Evicted == 0 ||
		st.Bytes != taken(t, filepath.Join(dir, storeDir, "s")) {
		t.Errorf("%+v", st)
	}
	end()
	s, _ = open(t, dir, Config{MaxBytes: most / 4})
	if st := s.Stats(); st.Bytes > most/4 || st.Bytes == 0 || taken(t, filepath.Join(dir, storeDir)) > most/4 {
		t.Errorf("a smaller one: %+v", st)
	}
	big := strings.Repeat("x", most/8)
	if err := s.Put(NameOf("big"), nil, strings.NewReader(big), int64(len(big))); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func TestWhatIsUsedStays(t *testing.T) {
	now := time.Now().Add(-24 * time.Hour)
	cfg := Config{MaxBytes: 10 * 4 * block, Now: func() time.Time { return now }}
	dir := t.TempDir()
	s, end := open(t, dir, cfg)
	body := strings.Repeat("x", 3*block)
	for i := range 8 {
		put(t, s, fmt.Sprint(i), body)
		if err := os.Chtimes(fileOf(dir, fmt.Sprint(i)), now, now); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	want(t, s, "0", body)
	now = now.Add(time.Hour)
	s.Touch(NameOf("1"))
	settle(t, s)
	end()
	// Used last: 1, 0, 7, 6 … 2, also for the next process.
	s, _ = open(t, dir, cfg)
	for i := 8; i < 14; i++ {
		put(t, s, fmt.Sprint(i), body)
	}
	for key, there := range map[string]bool{
		"1": true, "0": true, "7": true, "6": true, "5": false, "4": false, "3": false, "2": false, "13": true,
	} {
		if _, _, ok := get(t, s, key); ok != there {
			t.Errorf("%s: there %v", key, ok)
		}
	}
}

func TestMaxRecords(t *testing.T) {
	dir := t.TempDir()
	s, end := open(t, dir, Config{MaxBytes: 1 << 30, MaxRecords: 50})
	for i := range 80 {
		put(t, s, fmt.Sprint(i), "x")
	}
	if st := s.Stats(); st.Records != 50 || st.Evicted != 30 {
		t.Errorf("%+v", st)
	}
	end()
	s, _ = open(t, dir, Config{MaxBytes: 1 << 30, MaxRecords: 10})
	if st := s.Stats(); st.Records != 10 || st.Bytes != taken(t, filepath.Join(dir, storeDir, "s")) {
		t.Errorf("%+v", st)
	}
}

// Whatever is done in whatever order: what was put last, or nothing; and no
// more than the bound.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "pictor-test")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		const most = 40 * block
		type record struct{ header, body string }
		model := map[string]record{}
		var f *Folder
		var s *Store
		reopen := func() {
			if s != nil {
				s.Close()
				f.Close()
			}
			if f, err = OpenFolder(dir); err != nil {
				t.Fatal(err)
			}
			if s, err = f.Open("s", Config{MaxBytes: most, MaxRecords: 20, StallTimeout: unhurried}); err != nil {
				t.Fatal(err)
			}
			<-s.Ready()
		}
		reopen()
		defer func() { s.Close(); f.Close() }()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "key"))
			ops := []string{"put", "put", "put", "get", "header", "drop", "touch", "reopen"}
			switch rapid.SampledFrom(ops).Draw(t, "op") {
			case "put":
				r := record{header: rapid.StringN(0, 300, 1000).Draw(t, "header")}
				r.body = strings.Repeat(key, rapid.IntRange(0, 30_000).Draw(t, "size"))
				err := s.Put(NameOf(key), []byte(r.header), strings.NewReader(r.body), int64(len(r.body)))
				if err == nil {
					model[key] = r
				} else if !errors.Is(err, ErrTooLarge) {
					t.Fatal(err)
				}
			case "header":
				if r, ok := s.Get(context.Background(), NameOf(key)); ok {
					h := rapid.StringN(0, 300, 2000).Draw(t, "header")
					if err := s.SetHeader(NameOf(key), r, []byte(h)); err == nil {
						model[key] = record{h, model[key].body}
					}
					r.Close()
				}
			case "drop":
				s.Drop(NameOf(key))
				delete(model, key)
			case "touch":
				s.Touch(NameOf(key))
			case "reopen":
				reopen()
			}
			if r, ok := s.Get(context.Background(), NameOf(key)); ok {
				b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
				m, known := model[key]
				if err != nil || !known || string(r.Header()) != m.header || string(b) != m.body {
					t.Fatalf("%s: %v, known %v", key, err, known)
				}
				r.Close()
			}
			var n int64
			filepath.WalkDir(filepath.Join(dir, storeDir), func(_ string, e fs.DirEntry, _ error) error {
				if st, err := e.Info(); err == nil && !e.IsDir() {
					n += blocksOf(st.Size()) * block
				}
				return nil
			})
			if st := s.Stats(); n != st.Bytes || n > most || st.Records > 20 {
				t.Fatalf("%d bytes are there, %+v", n, st)
			}
		}
	})
}
