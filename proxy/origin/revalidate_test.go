package origin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRevalidate(t *testing.T) {
	modified := time.Date(2015, 10, 21, 7, 28, 0, 0, time.UTC)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "max-age=60")
		h.Set("ETag", `W/"v2"`)
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
			return
		case "/always": // says so also to those who did not ask
			w.WriteHeader(http.StatusNotModified)
			return
		case "/gone":
			w.WriteHeader(http.StatusGone)
			return
		}
		if r.Header.Get("If-None-Match") == `W/"v2"` ||
			r.Header.Get("If-Modified-Since") == "Wed, 21 Oct 2015 07:28:00 GMT" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, "picture")
	})
	f := newFetcher(t, Config{AllowNetworks: loopback})
	for _, tc := range []struct {
		name, path string
		have       Validators
		changed    bool
		err        error
	}{
		{"the same, by tag", "/", Validators{ETag: `W/"v2"`}, false, nil},
		{"the same, by time", "/", Validators{LastModified: modified}, false, nil},
		{"the same, behind a redirect", "/moved", Validators{ETag: `W/"v2"`, URL: url + "/"}, false, nil},
		{"known from elsewhere", "/moved", Validators{ETag: `W/"v2"`}, true, nil},
		{"known from behind a redirect", "/", Validators{ETag: `W/"v2"`, URL: url + "/v1"}, true, nil},
		{"another", "/", Validators{ETag: `"v1"`, LastModified: modified.Add(time.Hour)}, true, nil},
		{"no validators", "/", Validators{}, true, nil},
		{"a 304 that nobody asked for", "/always", Validators{}, false, ErrStatus},
		{"gone", "/gone", Validators{ETag: `"v1"`}, false, ErrNotFound},
	} {
		var b bytes.Buffer
		meta, changed, err := f.Revalidate(context.Background(), url+tc.path, Client{}, tc.have, &b, nil)
		if changed != tc.changed || !errors.Is(err, tc.err) || (b.Len() > 0) != tc.changed {
			t.Errorf("%s: changed %v, %v, %q", tc.name, changed, err, b.String())
		}
		if err == nil && (meta.TTL != time.Minute || meta.ETag != `W/"v2"`) {
			t.Errorf("%s: %+v", tc.name, meta)
		}
	}
}

func TestTags(t *testing.T) {
	for _, tc := range []struct {
		h    http.Header
		want string
		ok   bool
	}{
		{http.Header{}, "", true},
		{http.Header{"Cache-Tag": {"Product-5, news,news"}}, "news product-5", true},
		{http.Header{"Surrogate-Key": {"node:5 a", "b"}, "Xkey": {"c, a"}}, "a b c node:5", true},
		{http.Header{"Cache-Tag": {" , ,"}}, "", true},
		{http.Header{"Cache-Tag": {"blau\xfc"}}, "", false},
		{http.Header{"Cache-Tag": {strings.Repeat("x", maxTags)}}, strings.Repeat("x", maxTags), true},
		{http.Header{"Cache-Tag": {strings.Repeat("x", maxTags+1)}}, "", false},
	} {
		if got, ok := tagsOf(tc.h); got != tc.want || ok != tc.ok {
			t.Errorf("%v: %q, %v", tc.h, got, ok)
		}
	}
}

// A source with tags that cannot be kept could not be purged by them.
func TestTooManyTagsAreNotStored(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Tag", strings.Repeat("x", maxTags+1))
		io.WriteString(w, "picture")
	})
	if _, meta, err := fetch(t, newFetcher(t, Config{AllowNetworks: loopback}), url); err != nil || !meta.NoStore {
		t.Errorf("%+v, %v", meta, err)
	}
}
