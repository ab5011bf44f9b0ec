package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOriginEntries(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	table := OriginTable{Origins: Table(`
photos:
  sources: [https://photos.example.com/, photos://]
  headers: {X-One: 1}
  header-files: {X-Two: ` + secret + `}
  pass-headers: X-Tenant, Accept-Language
  basic-file: ` + secret + `
  timeout: 3s
  concurrency: 4
shop: {sources: shop.example.com, bearer: token, referer: 'https://www.example.com/'}
`)}
	_, err := table.Entries()
	if err == nil || !strings.Contains(err.Error(), `entry "photos": basic: write USER:PASSWORD`) {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(secret, []byte("me:from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := table.Entries()
	if err != nil {
		t.Fatal(err)
	}
	o, shop := all["photos"], all["shop"]
	if len(o.Sources) != 2 || len(o.PassHeaders) != 2 || o.Timeout != 3*time.Second || o.Concurrency != 4 ||
		len(o.Headers) != 3 || o.Headers["X-One"] != "1" || o.Headers["X-Two"] != "me:from a file" ||
		o.Headers["Authorization"] != "Basic bWU6ZnJvbSBhIGZpbGU=" {
		t.Errorf("%+v", o)
	}
	if shop.Headers["Authorization"] != "Bearer token" || shop.Headers["Referer"] != "https://www.example.com/" {
		t.Errorf("%+v", shop)
	}
}

// What is wrong is named, and what is secret is not shown.
func TestOriginEntriesThatMakeNoSense(t *testing.T) {
	for text, want := range map[string]string{
		"{}": "sources: name the sources", "{sources: a, basic: hush}": "basic: write USER:PASSWORD",
		"{sources: a, basic: 'hush:x', bearer: hush}":                             "header Authorization is set twice",
		"{sources: a, headers: {x-a: hush, X-A: hush}}":                           "is set twice",
		"{sources: a, certificate: x.pem}":                                        "belong together",
		"{sources: a, timeout: 1s, first-byte-timeout: 2s}":                       "first-byte-timeout: it must not be longer",
		"{sources: a, concurrency: 1000}":                                         "concurrency: it must be 1 to 256",
		"{sources: a, timeout: -1s}":                                              "timeout: it must not be negative",
		"{sources: a, header-files: {X-A: /nowhere}}":                             "/nowhere",
		"{sources: a, headers: {Referer: hush}, referer: hush}":                   "header Referer is set twice",
		"{sources: a, password: hush}":                                            "there is no such field",
		"{sources: a, basic: 'hush:x', basic-file: /nowhere, bearer-file: /none}": "keep one",
	} {
		_, err := (&OriginTable{Origins: Table("a: " + text)}).Entries()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
