package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const someAccessKeys = `
access-keys:
  shop:
    key: 000102030405060708090a0b0c0d0e0f
    salt: "1011"
    sources: [https://photos.example.com/, "*.cdn.example.com"]
    options: w,h
    presets: []
    max-width: 1600
    max-pixels: 4MP
    expiry: true
    max-lifetime: 24h
    misses-per-second: 2.5
  blog:
    key-file: KEYFILE
    salt: "2021"
    revoked: true
`

func TestAccessKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("303132333435363738393a3b3c3d3e3f\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load([]byte(strings.Replace(someAccessKeys, "KEYFILE", file, 1)))
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.AccessKeyList()
	if err != nil {
		t.Fatal(err)
	}
	rate := 2.5
	want := map[string]AccessKey{
		"shop": {Key: "000102030405060708090a0b0c0d0e0f", Salt: "1011",
			Sources: []string{"https://photos.example.com/", "*.cdn.example.com"}, Options: []string{"w", "h"},
			Presets: []string{}, MaxWidth: 1600, MaxPixels: 4e6, Expiry: true, MaxLifetime: 24 * time.Hour, Misses: &rate},
		"blog": {Key: "303132333435363738393a3b3c3d3e3f", Salt: "2021", Revoked: true},
	}
	if d := cmp.Diff(want, all, cmp.Comparer(func(a, b Secret) bool { return string(a) == string(b) })); d != "" {
		t.Error(d)
	}
	shop := all["shop"]
	if perSecond, burst := shop.MissRate(); perSecond != 2.5 || burst != 25 {
		t.Error(perSecond, burst)
	}
	if pair, err := shop.Pair(); err != nil || len(pair.Key) != 16 || string(pair.Salt) != "\x10\x11" {
		t.Error(pair, err)
	}
	if s.AccessKeys.String() != "shop,blog" {
		t.Errorf("%v", s.AccessKeys)
	}
}

func TestAccessKeysThatAreWrong(t *testing.T) {
	const pair = "key: 000102030405060708090a0b0c0d0e0f, salt: 10, "
	for text, want := range map[string]string{
		"key: secretsecret, salt: 10":        "not hexadecimal",
		"key: 000102, salt: 1":               "not hexadecimal",
		"key: 000102":                        "needs a key and a salt",
		pair + "max-width: 70000":            "max-width is 70000",
		pair + "max-side: -1":                "max-side is -1",
		pair + "max-lifetime: 5ms":           "max-lifetime is 5ms",
		pair + "misses-per-second: 0":        "more than 0",
		pair + "misses-per-second: .nan":     "more than 0",
		pair + "misses-burst: 3":             "no effect",
		pair + "misses-per-second: often":    "it must be",
		pair + "source: a":                   `did you mean "sources"`,
		pair + "key-file: /nowhere":          "key",
		"key-file: /nowhere/key, salt: 1011": "/nowhere/key",
	} {
		s, err := Load([]byte("access-keys: {shop: {" + text + "}}"))
		if s == nil {
			t.Fatal(err)
		}
		if _, err = s.AccessKeyList(); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), `--access-keys: entry "shop"`) ||
			strings.Contains(err.Error(), "secretsecret") || strings.Contains(err.Error(), "0001") {
			t.Errorf("%s: %v", text, err)
		}
	}
	s, err := Load([]byte("insecure: on\naccess-keys: {shop: {" + pair + "}}"))
	if err = errors.Join(err, s.Validate()); err == nil || !strings.Contains(err.Error(), "--insecure") {
		t.Error(err)
	}
	s, err = Load([]byte("access-keys: {shop: {key: 0001, salt: 10}}"))
	if err = errors.Join(err, s.Validate()); err != nil || len(s.Warnings()) != 1 {
		t.Error(err, s.Warnings())
	}
}
