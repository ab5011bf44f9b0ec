package proxy

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/diskstore"
)

// disk is a tier on a disk.
func disk(t *testing.T) cache.Tier {
	t.Helper()
	folder, err := diskstore.OpenFolder(filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Skip("no disk here: ", err)
	}
	t.Cleanup(func() { folder.Close() })
	store, err := folder.Open("results", diskstore.Config{MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	<-store.Ready()
	return cache.NewDiskTier(store, "")
}

// With a disk tier what the RAM cache does not take is sent from its file, from the
// first client on, and takes no memory; whole and in parts it is what it was.
func TestLargeResultsAreSentFromDisk(t *testing.T) {
	r := newSlowRig(t, 1, nil, disk(t))
	const kib = 12 << 10
	var clients []*reader
	for i := range 4 { // one after the other: only so much is written behind
		clients = append(clients, r.client(r.of(kib, fmt.Sprint("cb:", i))), r.client(r.of(kib, fmt.Sprint("cb:", i))))
		r.reads(2 * (i + 1))
	}
	r.counted(0, 0, 0)
	r.served("meanwhile", r.of(kib, "cb:9"), r.of(kib, "cb:1"))
	for _, c := range clients {
		resp, err := http.ReadResponse(c.Reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil || len(b) != kib<<10 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		for i := range b {
			if b[i] != byte(i>>10) {
				t.Fatalf("byte %d is %d", i, b[i])
			}
		}
	}
	for ranges, want := range map[string]string{
		"bytes=1023-1025":        "\x00\x01\x01",
		"bytes=-1":               "\xff",
		"bytes=0-0,5000000-":     "",
		"bytes=12582900-":        strings.Repeat("\xff", 12),
		"bytes=1047552-1048575,": strings.Repeat("\xff", 1024),
	} {
		resp, body := r.must(r.of(kib, "cb:1"), "Range", ranges)
		same := body == want || want == "" && strings.Contains(body, "\r\n\r\n\x00\r\n--")
		if resp.StatusCode != 206 || !same {
			t.Errorf("%s: %d with %d bytes", ranges, resp.StatusCode, len(body))
		}
	}
}

// A client has its time for each piece, not for the whole: one that stops is cut
// off, and one that goes on gets all.
func TestEachPieceHasItsTime(t *testing.T) {
	for name, lower := range map[string][]cache.Tier{"from memory": nil, "from disk": {disk(t)}} {
		t.Run(name, func(t *testing.T) {
			r := newSlowRig(t, 0, nil, lower...)
			const pieceTime = 2 * time.Second
			r.server.memory.Responses.PieceTime = pieceTime
			stops, goesOn := r.client(r.of(4<<10)), r.client(r.of(4<<10))
			resp, err := http.ReadResponse(goesOn.Reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := int64(0)
			for began := time.Now(); time.Since(began) < 2*pieceTime; time.Sleep(20 * time.Millisecond) {
				n, err := io.CopyN(io.Discard, resp.Body, 8<<10)
				if got += n; err != nil {
					t.Fatalf("the one that goes on got %d bytes, %v", got, err)
				}
			}
			n, err := io.Copy(io.Discard, resp.Body)
			if got += n; err != nil || got != 4<<20 {
				t.Errorf("the one that goes on got %d bytes, %v", got, err)
			}
			r.until("the other one is cut off", func() bool { return r.server.memory.Responses.Cuts()["slow"] == 1 })
			if n, err := r.rest(stops); err == nil {
				t.Errorf("the one that stops got %d bytes", n)
			}
			r.counted(0, 0, 0)
		})
	}
}

// Where all places are taken by clients that read slowly a new one gets the place
// of the slowest.
func TestANewcomerTakesThePlaceOfTheSlowest(t *testing.T) {
	r := newSlowRig(t, 64, func(c *Config) { c.Plan.Clients = 3 })
	r.served("at first", r.of(5<<10))
	var clients []*reader
	for range 3 {
		clients = append(clients, r.client(r.of(5<<10)))
	}
	r.reads(3)
	r.until("they are slow", func() bool {
		st := r.server.memory.Responses.Stats()
		return st.Slow == st.Clients
	})
	r.served("a newcomer", r.of(30))
	whole := 0
	for _, c := range clients {
		if _, err := r.rest(c); err == nil {
			whole++
		}
	}
	if n := r.server.memory.Responses.Cuts()["connection"]; whole != 2 || n != 1 {
		t.Errorf("%d of 3 came whole, %d were cut off", whole, n)
	}
}

// A client that does not read what is sent to it from disk keeps no more memory than
// one of the RAM cache's entries.
func TestAClientThatWaitsHoldsNoBuffer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel is not asked there")
	}
	const clients, kib = 100, 12 << 10
	each := func(r *slowRig) int64 {
		var before, after runtime.MemStats
		r.served("at first", r.of(kib))
		for range 2 { // pools empty in two rounds
			runtime.GC()
		}
		runtime.ReadMemStats(&before)
		for range clients {
			r.client(r.of(kib))
		}
		r.reads(clients)
		r.until("none is sent to any more", func() bool {
			n := r.server.memory.Responses.Stats().Sent
			for range 2 {
				runtime.GC()
			}
			return n > 0 && n == r.server.memory.Responses.Stats().Sent
		})
		runtime.ReadMemStats(&after)
		return (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / clients
	}
	memory, file := each(newSlowRig(t, 64, nil)), each(newSlowRig(t, 1, nil, disk(t)))
	if file > memory+20<<10 {
		t.Errorf("%d bytes each, and %d where it is in memory", file, memory)
	}
}
