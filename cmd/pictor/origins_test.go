package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/config"
)

func TestReadOrigins(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	aliases := map[string]string{"photos": "https://photos.example.com/p/"}
	read := func(text string) (names string, err error) {
		cfg := config.SourceSettings{OriginTable: config.OriginTable{Origins: config.Table(text)}}
		all, err := readOrigins(&cfg, aliases)
		for _, s := range all {
			names += s.Name + " "
		}
		return names, err
	}
	names, err := read("b: {sources: 'photos://, photos://cats/', headers: {x-key: a}, pass-headers: cookie}\n" +
		"a: {sources: '*.example.com', proxy: 'http://me:hush@proxy.internal:3128'}")
	if err != nil || names != "a b " {
		t.Errorf("%q, %v", names, err)
	}
	for text, want := range map[string]string{
		"{sources: 'ftp://a/'}":                    `"ftp://a/"`,
		"{sources: a, headers: {Host: hush}}":      "header Host is set by pictor itself",
		"{sources: a, pass-headers: 'a b'}":        "is not the name of a header",
		"{sources: a, proxy: 'http://hush:%zz@a'}": "proxy",
		"{sources: a, ca: " + empty + "}":          "has no certificate", "{sources: a, ca: /nowhere}": "/nowhere",
		"{sources: a, certificate: " + empty + ", certificate-key: " + empty + "}": "certificate",
	} {
		_, err := read("it: " + text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `entry "it"`) ||
			strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
