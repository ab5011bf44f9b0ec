package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/config"
)

// FuzzExplain: lines of an access log, which are its clients', are counted, each
// once, and none ends the count.
func FuzzExplain(f *testing.F) {
	cmd := explainCmd{}
	cmd.Key, cmd.Salt, cmd.SignatureSize = "736563726574", "68656C6C6F", 32
	cmd.ThumborKey = config.Secret("k")
	e, err := cmd.newExplainer()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"/x/w:1/plain/http://a/b.jpg",
		`1.2.3.4 - - [x] "GET /x/w:1/plain/http://a HTTP/1.1" 200 1`, "/thumbor/x/10x10/http://a", "https://h/x/y?z", "/",
		"/insecure/rs:fill:0:0/enc/AAAA", "/x/pr:a/plain/x\n/x/y", "\"GET \" HTTP", "/_/s:99999999999:1/plain/x"} {
		f.Add(s)
	}
	file := filepath.Join(f.TempDir(), "log")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "\r") {
			return
		}
		want := 0
		for line := range strings.SplitSeq(text, "\n") {
			if strings.TrimSpace(line) != "" {
				want++
				if e.verdictOf(strings.TrimSpace(line)) == "" {
					t.Fatalf("no verdict of %q", line)
				}
			}
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := e.explainLog(file, &out); err != nil ||
			!strings.HasSuffix(out.String(), fmt.Sprintf("%7d  in all\n", want)) {
			t.Fatalf("%q: %v, %q", text, err, out.String())
		}
	})
}
