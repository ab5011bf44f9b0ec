package origin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// allStores are accounts for every bucket, which are never asked.
var allStores = []Account{
	{Name: "a", Store: "s3", Bucket: AnyBucket}, {Name: "b", Store: "gs", Bucket: AnyBucket},
	{Name: "c", Store: "abs", Bucket: AnyBucket},
}

func TestObjects(t *testing.T) {
	f := newFetcher(t, Config{Accounts: allStores})
	for source, want := range map[string]Object{
		"s3://b/k":          {"s3", "b", "k", ""},
		"GS://my_bucket/k":  {"gs", "my_bucket", "k", ""},
		"abs://$web/dir/k":  {"abs", "$web", "dir/k", ""},
		"s3://b.c-d//k/l//": {"s3", "b.c-d", "k/l//", ""},
		"s3://b/a%20b#c&d":  {"s3", "b", "a%20b#c&d", ""},
		"s3://b/ä b.jpg":    {"s3", "b", "ä b.jpg", ""},
		"s3://b/k?v.1_-=+":  {"s3", "b", "k", "v.1_-=+"},
		"s3://b/k?":         {"s3", "b", "k", ""},
		"gs://b/k?17":       {"gs", "b", "k", "17"}, "gs://b/k?generation=17": {"gs", "b", "k", "17"},
		"s3://b/k?versionId=null": {"s3", "b", "k", "null"},
		"s3://B/.../..a":          {"s3", "B", ".../..a", ""},
	} {
		at, err := f.parseSource(source)
		if err != nil || at.object != want {
			t.Errorf("%s is %+v, %v, want %+v", source, at.object, err, want)
		}
		if id := f.Identity(source); f.Identity(id) != id {
			t.Errorf("%s: the identity %s has another one", source, id)
		}
	}
	for _, source := range []string{"s3:", "s3:b/k", "s3:/b/k", "s3://", "s3://b", "s3://b/", "s3://b//", "s3:///k",
		"s3://b/../k", "s3://b/a/./k", "s3://b/a/..", "s3://b/k\n", "s3://b/\x00", "s3://b/\xff", "s3://b/k?a b",
		"s3://b/k?versionId=generation=1", "s3://b/k?a/b", "s3://b/k?a&b", "s3://me@b/k", "s3://b:80/k", "s3://b%2fc/k", "s3://a..b/k", "s3://.b/k", "s3://-b/k", "s3://ä/k", "s3://*/k",
		"s3://b\\c/k", "s3://b/" + strings.Repeat("k", 1025), "s3://" + strings.Repeat("b", 223) + "/k"} {
		if err := f.Check(source); !errors.Is(err, ErrBadSource) {
			t.Errorf("%q: %v", source, err)
		}
	}
}

func TestAccountOfAnObject(t *testing.T) {
	f := newFetcher(t, Config{Accounts: []Account{
		{Name: "any", Store: "s3", Bucket: AnyBucket}, {Name: "any/cats", Store: "s3", Bucket: AnyBucket, Prefix: "cats/"},
		{Name: "b/cats/big", Store: "s3", Bucket: "b", Prefix: "cats/big/"}, {Name: "b/cats", Store: "s3", Bucket: "b", Prefix: "cats/"},
		{Name: "c/x", Store: "gs", Bucket: "c", Prefix: "x/"},
	}})
	for source, want := range map[string]string{
		"s3://a/k": "any", "s3://a/cats/k": "any/cats", "s3://b/k": "any", "s3://b/cats/k": "b/cats", "s3://b/cats/big/k": "b/cats/big",
		"s3://b/dogs/k": "any", "gs://c/x/k": "c/x", "gs://c/k": "", "gs://b/x/k": "", "abs://c/x/k": "",
	} {
		at, err := f.parseSource(source)
		if want == "" {
			if !errors.Is(err, ErrSourceNotAllowed) {
				t.Errorf("%s: %v", source, err)
			}
		} else if a := f.accounts.accountOf(at.object); err != nil || a == nil || a.Name != want {
			t.Errorf("%s: %+v, %v, want %s", source, a, err, want)
		}
	}
	for name, accounts := range map[string][]Account{
		"twice":  {{Name: "a", Store: "s3", Bucket: "b"}, {Name: "b", Store: "s3", Bucket: "b"}},
		"store":  {{Name: "a", Store: "swift", Bucket: "b"}},
		"bucket": {{Name: "a", Store: "s3", Bucket: "b/c"}}, "no bucket": {{Name: "a", Store: "s3"}},
	} {
		if _, err := New(Config{Accounts: accounts}); err == nil {
			t.Errorf("%s: it passed", name)
		}
	}
}

// webStore is an account whose objects are those of a web server.
func webStore(t *testing.T, h http.HandlerFunc) Account {
	t.Helper()
	url := serve(t, h)
	transport := StoreTransport()
	t.Cleanup(transport.CloseIdleConnections)
	return Account{Name: "web", Store: "s3", Bucket: AnyBucket, Open: func(ctx context.Context, o Object,
		have StoredObject) (*ObjectResponse, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/"+o.Bucket+"/"+o.Key+"?"+o.Version, nil)
		if err != nil {
			return nil, err
		}
		Validators{ETag: have.ETag, LastModified: have.LastModified}.setHeaders(req.Header)
		resp, err := transport.RoundTrip(req)
		switch {
		case err != nil:
			return nil, err
		case resp.StatusCode == http.StatusNotModified:
			return &ObjectResponse{Unchanged: true, Header: resp.Header}, resp.Body.Close()
		case resp.StatusCode != http.StatusOK:
			resp.Body.Close()
			return nil, &ObjectError{Status: resp.StatusCode, Code: "Oops"}
		}
		return &ObjectResponse{Header: resp.Header, Size: resp.ContentLength, Body: resp.Body}, nil
	}}
}

func TestFetchOfAnObject(t *testing.T) {
	a := webStore(t, func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/b/")
		switch status, _ := strconv.Atoi(name); {
		case status != 0:
			w.WriteHeader(status)
		case name == "cut":
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "short")
		case name == "large":
			w.Write(make([]byte, 2000))
		case name == "other" && r.Header.Get("If-None-Match") != "":
			w.Header().Set("ETag", `"another"`)
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("ETag", `"one"`)
			w.Header().Set("Cache-Control", "max-age=60")
			w.Header().Set("X-Amz-Meta-Cache-Tag", "Cat")
			if r.Header.Get("If-None-Match") == `"one"` {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			io.WriteString(w, "object "+r.URL.RawQuery)
		}
	})
	f := newFetcher(t, Config{Accounts: []Account{a}, MaxBytes: 1000})
	body, meta, err := fetch(t, f, "s3://b/k?v7")
	if err != nil || body != "object v7" || meta.Size != 9 || meta.ETag != `"one"` ||
		meta.TTL != time.Minute || meta.Tags != "cat" {
		t.Errorf("%q, %+v, %v", body, meta, err)
	}
	for source, want := range map[string]error{
		"s3://b/404": ErrNotFound, "s3://b/410": ErrNotFound, "s3://b/403": ErrDenied, "s3://b/401": ErrDenied, "s3://b/400": ErrDenied,
		"s3://b/301": ErrStatus, "s3://b/429": ErrStatus, "s3://b/500": ErrStatus, "s3://b/503": ErrStatus,
		"s3://b/cut": ErrTruncated, "s3://b/large": ErrTooLarge,
	} {
		_, _, err := fetch(t, f, source)
		var d interface{ Details() string }
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", source, err, want)
		}
		if errors.As(err, &d) && want != ErrTruncated && !strings.HasPrefix(d.Details(), "account web: ") {
			t.Errorf("%s: the log has %s", source, d.Details())
		}
	}
	for source, want := range map[string]string{"s3://b/k": "", "s3://b/other": "object "} {
		var b bytes.Buffer
		_, changed, err := f.Revalidate(t.Context(), source, Client{}, Validators{ETag: `"one"`}, &b, nil)
		if err != nil || changed != (want != "") || b.String() != want {
			t.Errorf("%s: changed %v, %q, %v", source, changed, b.String(), err)
		}
	}
	if host, _ := f.Bound("s3://b/k"); host != "s3://b" {
		t.Errorf("the host is %q", host)
	}
}

// heardTrace is a trace that keeps what it is told.
type heardTrace struct{ heard []string }

func (h *heardTrace) Begin(req *http.Request) func(int, error) {
	return func(status int, err error) {
		h.heard = append(h.heard, fmt.Sprint(req.Method, " ", req.URL, " ", status, " ", err))
	}
}

// A fetch of an object appears in the trace that it is for, and its version does not.
func TestTraceOfAnObject(t *testing.T) {
	a := webStore(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/b/none":
			w.WriteHeader(http.StatusNotFound)
		case r.Header.Get("If-None-Match") != "":
			w.Header().Set("ETag", `"one"`)
			w.WriteHeader(http.StatusNotModified)
		default:
			io.WriteString(w, "object")
		}
	})
	f := newFetcher(t, Config{Accounts: []Account{a}, MaxBytes: 1000})
	trace := &heardTrace{}
	for _, fetch := range []struct{ source, etag string }{
		{"s3://b/a k?secret", ""}, {"s3://b/k", `"one"`}, {"s3://b/none", ""},
	} {
		have := Validators{ETag: fetch.etag}
		_, _, _ = f.Revalidate(t.Context(), fetch.source, Client{Trace: trace}, have, io.Discard, nil)
	}
	want := []string{"GET s3://b/a%20k 200 <nil>", "GET s3://b/k 304 <nil>", "GET s3://b/none 404 <nil>"}
	if !slices.Equal(trace.heard, want) {
		t.Errorf("%q, want %q", trace.heard, want)
	}
}

// A bucket whose store fails is suspended as a host is, and others are not.
func TestBucketsAreSuspended(t *testing.T) {
	var asked atomic.Int64
	a := webStore(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	f := newFetcher(t, Config{Accounts: []Account{a}})
	for i := range breakerFailures {
		if _, _, err := fetch(t, f, fmt.Sprint("s3://b/", i)); !errors.Is(err, ErrStatus) {
			t.Error(err)
		}
	}
	if _, _, err := fetch(t, f, "s3://b/k"); !errors.Is(err, ErrUnreachable) || f.Suspended("s3://b/k") == nil {
		t.Errorf("not suspended: %v", err)
	}
	if f.Suspended("s3://c/k") != nil || asked.Load() != breakerFailures {
		t.Errorf("%d requests", asked.Load())
	}
}

func TestAPanicOfAClientCostsOneFetch(t *testing.T) {
	f := newFetcher(t, Config{Accounts: []Account{{Name: "a", Store: "s3", Bucket: AnyBucket,
		Open: func(context.Context, Object, StoredObject) (*ObjectResponse, error) { panic("oh") }}}})
	if _, _, err := fetch(t, f, "s3://b/k"); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
}

// The timeouts are the account's, and hold also where Open takes no notice of its context.
func TestTimeoutsOfAnAccount(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	a := webStore(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	deaf := Account{Name: "deaf", Store: "gs", Bucket: AnyBucket,
		Open: func(context.Context, Object, StoredObject) (*ObjectResponse, error) {
			<-release
			return nil, errors.New("late")
		}}
	for _, account := range []Account{a, deaf} {
		account.Timeouts = Timeouts{Timeout: 50 * time.Millisecond}
		f := newFetcher(t, Config{Accounts: []Account{account}, Timeout: time.Hour})
		if _, _, err := fetch(t, f, account.Store+"://b/k"); !errors.Is(err, ErrTimeout) {
			t.Errorf("%s: %v", account.Name, err)
		}
	}
}
