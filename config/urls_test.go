package config

import (
	"errors"
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
		"not name=options": {Presets: "card"}, "set twice": {Presets: "a=w:1,a=w:2"}, "--presets-file": {PresetsFile: file + "x"},
		"--source-key": {SourceKey: "abc"}, "--path-prefix": {PathPrefix: "/a?b"},
	} {
		if err := u.Validate(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestPrefixAndThumborRoot(t *testing.T) {
	for in, want := range map[string]string{"": "", "/": "", "images": "/images", "/images/": "/images",
		"/a/b": "/a/b"} {
		if got := (&URLs{PathPrefix: in}).Prefix(); got != want {
			t.Errorf("%q: %q", in, got)
		}
		root := want + "/"
		if got := (&Thumbor{ThumborPath: in}).ThumborRoot(); got != root {
			t.Errorf("%q: %q, want %q", in, got, root)
		}
	}
}

// everyOption takes any.
func everyOption(string) error { return nil }

func TestFromImgproxySetsEachSettingOnce(t *testing.T) {
	moved := FromImgproxy([]string{"IMGPROXY_ALLOW_LOOPBACK_SOURCE_ADDRESSES=1",
		"IMGPROXY_ALLOW_PRIVATE_SOURCE_ADDRESSES=t",
		"IMGPROXY_WORKERS=2", "IMGPROXY_CONCURRENCY=3", "IMGPROXY_PRESETS=card=w:1", "IMGPROXY_ARGUMENTS_SEPARATOR=_",
		"IMGPROXY_QUALITY=70", "IMGPROXY_FORMAT_QUALITY=jpeg=80,jxl=77"}, func(segment string) error {
		if strings.Contains(segment, "jxl") {
			return errors.New("no such format")
		}
		return nil
	})
	got, notes := map[string][]string{}, ""
	for _, m := range moved {
		notes += m.From + ": " + m.Note + "\n"
		if m.Name != "" {
			got[m.Name] = append(got[m.Name], m.Value)
		}
	}
	for name, want := range map[string]string{
		"allow-networks": "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7",
		"workers":        "2", "presets": "card=w:1,default=fq_jpeg_80/q_70", "arguments-separator": "_",
	} {
		if len(got[name]) != 1 || got[name][0] != want {
			t.Errorf("%s: %q, want %q once", name, got[name], want)
		}
	}
	for _, want := range []string{"CONCURRENCY=3: left out, as IMGPROXY_WORKERS sets workers",
		"without fq:jxl:77: no such format"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in\n%s", want, notes)
		}
	}
}

func TestFromImgproxy(t *testing.T) {
	moved := FromImgproxy([]string{"IMGPROXY_KEY=aabb", "IMGPROXY_MAX_SRC_RESOLUTION=50", "IMGPROXY_AVIF_SPEED=8",
		"IMGPROXY_FORMAT_QUALITY=jpeg=70,avif=40",
		"IMGPROXY_PRESETS=default=w:1,card=h:2", "IMGPROXY_TIMEOUT=x", "IMGPROXY_EMPTY=", "OTHER=1", "IMGPROXY_ALLOW_PRIVATE_SOURCE_ADDRESSES=true", "IMGPROXY_SECRET=s3cret", "IMGPROXY_NEW_RELIC_KEY=s3cret"}, everyOption)
	got := map[string]string{}
	for _, m := range moved {
		if m.Name != "" {
			got[m.Name] = m.Value
		}
		if strings.Contains(m.From, "aabb") || strings.Contains(m.From, "s3cret") {
			t.Error("a secret is shown")
		}
	}
	for name, want := range map[string]string{"max-source-pixels": "50MP",
		"presets": "default=avifo::1/fq:jpeg:70/fq:avif:40/w:1,card=h:2", "key": "aabb"} {
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
	for from, m := range translations {
		if _, ok := table[m.name]; m.name != "" && !ok {
			t.Errorf("%s becomes %s, which is no setting", from, m.name)
		}
	}
}

func TestSourceSettings(t *testing.T) {
	s := SourceSettings{SourceAliases: "photos=https://a.test/p/, disk = local:///x/",
		RewriteSources: "https://old/=https://new/"}
	aliases, err := s.Aliases()
	rewrites, err2 := s.Rewrites()
	if err != nil || err2 != nil || len(aliases) != 2 || aliases["disk"] != "local:///x/" ||
		rewrites["https://old/"] != "https://new/" {
		t.Errorf("%v, %v, %v, %v", aliases, err, rewrites, err2)
	}
	for _, bad := range []string{"photos", "=https://a/", "photos=", "a=https://a/,a=https://b/"} {
		if _, err := (&SourceSettings{SourceAliases: bad}).Aliases(); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
	values, err := parseFile([]byte("source-aliases:\n  photos: https://a.test/p/\n"), tableOf(t))
	if err != nil || values["source-aliases"].text != "photos=https://a.test/p/" {
		t.Errorf("%v, %v", values, err)
	}
}
