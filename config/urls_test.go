package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPresetList(t *testing.T) {
	file := filepath.Join(t.TempDir(), "presets")
	if err := os.WriteFile(file, []byte("# ours\n\n card = rs:fill:300:200/q:80 \nsmall=w:100\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u := URLs{Presets: "default=q:70, big = w:2000", PresetsFile: file}
	got, err := u.PresetList()
	if err != nil || len(got) != 4 || got["card"] != "rs:fill:300:200/q:80" || got["big"] != "w:2000" {
		t.Errorf("%q, %v", got, err)
	}
	for text, u := range map[string]URLs{
		"not name=options": {Presets: "card"}, "there twice": {Presets: "a=w:1,a=w:2"}, "--presets-file": {PresetsFile: file + "x"},
		"--source-key": {SourceKey: "abc"}, "--path-prefix": {PathPrefix: "/a?b"},
	} {
		if err := u.Validate(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestPrefixAndThumborRoot(t *testing.T) {
	for in, want := range map[string]string{"": "", "/": "", "images": "/images", "/images/": "/images", "/a/b": "/a/b"} {
		if got := (&URLs{PathPrefix: in}).Prefix(); got != want {
			t.Errorf("%q: %q", in, got)
		}
		root := want + "/"
		if got := (&Thumbor{ThumborPath: in}).ThumborRoot(); got != root {
			t.Errorf("%q: %q, want %q", in, got, root)
		}
	}
}

func TestFromImgproxy(t *testing.T) {
	moved := FromImgproxy([]string{"IMGPROXY_KEY=aabb", "IMGPROXY_MAX_SRC_RESOLUTION=50", "IMGPROXY_AVIF_SPEED=8", "IMGPROXY_FORMAT_QUALITY=jpeg=70,avif=40",
		"IMGPROXY_PRESETS=default=w:1,card=h:2", "IMGPROXY_TIMEOUT=x", "IMGPROXY_EMPTY=", "OTHER=1", "IMGPROXY_ALLOW_PRIVATE_SOURCE_ADDRESSES=true", "IMGPROXY_SECRET=s"})
	got := map[string]string{}
	for _, m := range moved {
		if m.Name != "" {
			got[m.Name] = m.Value
		}
		if strings.Contains(m.From, "aabb") {
			t.Error("a secret is shown")
		}
	}
	for name, want := range map[string]string{"max-source-pixels": "50MP", "presets": "default=avifo::1/fq:jpeg:70:avif:40/w:1,card=h:2", "key": "aabb"} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if len(got) != 4 || got["request-timeout"] != "" || !strings.Contains(got["allow-networks"], "10.0.0.0/8") {
		t.Errorf("%q", got)
	}
	// Every setting that a variable becomes exists.
	table, err := readSettings()
	if err != nil {
		t.Fatal(err)
	}
	for from, m := range moves {
		if _, ok := table[m.name]; m.name != "" && !ok {
			t.Errorf("%s becomes %s, which is no setting", from, m.name)
		}
	}
}
