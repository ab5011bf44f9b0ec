package diskstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// childDir names the folder that this test binary, started once more, writes to
// until it is killed.
const childDir = "PICTOR_TEST_DISK"

const killBound = 2 << 20

// killBody is the body that a key may have: any of four, each told by itself.
func killBody(key string, n int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%s/%d;", key, n), 1+n*700)
}

// busy does what a server does with its store, as fast as it can.
func busy(dir string) {
	f, err := OpenFolder(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s, err := f.Open("s", Config{MaxBytes: killBound, StallTimeout: unhurried})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-s.Ready()
	os.Stdout.WriteString("ready\n")
	var wg sync.WaitGroup
	end := time.Now().Add(10 * time.Second) // should nobody kill it
	for range 4 {
		wg.Go(func() {
			for time.Now().Before(end) {
				key := fmt.Sprint("key ", rand.IntN(300))
				n := rand.IntN(4)
				body := killBody(key, n)
				switch rand.IntN(8) {
				case 0:
					s.Drop(NameOf(key))
				case 1:
					if r, ok := s.Get(context.Background(), NameOf(key)); ok {
						h := bytes.Repeat([]byte(key+" "), 1+rand.IntN(200))
						_ = s.SetHeader(NameOf(key), r, h)
						r.Close()
					}
				default:
					_ = s.Put(NameOf(key), []byte(key+" "), bytes.NewReader(body), int64(len(body)))
				}
			}
		})
	}
	wg.Wait()
}

// A server that is killed at any moment leaves nothing that the next one takes
// for what it is not, and no more than the bound.
func TestKilled(t *testing.T) {
	times := 100
	if testing.Short() {
		times = 10
	}
	dir := t.TempDir()
	records := 0
	for i := range times {
		kill(t, dir)
		if n := taken(t, filepath.Join(dir, storeDir)); n > killBound {
			t.Fatalf("after %d kills %d bytes are there", i+1, n)
		}
		records += checkKilled(t, dir)
	}
	t.Logf("%d kills, %d records found whole afterwards", times, records)
	if records < times {
		t.Errorf("only %d records were found", records)
	}
}

func kill(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	var failed strings.Builder
	cmd.Stderr = &failed
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if rand.IntN(4) > 0 { // else in its first steps
		if _, err := out.Read(make([]byte, 6)); err != nil {
			t.Errorf("%v: %s", err, failed.String())
		}
	}
	time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

func checkKilled(t *testing.T, dir string) (records int) {
	s, end := open(t, dir, Config{MaxBytes: killBound})
	defer end()
	for i := range 300 {
		key := fmt.Sprint("key ", i)
		h, body, ok := get(t, s, key)
		if !ok {
			continue
		}
		records++
		if strings.ReplaceAll(h, key+" ", "") != "" {
			t.Fatalf("%s: header %.50q", key, h)
		}
		right := false
		for n := range 4 {
			right = right || body == string(killBody(key, n))
		}
		if !right {
			t.Fatalf("%s: %d bytes, %.50q", key, len(body), body)
		}
	}
	if st := s.Stats(); st.Corrupt > 0 || st.Bytes > killBound {
		t.Errorf("%+v", st) // to be killed tears nothing, as a power cut would
	}
	return records
}

// Any bytes in a record's place are a record or nothing.
func FuzzRecord(f *testing.F) {
	good := func(header, body string) []byte {
		capacity := headerCapacity(len(header))
		b := append(encodeFront([]byte(header), capacity, int64(len(body))), make([]byte, capacity-len(header))...)
		return binary.LittleEndian.AppendUint64(append(b, body...), sumOf([]byte(body)))
	}
	f.Add(good("header", "body"))
	f.Add(good("", ""))
	f.Add([]byte(magic))
	f.Add([]byte{})
	dir := f.TempDir()
	s, _ := open(f, dir, Config{MaxBytes: 64 << 20})
	file := fileOf(dir, "k")
	f.Fuzz(func(t *testing.T, b []byte) {
		put(t, s, "k", "x")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		h, body, ok := get(t, s, "k")
		if !ok {
			return
		}
		n := preambleSize + headerCapacity(0)
		if len(b) < n || !bytes.Contains(b, []byte(h)) || !bytes.Contains(b, []byte(body)) {
			t.Errorf("%q and %q from %q", h, body, b)
		}
	})
}
