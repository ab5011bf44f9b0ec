//go:build cgo

package main

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// sizes are of encoders, and differ by a few bytes from one to the next.
var sizes = regexp.MustCompile(`, \d+ bytes\)`)

// The page says what the options do now: run `make docs` where it does not.
func TestThePageIsFresh(t *testing.T) {
	const root = "../.."
	files, err := buildPages(root)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBench(root)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Errorf("%v; run make docs", err)
			continue
		}
		if strings.HasSuffix(name, ".md") {
			if !bytes.Equal(sizes.ReplaceAll(got, nil), sizes.ReplaceAll(want, nil)) {
				t.Errorf("%s is stale: run make docs", name)
			}
			continue
		}
		if d := picturetest.Perceived(decode(t, b, got), decode(t, b, want)); !(d < 2) {
			t.Errorf("%s is stale, it looks %.1f away: run make docs", name, d)
		}
	}
	there, err := filepath.Glob(filepath.Join(root, "docs/options/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if files["docs/options/"+filepath.Base(path)] == nil {
			t.Errorf("%s is of no option: run make docs", path)
		}
	}
}

func decode(t testing.TB, b *bench, file []byte) image.Image {
	t.Helper()
	s, info, err := openImage(file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var m image.Image
	job := transform.Job{Source: s, Info: info, Outputs: []transform.Params{{Format: transform.PNG}}}
	err = b.engine.Transform(context.Background(), job,
		func(_ int, p transform.Picture) { m, err = png.Decode(bytes.NewReader(p.Body)) })
	if err != nil || m == nil {
		t.Fatal(err)
	}
	return m
}
