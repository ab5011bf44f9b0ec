package signedurl

import (
	"errors"
	"strings"
	"testing"
)

func TestInfoPaths(t *testing.T) {
	ring := ring(t, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}})
	b := &Builder{Keyring: ring, Server: "https://img.example.com", Plain: true}
	for options, want := range map[string]string{
		"":                           "/",
		"size:t/format:true/d:1":     "/",
		"s:0":                        "/s:0/",
		"crop:0.5:300:nowe/icc:1":    "/icc:1/c:0.5:300:nowe/",
		"crop:0.5:300:no/c:0:0":      "/",
		"s:0/f:0/d:0":                "/s:0/f:0/d:0/",
		"chs:sha256:md5/chs:md5":     "/chs:md5/",
		"chs:sha512:md5/b:1/b:":      "/b:1/chs:md5:sha512/",
		"hs:md5:" + digits(32, "A"):  "/hs:md5:" + digits(32, "a") + "/",
		"hs:none:1":                  "/",
		"video_meta:0/do:f/vts:0":    "/",
		"pg:2/cb:7/exp:9/ct:a/msr:2": "/pg:2/cb:7/ct:a/exp:9/msr:2/",
	} {
		u := b.Info("https://a.example/b.jpg")
		if options != "" {
			u = u.Options(options)
		}
		whole, err := u.URL()
		if err != nil {
			t.Errorf("%s: %v", options, err)
			continue
		}
		target, ok := CutInfo(strings.TrimPrefix(whole, "https://img.example.com"))
		v, err := ring.Verify(target)
		if !ok || err != nil || v.String() != want+"plain/https://a.example/b.jpg" {
			t.Errorf("%s: %s, %v", options, whole, err)
			continue
		}
		var d Dialect
		r, err := d.ParseInfo(v)
		if err != nil || !r.IsInfo() || r.Source != "https://a.example/b.jpg" {
			t.Errorf("%s: %+v %v", options, r, err)
		}
	}
}

func digits(n int, of string) string { return strings.Repeat(of, n) }

func TestInfoPathsThatAreWrong(t *testing.T) {
	d, err := NewDialect(DialectConfig{Presets: map[string]string{"default": "w:1", "card": "w:2"}})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		"/w:1/plain/x": ErrUnknownOption, "/nothing:1/plain/x": ErrUnknownOption, "/pr:card/plain/x": ErrUnknownPreset,
		"/detect_objects:1/plain/x": ErrBadArgument, "/crop:1:2:sm/plain/x": ErrBadArgument,
		"/size:2/plain/x": ErrBadArgument, "/size:1:1/plain/x": ErrBadArgument, "/f:webp/plain/x": ErrBadArgument,
		"/chs:crc/plain/x": ErrBadArgument, "/hs:md5/plain/x": ErrBadArgument, "/hs:md5:12/plain/x": ErrBadArgument,
		"/plain/x@webp": ErrBadArgument, "/size:1": ErrMalformed, "/": ErrMalformed, "": ErrMalformed,
	} {
		if _, err := d.ParseUnsignedInfo(path); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Facts have presets of their own, of which default goes before all options.
func TestInfoPresets(t *testing.T) {
	d, err := NewDialect(DialectConfig{
		Presets: map[string]string{"default": "w:1", "card": "w:2"},
		InfoPresets: map[string]string{"default": "a:1", "small": "s:0/f:0/d:0", "both": "pr:small/th:1",
			"metadata": "exif:1:1/iptc:1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var plain Dialect
	for path, same := range map[string]string{
		"/plain/x": "/a:1/plain/x", "/a:0/plain/x": "/plain/x", "/pr:small/plain/x": "/a:1/s:0/f:0/d:0/plain/x",
		"/preset:both:metadata/s:1/plain/x": "/a:1/f:0/d:0/th:1/exif:1:1/iptc:1/plain/x", "/pr::/plain/x": "/a:1/plain/x",
	} {
		got, err := d.ParseUnsignedInfo(path)
		want, err2 := plain.ParseUnsignedInfo(same)
		if err != nil || err2 != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v, %v", path, got, err, want, err2)
		}
	}
	for path, want := range map[string]error{
		"/pr:card/plain/x": ErrUnknownPreset, "/pr:none/plain/x": ErrUnknownPreset, "/w:1/plain/x": ErrUnknownOption,
	} {
		if _, err := d.ParseUnsignedInfo(path); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	rules := UnsignedRules{Facts: []string{"pr:small"}}
	if _, err := d.ParseInfoUnderRules("/pr:small/plain/x", rules); err != nil {
		t.Error(err)
	}
	if _, err := d.ParseInfoUnderRules("/pr:metadata/plain/x", rules); !errors.Is(err, ErrUnsigned) {
		t.Error(err)
	}
	for option, ok := range map[string]bool{"pr:small": true, "pr:card": false, "a:1": true, "w:1": false} {
		if err := d.CheckFactOption(option); (err == nil) != ok {
			t.Errorf("%s: %v", option, err)
		}
	}
	b := &Builder{Keyring: ring(t, Config{Insecure: true}), Plain: true}
	for _, u := range []URL{
		b.Info("x").Preset("small", "both").Options("b:1"), b.Info("x").Options("pr:small:both/b:1"),
	} {
		if path, err := u.Path(); err != nil || !strings.HasSuffix(path, "/pr:small:both/b:1/plain/x") {
			t.Errorf("%s, %v", path, err)
		}
	}
	for name, options := range map[string]string{
		"loop": "pr:loop", "image": "w:1", "": "a:1", "a/b": "a:1", "a:b": "a:1", "card": "pr:card2", "empty": "",
	} {
		d, err := NewDialect(DialectConfig{InfoPresets: map[string]string{name: options}})
		if err == nil {
			err = d.CheckInfoPresets()
		}
		if err == nil || !strings.Contains(err.Error(), "preset of facts") {
			t.Errorf("%q=%q: %v", name, options, err)
		}
	}
}

// Sources are encrypted or hidden in paths of facts, too.
func TestInfoPathsKeepSourcesSecret(t *testing.T) {
	ring := ring(t, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}})
	key := make([]byte, 32)
	const source = "https://a.example/b.jpg"
	encrypted, err := (&Builder{Keyring: ring, SourceKey: key}).Info(source).Options("a:1").Path()
	if err != nil || strings.Contains(encrypted, "b.jpg") {
		t.Fatal(encrypted, err)
	}
	target, _ := CutInfo(encrypted)
	v, err := ring.Verify(target)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDialect(DialectConfig{SourceKey: key})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := d.ParseInfo(v); err != nil || r.Source != source {
		t.Errorf("%s: %+v %v", encrypted, r, err)
	}
	hidden, err := (&Builder{Keyring: ring, HashKey: key}).Info(source).Path()
	if err != nil {
		t.Fatal(err)
	}
	target, _ = CutInfo(hidden)
	if v, err = ring.Verify(target); err != nil {
		t.Fatal(err)
	}
	if r, err := d.ParseInfo(v); err != nil || r.SourceHash != HashSource(key, source) || r.Source != "" {
		t.Errorf("%s: %+v %v", hidden, r, err)
	}
}

func FuzzParseInfo(f *testing.F) {
	for _, s := range []string{"/s:1/plain/http://x/a.jpg", "/chs:md5/hs:md5:" + digits(32, "0") + "/aHR0cDovL3g",
		"/pg:1/cb:2/h/" + digits(43, "A"), "/vm:0/plain/x"} {
		f.Add(s)
	}
	rules := UnsignedRules{Facts: []string{"a:1", "chs:md5"}}
	f.Fuzz(func(t *testing.T, path string) {
		var d Dialect
		_, _ = d.ParseInfo(Verified{path: path})
		r, err := d.ParseUnsignedInfo(path)
		if bounded, wrong := d.ParseInfoUnderRules(path, rules); wrong == nil && (err != nil || bounded != r) {
			t.Fatalf("%q: %+v, and under rules %+v", path, r, bounded)
		}
		if err != nil {
			return
		}
		for _, plain := range []bool{true, false} {
			if again, err := d.ParseUnsignedInfo(r.InfoPath(plain)); err != nil || again != r {
				t.Fatalf("%q: %+v became %q, then %+v, %v", path, r, r.InfoPath(plain), again, err)
			}
		}
	})
}
