package proxy

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/transform"
)

// cacheBytes is how much the RAM cache may take, with the table of known targets.
func (r *rig) cacheBytes() int64 { return cacheMemory{r.cfg.Cache, &r.server.targets}.Stats().MaxBytes }

func noVariant(urlFacts) variant { return variant{} }

// The table stays within its bound, keeps what is asked for, and gives way when it has to.
func TestKnownTargetsAreBounded(t *testing.T) {
	const most = 64 << 10
	webp := variant{negotiated: negotiated{format: transform.WebP}}
	var k knownTargets
	k.learn("/a", urlFacts{}, variant{}, "key")
	if target, _ := k.find("/a", noVariant); target != nil {
		t.Error("a table without room has a target")
	}
	k.resize(most)
	for i := range 1000 {
		k.learn(fmt.Sprint("/", i), urlFacts{varies: i%2 == 0}, variant{}, cache.Key(fmt.Sprint("key", i)))
		k.learn(fmt.Sprint("/", i), urlFacts{varies: i%2 == 0}, webp, "another")
		if used, _ := k.size(); used > most {
			t.Fatalf("%d bytes after %d targets", used, i)
		}
		if _, result := k.find("/0", noVariant); result == nil || result.key != "key0" {
			t.Fatalf("what is asked for is forgotten after %d targets", i)
		}
	}
	if used, _ := k.size(); used < most/2 {
		t.Errorf("the bound was not tried: %d", used)
	}
	k.learn("/long", urlFacts{}, variant{}, cache.Key(make([]byte, maxKnownText+1)))
	if target, _ := k.find("/long", noVariant); target != nil {
		t.Error("a target with a very long key is kept")
	}
	for _, n := range []int64{most / 4, 0} {
		if k.resize(n); k.newer.bytes+k.older.bytes > n {
			t.Errorf("%d bytes of %d", k.newer.bytes+k.older.bytes, n)
		}
	}
}

// The heap that the table takes is what it counts, or less.
func TestKnownTargetsTakeWhatIsCounted(t *testing.T) {
	open, webp := variant{}, variant{negotiated: negotiated{format: transform.WebP}}
	avif := variant{negotiated: negotiated{format: transform.AVIF, animated: transform.WebP}}
	for name, formats := range map[string][]variant{
		"one format": {open}, "three formats": {open, webp, avif},
	} {
		var k knownTargets
		k.resize(1 << 30)
		e := &cache.Entry{}
		took := inHeap(func() {
			for i := range 2000 {
				path, key := fmt.Sprintf("/%0150d", i), cache.Key(fmt.Sprintf("%0200d", i))
				for _, f := range formats {
					k.learn(path, urlFacts{varies: len(formats) > 1}, f, key+cache.Key(f.format.String()))
					_, result := k.find(path, func(urlFacts) variant { return f })
					result.header.Store(&hitHeader{
						entry: weak.Make(e), fields: string(make([]byte, maxHitHeader)), length: []string{fmt.Sprint(1e6 + i)},
					})
				}
			}
		})
		if counted, _ := k.size(); took > counted || took < counted/3 {
			t.Errorf("%s: the table takes %d bytes, and counts %d", name, took, counted)
		}
		runtime.KeepAlive(e)
	}
}

// inHeap is how many bytes the heap has more after f.
func inHeap(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// A header that is kept does not keep the entry in memory.
func TestKeptHeadersKeepNoEntries(t *testing.T) {
	r := newRig(t, nil)
	e := &cache.Entry{ETag: `"a"`, ContentType: "image/png", Body: make([]byte, 1<<20),
		Expires: time.Now().Add(time.Hour)}
	ended := make(chan struct{})
	runtime.AddCleanup(e, func(struct{}) { close(ended) }, struct{}{})
	target, result := &knownTarget{}, &knownResult{}
	now := time.Now()
	first := r.server.hitHeaderFor(target, result, e, now)
	if again := r.server.hitHeaderFor(target, result, e, now); again != first {
		t.Error("the header was made twice")
	}
	if later := r.server.hitHeaderFor(target, result, e, now.Add(time.Second)); later == first {
		t.Error("the header is older than a second")
	}
	r.until("the entry is gone", func() bool {
		runtime.GC()
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	runtime.KeepAlive(result)
}
