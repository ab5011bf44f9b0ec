package signedurl

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// readChoice reads a target as a server does.
func readChoice(k *Keyring, d *Dialect, target string) (Request, error) {
	v, choice, err := d.VerifyChoice(k, target)
	if err != nil {
		return Request{}, err
	}
	return d.ParseChoice(v, choice)
}

// What a client picks of signed lists is what the same path with it written out stands for.
func TestPick(t *testing.T) {
	k := ring(t, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}, Trusted: []string{"w:9", "t_x"}})
	plain := newDialect(t, DialectConfig{Presets: map[string]string{"card": "rs:fill:400:300/pick:200:400:800"},
		SourceKey: []byte("0123456789abcdef")})
	only := newDialect(t, DialectConfig{OnlyPresets: true, Presets: map[string]string{"card": "pick:200:400"}})
	secret, err := EncryptSource([]byte("0123456789abcdef"), "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		d            *Dialect
		choice, path string
		want         string // the options, or a part of the error
		err          error
	}{
		{plain, "", "/pick:320:640/plain/x", "w:320", nil},
		{plain, "/w:640", "/pick:320:640/plain/x", "w:640", nil},
		{plain, "/w%3A640", "/pick:320:640/plain/x", "w:640", nil},
		{plain, "/w%3a640", "/pick%3A320%3A640/plain/x", "w:640", nil},
		{plain, "/w:320", "/w:9/pick:640:320/plain/x", "w:320", nil},
		{plain, "/w:640", "/rs:fill:400:300/pick:320:640/plain/x", "rt:fill/w:640/h:480", nil},
		{plain, "/w:640", "/pick:320:640/rs:fill:400:300/plain/x", "rt:fill/w:640/h:480", nil},
		{plain, "/w:640", "/h:300/pick:320:640/plain/x", "w:640/h:300", nil},
		{plain, "/w:800", "/pr:card/plain/x", "rt:fill/w:800/h:600", nil},
		{plain, "/w:640", "/pick:320:640/enc/" + secret + ".webp", "w:640/f:webp", nil},
		{plain, "/f:webp", "/w:5/pickf:avif:webp/plain/x@png", "w:5/f:webp", nil},
		{plain, "/f:jpg", "/f:auto/pick_format:avif:jpeg/plain/x", "f:jpg", nil},
		{plain, "", "/pick_format:AVIF:webp/plain/x", "f:avif", nil},
		{plain, "/dpr:1.5", "/w:5/pickd:1:1.5/plain/x", "w:5/dpr:1.5", nil},
		{plain, "/dpr:1", "/w:5/pickd:1.0:1.5/plain/x", "w:5", nil},
		{plain, "/w:2/dpr:2/f:avif", "/pick:1:2/pickd:1:2/pickf:webp:avif/plain/x", "w:2/dpr:2/f:avif", nil},
		{plain, "/w:2/f:avif", "/pick:1:2/pickd:1:2/pickf:webp:avif/plain/x", "w:2/f:avif", nil},
		{only, "/w:400", "/card/plain/x", "w:400", nil},
		{only, "/w:300", "/card/plain/x", `width "300" is not in`, ErrNotInList},
		{plain, "/w:641", "/pick:320:640/plain/x", `width "641" is not in the signed list (pick)`, ErrNotInList},
		{plain, "/w:0640", "/pick:320:640/plain/x", "not in", ErrNotInList},
		{plain, "/w:+640", "/pick:320:640/plain/x", "not in", ErrNotInList},
		{plain, "/w:640:1", "/pick:320:640/plain/x", "not in", ErrNotInList},
		{plain, "/w:320 640", "/pick:320:640/plain/x", "not in", ErrNotInList},
		{plain, "/w:640", "/w:640/plain/x", "has no list", ErrNotInList},
		{plain, "/f:webp", "/pick:320:640/plain/x", "has no list", ErrNotInList},
		{plain, "/f:jpeg", "/pickf:jpg:webp/plain/x", "not in", ErrNotInList},
		{plain, "/f:auto", "/pickf:jpg:webp/plain/x", "not in", ErrNotInList},
		{plain, "/dpr:2.0", "/pickd:1:2/plain/x", "not in", ErrNotInList},
		{plain, "/w:1", "/pick:0:1/plain/x", "at least 1", ErrBadArgument},
		{plain, "/w:1", "/pick:1:01/plain/x", "twice", ErrBadArgument},
		{plain, "/w:1", "/pick:1::2/plain/x", "whole number", ErrBadArgument},
		{plain, "/w:1", "/pick:" + strings.Repeat("1:", 32) + "1/plain/x", "at most 32", ErrBadArgument},
		{plain, "", "/pickd:0.3333333/plain/x", "characters", ErrBadArgument},
		{plain, "", "/pickf:heic/plain/x", "is not one of", ErrBadArgument},
		{plain, "/w:65535", "/rs:fill:1:65535/pick:65535/plain/x", "height must be", ErrBadArgument},
		{plain, "/f:webp/w:640", "/pick:320:640/pickf:webp/plain/x", "", ErrSignature},
		{plain, "/w:640/w:640", "/pick:320:640/plain/x", "", ErrSignature},
		{plain, "/w:", "/pick:320:640/plain/x", "", ErrSignature},
		{plain, "/W:640", "/pick:320:640/plain/x", "", ErrSignature},
		{plain, "/width:640", "/pick:320:640/plain/x", "", ErrSignature},
		{plain, "/w:000000640", "/pick:320:640/plain/x", "", ErrSignature},
		{plain, "//w:640", "/pick:320:640/plain/x", "", ErrSignature},
		{plain, "/w:640/", "/pick:320:640/plain/x", "", ErrSignature},
		{plain, "/q:50", "/pick:320:640/plain/x", "", ErrSignature},
	} {
		target := tc.choice + "/" + k.Sign(Repair(tc.path)) + tc.path
		r, err := readChoice(k, tc.d, target)
		if !errors.Is(err, tc.err) || err == nil && (r.Params.String() != tc.want || r.Picks != Picks{}) ||
			err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %q, %v; want %s, %v", target, r.Params.String(), err, tc.want, tc.err)
		}
		if err != nil {
			continue
		}
		written, err := ParseUnsigned("/" + strings.TrimSuffix(tc.want, "/") + "/plain/x")
		if err != nil || written.Canonical() != r.Canonical() {
			t.Errorf("%s is %s, and not %s", target, r.Canonical(), written.Canonical())
		}
	}
	const path = "/pick:320:640/plain/x"
	for target, want := range map[string]error{
		"/w:640/" + k.Sign(path)[1:] + path:        ErrSignature,
		"/w:640/" + k.Sign("/w:640"+path) + path:   ErrSignature,
		"/" + k.Sign(path) + "/w:640" + path:       ErrSignature,
		"/w:640/" + k.Sign(path) + "/pick:641/x":   ErrSignature,
		"/w:640/" + k.Sign(path) + path[:20] + "/": ErrSignature,
		"/w:640/t_x" + path:                        nil,
		"/t_x" + path:                              nil,
		"/w:9" + path:                              nil, // a trusted signature
		"/w:9/YWJj/YWJj":                           nil,
		"/w:641/t_x" + path:                        ErrNotInList,
	} {
		if _, err := readChoice(k, plain, target); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", target, err, want)
		}
	}
}

// A separator of letters that signatures have, too, makes nothing of a choice a signature, nor the reverse.
func TestPickWithASeparator(t *testing.T) {
	k := ring(t, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}, Size: 8})
	for _, separator := range []string{"_", "-", "w", "=", "--"} {
		d := newDialect(t, DialectConfig{Separator: separator})
		path := strings.ReplaceAll("/pick~32~64/plain/x", "~", separator)
		if r, err := readChoice(k, d, "/w"+separator+"64/"+k.Sign(path)+path); err != nil || r.Params.Width != 64 {
			t.Error(separator, r.Params, err)
		}
		if _, err := readChoice(k, d, "/w:64/"+k.Sign(path)+path); !errors.Is(err, ErrSignature) {
			t.Error(separator, err)
		}
		// The shortest signature that there is looks like a choice, and is none.
		signature := ("w" + separator + "12345678901")[:shortest]
		if c, rest := d.CutChoice("/" + signature + path); c != (Choice{}) || rest != "/"+signature+path {
			t.Error(separator, c, rest)
		}
	}
}

// A srcset has one signature, and each of its URLs is the image that a URL of its own would be.
func TestSrcSetHasOneSignature(t *testing.T) {
	k := ring(t, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}})
	var d Dialect
	b := &Builder{Keyring: k}
	u := b.Source("https://example.com/a.jpg").Fill(401, 301).Quality(60)
	set, err := u.SrcSet(333, 640, 1280)
	if err != nil {
		t.Fatal(err)
	}
	signatures := map[string]bool{}
	for i, candidate := range strings.Split(set, ", ") {
		target, _, _ := strings.Cut(candidate, " ")
		choice, rest := d.CutChoice(target)
		signatures[rest] = true
		got, err := readChoice(k, &d, target)
		alone, err2 := u.Width([]int{333, 640, 1280}[i]).Path()
		want, err3 := readChoice(k, &d, alone)
		if errors.Join(err, err2, err3) != nil || got != want || choice == (Choice{}) {
			t.Errorf("%s is %s, and %s is %s: %v", target, got.Canonical(), alone, want.Canonical(),
				errors.Join(err, err2, err3))
		}
	}
	if len(signatures) != 1 {
		t.Errorf("%d signatures in %s", len(signatures), set)
	}
	all := u.Pick(320, 640).PickFormats(transform.AVIF, transform.WebP).PickDPRs(1, 2)
	for want, one := range map[string]URL{
		"rt:fill/w:320/h:240/q:60/f:avif":       all,
		"rt:fill/w:640/h:480/q:60/f:avif":       all.Width(640),
		"rt:fill/w:320/h:240/dpr:2/q:60/f:webp": all.DPR(2).Format(transform.WebP),
	} {
		path, err := one.Path()
		r, err2 := readChoice(k, &d, path)
		if errors.Join(err, err2) != nil || r.Params.String() != want {
			t.Errorf("%s is %s, want %s: %v, %v", path, r.Params.String(), want, err, err2)
		}
	}
	for name, wrong := range map[string]URL{"a width beside the list": all.Width(321), "no width": u.Pick(),
		"a width twice": u.Pick(1, 1), "a negative one": u.Pick(-1), "too many": u.Pick(make([]int, 33)...),
		"a format beside the list": all.Format(transform.PNG), "a format that is none": u.PickFormats(transform.HEIC)} {
		if s, err := wrong.Path(); err == nil {
			t.Errorf("%s: %s", name, s)
		}
	}
}

// Candidates are all that clients may pick, each once, and what ParseUnsignedChoice makes of each choice.
func TestCandidates(t *testing.T) {
	var d Dialect
	all, err := d.Candidates("/pick:1:2:3/pickd:1:2/pickf:avif:auto/plain/x")
	if err != nil || len(all) != 12 {
		t.Fatal(len(all), err)
	}
	one, err := d.ParseUnsignedChoice("/pick:1:2:3/pickd:1:2/pickf:avif:auto/plain/x", Choice{"3", "2", "auto"})
	if err != nil || !slices.Contains(all, one) || !one.Auto {
		t.Error(one, err)
	}
	if all, err := d.Candidates("/w:7/plain/x"); err != nil || len(all) != 1 || all[0].Params.Width != 7 {
		t.Error(all, err)
	}
	// Those that are no images are left out, unless none is one.
	if all, err := d.Candidates("/rs:fill:1:65535/pick:1:2/plain/x"); err != nil || len(all) != 1 {
		t.Error(all, err)
	}
	if all, err := d.Candidates("/rs:fill:1:65535/pick:3:2/plain/x"); err == nil {
		t.Error(all)
	}
}

// Whatever stands before a signature, it picks of the signed lists or is refused; and whatever stands in the
// place of the signature, a choice before it changes nothing of whether it is right.
func FuzzChoice(f *testing.F) {
	k := ring(f, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}, Size: 8})
	const path = "/rs:fill:400:300/pick:320:640/pick_dpr:1:1.5/pickf:webp:auto/plain/x"
	for _, seed := range []string{"", "w:640", "w:640/dpr:1.5/f:auto", "f:webp/w:320", "w:0640", "w%3A640", "w_640",
		"w:640/" + k.Sign(path), "f:web%70", "w:320 640", "//w:640/", "dpr:1.50", "http://h/w:640", "w:640?", "w:640#"} {
		f.Add(seed, ":")
		f.Add(seed, "_")
	}
	f.Fuzz(func(t *testing.T, before, separator string) {
		d, err := NewDialect(DialectConfig{Separator: separator})
		if err != nil {
			return
		}
		signed := strings.ReplaceAll(path, ":", d.separator())
		target := "/" + before + "/" + k.Sign(signed) + signed
		choice, rest := d.CutChoice(target)
		if first, _, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/"); choice != (Choice{}) &&
			!strings.HasSuffix(PathOf(target), rest) {
			t.Fatalf("%q: %q before %q", target, choice, first)
		}
		all, err := d.Candidates(signed)
		if err != nil {
			return // such a separator cannot be used
		}
		r, err := readChoice(k, d, target)
		if err == nil && !slices.Contains(all, r) {
			t.Fatalf("%q is %s", target, r.Canonical())
		}
		_, _, err = d.VerifyChoice(k, target)
		if diag, _ := d.DiagnoseChoice(k, target, "", 8); diag.Valid != (err == nil) {
			t.Fatalf("%q: %+v, %v", target, diag, err)
		}
		// What has the form of a signature is not cut off.
		if b, err := base64.RawURLEncoding.DecodeString(before); err == nil && len(b) >= 8 {
			if c, _ := d.CutChoice("/" + before + signed); c != (Choice{}) {
				t.Fatalf("%q is taken for a choice", before)
			}
		}
	})
}
