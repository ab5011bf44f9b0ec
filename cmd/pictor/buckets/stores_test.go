package buckets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// open opens one account.
func open(t testing.TB, account config.Account) origin.Account {
	t.Helper()
	accounts, err := Open(map[string]config.Account{"main": account})
	if err != nil {
		t.Fatal(err)
	}
	return accounts[0]
}

// fetcher fetches what accounts give.
func fetcher(t testing.TB, cfg origin.Config) *origin.Fetcher {
	t.Helper()
	f, err := origin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// What every store must do, by the sources of its objects.
func testStore(t *testing.T, account config.Account, put func(bucket, key, cacheControl string, body []byte)) {
	t.Helper()
	scheme := account.Store + "://"
	put("photos", "a.jpg", "max-age=60", []byte("an image"))
	f := fetcher(t, origin.Config{Accounts: []origin.Account{open(t, account)}})
	var body bytes.Buffer
	var reserved int64
	meta, err := f.Fetch(t.Context(), scheme+"photos/a.jpg", &body, func(n int64) error { reserved += n; return nil })
	if err != nil || body.String() != "an image" || meta.Size != 8 || reserved != 8 || meta.TTL != time.Minute ||
		meta.ETag == "" || time.Since(meta.LastModified) > time.Hour || meta.ContentType != "image/jpeg" {
		t.Errorf("%q, %+v, %d reserved, %v", body.String(), meta, reserved, err)
	}
	have := origin.Validators{ETag: meta.ETag, LastModified: meta.LastModified}
	body.Reset()
	again, changed, err := f.Revalidate(t.Context(), scheme+"photos/a.jpg", origin.Client{}, have, &body, nil)
	if err != nil || changed || body.Len() > 0 || again.ETag != "" && again.ETag != meta.ETag {
		t.Errorf("the same object: %+v, changed %v, %q, %v", again, changed, body.String(), err)
	}
	put("photos", "a.jpg", "no-cache", []byte("another image"))
	again, changed, err = f.Revalidate(t.Context(), scheme+"photos/a.jpg", origin.Client{}, have, &body, nil)
	if err != nil || !changed || body.String() != "another image" || again.ETag == meta.ETag || again.TTL != 0 ||
		!again.Explicit {
		t.Errorf("another object: %+v, changed %v, %q, %v", again, changed, body.String(), err)
	}
	for _, key := range []string{"a b.jpg", "ä/é.jpg", "100%.jpg", "a%20b.jpg", "a+b&c=d.jpg", "a#b.jpg",
		"dir/a;b,c.jpg", "__0x2f__.jpg", `quote".jpg`} {
		put("photos", key, "", []byte(key))
		body.Reset()
		if _, err := f.Fetch(t.Context(), scheme+"photos/"+key, &body, nil); err != nil || body.String() != key {
			t.Errorf("%s: %q, %v", key, body.String(), err)
		}
	}
	for source, want := range map[string]error{
		"photos/none.jpg": origin.ErrNotFound, "nowhere-to-be-found/a.jpg": origin.ErrNotFound,
	} {
		if _, err := f.Fetch(t.Context(), scheme+source, io.Discard, nil); !errors.Is(err, want) {
			t.Errorf("%s: %v", source, details(err))
		}
	}
}

// details are an error with what only the log has.
func details(err error) string {
	var d interface{ Details() string }
	if errors.As(err, &d) {
		return fmt.Sprint(err, ": ", d.Details())
	}
	return fmt.Sprint(err)
}

// testLargeObject looks at all that is allocated while a large object is fetched.
func testLargeObject(t *testing.T, account config.Account, source string, size int64) {
	t.Helper()
	f := fetcher(t, origin.Config{Accounts: []origin.Account{open(t, account)}})
	if _, err := f.Fetch(t.Context(), source+".none", io.Discard, nil); err == nil { // the first request makes more
		t.Error("what is not there was fetched")
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	meta, err := f.Fetch(t.Context(), source, io.Discard, nil)
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	if err != nil || meta.Size != size || allocated > uint64(size)/16 {
		t.Errorf("%d bytes, %d allocated, %v", meta.Size, allocated, err)
	}
}
