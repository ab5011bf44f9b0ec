package cache

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pictor-proxy/pictor/cache/diskstore"
	"github.com/pictor-proxy/pictor/cache/purge"
)

const testLog = "0123456789abcdef0123456789abcdef"

func openStore(t testing.TB, dir string, maxBytes int64) (*diskstore.Folder, *diskstore.Store) {
	t.Helper()
	f, err := diskstore.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Open("results", diskstore.Config{MaxBytes: maxBytes, StallTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	<-s.Ready()
	return f, s
}

// tiers are all there are, each by itself.
func tiers(t *testing.T) map[string]Tier {
	m, err := newRAMTier(Config{MaxBytes: 16 << 20, Now: time.Now, hash: seededHash()})
	if err != nil {
		t.Fatal(err)
	}
	f, s := openStore(t, t.TempDir(), 16<<20)
	all := map[string]Tier{"memory": m, "disk": NewDiskTier(s, testLog)}
	t.Cleanup(func() {
		for _, tier := range all {
			tier.Close()
		}
		f.Close()
	})
	return all
}

// testsBegan is one time for all entries of full: two of them are equal also
// where a second passes between them.
var testsBegan = time.Now().Truncate(time.Second).UTC()

// full is an entry with something in all of its fields.
func full(key Key, body string) *Entry {
	now := testsBegan
	return &Entry{
		Key: key, Body: []byte(body), ContentType: "image/webp", ETag: ETag([]byte(body)),
		LastModified: now.Add(-time.Hour), Stored: now, Expires: now.Add(time.Hour), Refresh: now.Add(time.Minute),
		StaleWhile: time.Minute, StaleError: time.Hour, Keep: time.Hour, Immutable: true,
		Source: "https://example.com/a.jpg", Version: "v1", Tags: []string{"a", "b"}, Seq: 7, Pixels: 3,
		Placeholder: "1QcSHQRnh493V4dIh4eXh1h4kJUI",
		readState:   &readState{},
	}
}

// content reads an entry as somebody does who answers with it.
func content(t testing.TB, e *Entry) string {
	t.Helper()
	b, err := io.ReadAll(e.Content())
	if err != nil || int64(len(b)) != e.Size() {
		t.Fatalf("%d of %d bytes, %v", len(b), e.Size(), err)
	}
	return string(b)
}

var factsOnly = cmpopts.IgnoreUnexported(Entry{})

// holds wants a tier to have exactly this entry, or nothing.
func holds(t testing.TB, tier Tier, key Key, want *Entry) {
	t.Helper()
	e, ok := tier.Get(context.Background(), key)
	if !ok {
		if want != nil {
			t.Errorf("%s is not there", key)
		}
		return
	}
	defer e.Close()
	if want == nil {
		t.Errorf("%s is there: %+v", key, e)
		return
	}
	a, b := *want, *e
	a.Body, b.Body = nil, nil
	if d := cmp.Diff(a, b, factsOnly); d != "" {
		t.Errorf("%s: %s", key, d)
	}
	if got := content(t, e); got != string(want.Body) {
		t.Errorf("%s: %.50q, want %.50q", key, got, want.Body)
	}
}

// What every tier does. A new one gets a line in tiers.
func TestTiers(t *testing.T) {
	for name, test := range map[string]func(t *testing.T, tier Tier){
		"nothing": func(t *testing.T, tier Tier) {
			holds(t, tier, "k", nil)
			tier.Drop("k")
			tier.Use("k")
			if tier.Renew(full("k", "b")) {
				t.Error("what is not there was renewed")
			}
			holds(t, tier, "k", nil)
		},
		"what was put": func(t *testing.T, tier Tier) {
			for i := range 50 {
				e := full(Key(fmt.Sprint("key ", i)), strings.Repeat("b", i*i*10))
				if !tier.Put(e) {
					t.Errorf("%d: refused", i)
				}
				defer holds(t, tier, e.Key, e)
			}
		},
		"the last one counts": func(t *testing.T, tier Tier) {
			for _, body := range []string{"first", "second, which is longer", "3rd"} {
				tier.Put(full("k", body))
				holds(t, tier, "k", full("k", body))
			}
		},
		"drop": func(t *testing.T, tier Tier) {
			tier.Put(full("k", "b"))
			tier.Put(full("other", "b"))
			tier.Drop("k")
			holds(t, tier, "k", nil)
			holds(t, tier, "other", full("other", "b"))
		},
		"renew": func(t *testing.T, tier Tier) {
			tier.Put(full("k", "body"))
			e := full("k", "body").Renew()
			e.Expires, e.Seq = e.Expires.Add(time.Hour), 99
			e.Tags, e.Body = []string{"c", strings.Repeat("long", 300)}, nil
			if !tier.Renew(e) {
				t.Fatal("refused")
			}
			want := *e
			want.Body = []byte("body")
			holds(t, tier, "k", &want)
		},
		"no renewal of other bytes": func(t *testing.T, tier Tier) {
			tier.Put(full("k", "body"))
			if tier.Renew(full("k", "another body").Renew()) {
				t.Error("other bytes have its facts now")
			}
			holds(t, tier, "k", full("k", "body"))
		},
		"an open entry stays what it is": func(t *testing.T, tier Tier) {
			body := strings.Repeat("old", 100_000)
			tier.Put(full("k", body))
			e, ok := tier.Get(context.Background(), "k")
			if !ok {
				t.Fatal("not there")
			}
			defer e.Close()
			tier.Put(full("k", strings.Repeat("new", 100_000)))
			tier.Drop("k")
			if content(t, e) != body {
				t.Error("it has become another")
			}
		},
		"many at once": func(t *testing.T, tier Tier) {
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() {
					for i := range 100 {
						key := Key(fmt.Sprint(i % 7))
						body := strings.Repeat(string(key), 1000*(1+(g+i)%5))
						switch (g + i) % 6 {
						case 0, 1, 2:
							tier.Put(full(key, body))
						case 3:
							tier.Renew(full(key, body).Renew())
						case 4:
							tier.Drop(key)
						}
						if e, ok := tier.Get(context.Background(), key); ok {
							got := content(t, e)
							if e.Key != key || strings.Trim(got, string(key)) != "" || e.ETag != ETag([]byte(got)) {
								t.Errorf("%s: %s, %.20q", key, e.Key, got)
							}
							e.Close()
						}
					}
				})
			}
			wg.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			for of, tier := range tiers(t) {
				t.Run(of, func(t *testing.T) { test(t, tier) })
			}
		})
	}
}

// Records of another purge log may have been purged by purges that nobody
// knows any more.
func TestRecordsOfAnotherLogAreNotBelieved(t *testing.T) {
	f, s := openStore(t, t.TempDir(), 1<<20)
	defer f.Close()
	defer s.Close()
	NewDiskTier(s, testLog).Put(full("k", "b"))
	holds(t, NewDiskTier(s, testLog), "k", full("k", "b"))
	holds(t, NewDiskTier(s, "another"), "k", nil)
	holds(t, NewDiskTier(s, testLog), "k", nil) // it was dropped
}

func TestPlantedFilesAreNoEntries(t *testing.T) {
	dir := t.TempDir()
	f, s := openStore(t, dir, 1<<20)
	defer f.Close()
	defer s.Close()
	tier := NewDiskTier(s, testLog)
	for _, h := range []string{"", "{}", "null", `{"key":"other","log":"` + testLog + `","etag":"x"}`, "not JSON"} {
		if err := s.Put(diskstore.NameOf("k"), []byte(h), bytes.NewReader([]byte("evil")), 4); err != nil {
			t.Fatal(err)
		}
		holds(t, tier, "k", nil)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || entries[0].Name() != "pictor-v1" {
		t.Errorf("%v, %v", entries, err)
	}
}

// Records of other builds are read: fields that they do not have are empty, and those that this one does not have
// are passed over. Servers that share a bucket are not all upgraded at the same time.
func TestRecordsOfOtherBuilds(t *testing.T) {
	e := full("k", "b")
	now, err := encodeHeader(e, purge.Stamp{Order: testLog, Seq: 7})
	if err != nil {
		t.Fatal(err)
	}
	newer := strings.Replace(string(now), "{", `{"of_tomorrow":{"a":[1]},`, 1)
	if got, _, err := decodeHeader([]byte(newer)); err != nil || got.Placeholder != e.Placeholder {
		t.Errorf("a newer one: %+v, %v", got, err)
	}
	older := strings.Replace(string(now), `"placeholder":"`+e.Placeholder+`",`, "", 1)
	got, _, err := decodeHeader([]byte(older))
	if err != nil || older == string(now) || got.Placeholder != "" || got.ETag != e.ETag || got.Key != e.Key {
		t.Errorf("an older one, %s: %+v, %v", older, got, err)
	}
	for _, text := range []string{"a b", "a\\r\\nSet-Cookie: a=b", "\\u00e9", strings.Repeat("a", maxPlaceholder+1)} {
		wrong := strings.Replace(string(now), e.Placeholder, text, 1)
		if got, _, err := decodeHeader([]byte(wrong)); err == nil {
			t.Errorf("%q is believed: %q", text, got.Placeholder)
		}
	}
}

func FuzzHeader(f *testing.F) {
	h, err := encodeHeader(full("k", "b"), purge.Stamp{Order: testLog, Seq: 7, Mark: 1 << 63})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(h)
	f.Add([]byte(`{"key":"k","log":"` + testLog + `","etag":"\"x\"","stale_while":-1}`))
	f.Add([]byte(strings.Replace(string(h), `"placeholder":"`, `"placeholder":"\\r\\nSet-Cookie: a=b`, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, stamp, err := decodeHeader(b)
		if err != nil {
			return
		}
		if strings.ContainsAny(e.Placeholder, " \r\n\t\x00") || len(e.Placeholder) > maxPlaceholder {
			t.Errorf("%q goes out in a header", e.Placeholder)
		}
		again, err := encodeHeader(e, stamp)
		if err != nil {
			return // a time of a year that JSON has not
		}
		same, sameStamp, err := decodeHeader(again)
		if err != nil || stamp != sameStamp || !cmp.Equal(e, same, factsOnly, cmpopts.EquateEmpty()) {
			t.Errorf("%s: %v", b, err)
		}
	})
}
