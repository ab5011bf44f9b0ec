package origin

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

var someRewrites = Rewrites{
	Base: "https://photos.example/img/",
	Aliases: map[string]string{"photos": "https://photos.example/p/", "disk": "local:///archive/", "root": "local:///",
		"shop": "gs://shop/"},
	Prefixes: map[string]string{"https://old.example/": "https://new.example/old/",
		"https://old.example/cats/": "https://cats.example/", "/cdn/": "local:///cdn/", "/bucket/": "s3://photos/new/"},
}

// What is fetched for a source, by which it also is known in caches.
func TestRewrites(t *testing.T) {
	f := newFetcher(t, Config{Rewrites: someRewrites, Local: fstest.MapFS{}, Accounts: allStores})
	for source, want := range map[string]string{
		"a/b.jpg": "https://photos.example/img/a/b.jpg", "/a/b.jpg": "https://photos.example/img/a/b.jpg",
		"//a.jpg": "https://photos.example/img/a.jpg", "a b.jpg?w=1": "https://photos.example/img/a%20b.jpg?w=1",
		"a/../b.jpg": "https://photos.example/img/b.jpg", "example.com:80/a.jpg": "https://photos.example/img/example.com:80/a.jpg",
		"photos://a.jpg": "https://photos.example/p/a.jpg", "photos:a.jpg": "https://photos.example/p/a.jpg",
		"PHOTOS:///a.jpg": "https://photos.example/p/a.jpg", "disk://2020/a.jpg": "local:///archive/2020/a.jpg",
		"root://a.jpg":                  "local:///a.jpg",
		"https://old.example/a.jpg":     "https://new.example/old/a.jpg",
		"https://old.example/cats/a":    "https://cats.example/a",
		"/cdn/a.jpg":                    "local:///cdn/a.jpg",
		"/bucket/a.jpg":                 "s3://photos/new/a.jpg",
		"shop://a.jpg?7":                "gs://shop/a.jpg?7",
		"https://other.example/a.jpg":   "https://other.example/a.jpg",
		"local:///a.jpg":                "local:///a.jpg",
		"https://old.example.evil/a":    "https://old.example.evil/a",
		"https://photos.example/img/a?": "https://photos.example/img/a?",
	} {
		if err := f.Check(source); err != nil {
			t.Errorf("%s: %v", source, err)
		}
		if got := f.Identity(source); got != want {
			t.Errorf("%s is fetched as %s, want %s", source, got, want)
		}
	}
	for _, source := range []string{"../a.jpg", "a/../../b.jpg", "%2e%2e/a.jpg", "photos://../img/a.jpg",
		"https://old.example/../a.jpg", "disk://../a.jpg", "nothing://a.jpg", "/bucket/../a.jpg", "shop://"} {
		if err := f.Check(source); !errors.Is(err, ErrBadSource) && !errors.Is(err, ErrSourceNotAllowed) {
			t.Errorf("%s: %v", source, err)
		}
	}
	plain := newFetcher(t, Config{})
	if err := plain.Check("a/b.jpg"); !errors.Is(err, ErrBadSource) || !strings.Contains(err.Error(), "--base-url") {
		t.Error(err)
	}
}

func TestRewritesThatMakeNoSense(t *testing.T) {
	for name, r := range map[string]Rewrites{
		"base without a slash":   {Base: "https://a.test/x"},
		"base without a scheme":  {Base: "a.test/"},
		"base with a query":      {Base: "https://a.test/?/"},
		"base of ftp":            {Base: "ftp://a.test/"},
		"local without a root":   {Base: "local:///x/"},
		"alias of a known name":  {Aliases: map[string]string{"https": "https://a.test/"}},
		"alias in capitals":      {Aliases: map[string]string{"Photos": "https://a.test/"}},
		"alias without a name":   {Aliases: map[string]string{"": "https://a.test/"}},
		"alias with a colon":     {Aliases: map[string]string{"a:b": "https://a.test/"}},
		"alias to an alias":      {Aliases: map[string]string{"a": "b://x/", "b": "https://a.test/"}},
		"rewrite of nothing":     {Prefixes: map[string]string{"": "https://a.test/"}},
		"rewrite of half a name": {Prefixes: map[string]string{"https://a.te": "https://b.test/"}},
		"rewrite to half a name": {Prefixes: map[string]string{"https://a.test/": "https://b.te"}},
	} {
		if _, err := New(Config{Rewrites: r}); err == nil {
			t.Errorf("%s passed", name)
		}
	}
}

// Whatever stands behind a folder of the operator's stays in it.
func FuzzRewrites(f *testing.F) {
	for _, seed := range []string{"a.jpg", "../a", "photos://..//../x", "https://old.example/%2e%2e/", "disk://a/..",
		"//", "a\\..\\b", "root:..", "?x", "#y", "photos:", "@evil.test/", ":80/"} {
		f.Add(seed)
	}
	fetcher, err := New(Config{Rewrites: someRewrites, Local: fstest.MapFS{}, Accounts: allStores})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(fetcher.Close)
	f.Fuzz(func(t *testing.T, source string) {
		_, in := fetcher.rewriter.resolve(source)
		if in == (folder{}) || fetcher.Check(source) != nil {
			return
		}
		if id := fetcher.Identity(source); !strings.HasPrefix(id, in.url) {
			t.Errorf("%q leaves %s for %s", source, in.url, id)
		}
	})
}
