package buckets

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pictor-proxy/pictor/cache/objectstore"
)

// A store that refuses the condition of a creation gets objects without it from then on, and the log has one line.
// What it refuses for another reason stays an error.
func TestAStoreWithoutConditions(t *testing.T) {
	for status, body := range map[int]string{
		http.StatusNotImplemented: `<Error><Code>NotImplemented</Code><Message>If-None-Match</Message></Error>`,
		http.StatusBadRequest:     `<Error><Code>InvalidArgument</Code></Error>`,
	} {
		store := newS3Store(t)
		store.makeBucket(t, "records")
		target, err := url.Parse(store.account.Endpoint)
		if err != nil {
			t.Fatal(err)
		}
		forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		}}
		var conditions, puts atomic.Int64
		var down atomic.Bool
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				puts.Add(1)
			}
			if r.Header.Get("If-None-Match") != "" {
				conditions.Add(1)
			}
			if r.Header.Get("If-None-Match") != "" || down.Load() {
				w.WriteHeader(status)
				io.WriteString(w, body)
				return
			}
			forward.ServeHTTP(w, r)
		}))
		defer front.Close()
		account := store.account
		account.Endpoint, account.Bucket = front.URL, "records"
		var log bytes.Buffer
		o, err := OpenObjects("main", account, "", slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		write := func(text string) error {
			return o.Write(t.Context(), "r/1", io.NewSectionReader(strings.NewReader(text), 0, int64(len(text))), true)
		}
		down.Store(true)
		if err := write("zero"); err == nil || errors.Is(err, objectstore.ErrExists) || o.IsUnconditional() {
			t.Errorf("%d to everything: %v, unconditional: %v", status, err, o.IsUnconditional())
		}
		down.Store(false)
		conditions.Store(0)
		for _, text := range []string{"first", "second", "third"} {
			puts.Store(0)
			if err := write(text); err != nil {
				t.Fatal(err)
			}
			from, _, err := o.Open(t.Context(), "r/1")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(from); string(got) != text || err != nil {
				t.Errorf("%q, %v; want %q", got, err, text)
			}
			from.Close()
		}
		if conditions.Load() != 1 || puts.Load() != 1 || !o.IsUnconditional() {
			t.Errorf("%d: %d conditions, %d writes of the last", status, conditions.Load(), puts.Load())
		}
		if n := strings.Count(log.String(), "If-None-Match"); n != 1 {
			t.Errorf("%d lines: %s", n, log.String())
		}
	}
}
