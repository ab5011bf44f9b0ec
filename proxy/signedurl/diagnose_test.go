package signedurl

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// signedStandard is a path and its signature in base64's standard alphabet, with
// some text in it.
func signedStandard(t *testing.T, k *Keyring, with string) (path, signature string) {
	t.Helper()
	for i := range 10_000 {
		path = fmt.Sprintf("/w:%d/plain/https://example.com/a.jpg", i)
		signature = base64.StdEncoding.EncodeToString(k.mac(k.pairs[0].Pair, path))
		if strings.Contains("^"+signature, with) {
			return path, signature
		}
	}
	t.Fatalf("no signature has %s", with)
	return "", ""
}

func TestDiagnoseStandardBase64(t *testing.T) {
	pair := Pair{[]byte("a key of ours"), []byte("a salt")}
	asText := Pair{[]byte("61206b6579206f66206f757273"), []byte("612073616c74")} // hexadecimal
	const slash, plus, padding = "its / splits the path", "standard alphabet", "padding was kept"
	for _, size := range []int{32, 16, 9} { // 9 bytes have no padding
		k := ring(t, Config{Pairs: []Pair{pair}, Size: size})
		mistaken := ring(t, Config{Pairs: []Pair{asText}, Size: size})
		for _, with := range []string{"/", "+", "^/", "//", "+/", "/+", "/A"} {
			path, signature := signedStandard(t, k, with)
			kept := strings.HasSuffix(signature, "=")
			alphabet := map[bool]string{true: slash, false: plus}[strings.Contains(signature, "/")]
			for name, c := range map[string]struct {
				signature string
				want      []string
			}{
				"as it is":            {signature, []string{alphabet, padding}},
				"without its padding": {strings.TrimRight(signature, "="), []string{alphabet}},
				"escaped":             {url.QueryEscape(signature), []string{plus, padding}},
				"padding escaped":     {strings.ReplaceAll(signature, "=", "%3D"), []string{alphabet, padding}},
			} {
				d := k.Diagnose("https://img.example.com/"+c.signature+path+"?x=1", "")
				if !kept {
					c.want = slices.DeleteFunc(c.want, func(s string) bool { return s == padding })
				}
				says(t, fmt.Sprintf("%d bytes with %s, %s", size, with, name), d, path, c.want...)
				if d.Want != k.Sign(path) {
					t.Errorf("%s: the right one is %s, not %s", c.signature, k.Sign(path), d.Want)
				}
				form := DiagnoseForm("/"+c.signature+path, "", size)
				says(t, "without a key", form, path, c.want...)
				if len(form.Mistakes) != len(c.want) {
					t.Errorf("%s, without a key: %+v", c.signature, form)
				}
			}
			path, signature = signedStandard(t, mistaken, with)
			says(t, "key as text", k.Diagnose("/"+signature+path, ""), path, "key and salt were used as text",
				"standard alphabet")
		}
	}
}

func says(t *testing.T, name string, d Diagnosis, signed string, mistakes ...string) {
	t.Helper()
	if d.Valid || d.Signed != signed || len(d.Mistakes) < len(mistakes) {
		t.Errorf("%s: %+v, want %s signed", name, d, signed)
	}
	for _, want := range mistakes {
		if !strings.Contains(strings.Join(d.Mistakes, "\n"), want) {
			t.Errorf("%s: %q does not say %q", name, d.Mistakes, want)
		}
	}
}

// Of a signature by another key its form can be told.
func TestDiagnoseForm(t *testing.T) {
	const path = "/w:100/plain/https://x/a.jpg"
	k := ring(t, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}})
	other := ring(t, Config{Pairs: []Pair{{[]byte("another"), []byte("s")}}})
	right := other.Sign(path)
	_, standard := signedStandard(t, other, "/")
	for name, c := range map[string]struct {
		target string
		signed string
		want   []string
	}{
		"another key":              {"/" + right + path, path, nil},
		"another key, in standard": {"/" + standard + path, path, []string{"its / splits the path", "padding was kept"}},
		"another size":             {"/" + right[:22] + path, path, []string{"it has 16 bytes: signatures of this server have 32"}},
		"a placeholder":            {"/unsafe" + path, path, []string{"placeholder"}},
		"hexadecimal":              {"/" + strings.Repeat("0a", 32) + path, path, []string{"in hexadecimal"}},
		"no base64":                {"/!" + path, path, []string{"not base64url"}},
		"a proxy's damage":         {"/" + right + "/w%3A100/plain/https:/x/a.jpg", path, nil},
		"a base64 source":          {"/" + right + "/w:1/aHR0cDovL3gvYS5qcGc", "/w:1/aHR0cDovL3gvYS5qcGc", nil},
		"a source in segments":     {"/" + right + "/aHR0cDov/L3gvYS5qcGc", "/aHR0cDov/L3gvYS5qcGc", nil},
	} {
		form := DiagnoseForm("https://img.example.com"+c.target, "", 32)
		if form.Valid != (len(c.want) == 0) || form.Want != "" {
			t.Errorf("%s: %+v", name, form)
		}
		form.Valid = false
		says(t, name, form, c.signed, c.want...)
		if len(form.Mistakes) != len(c.want) {
			t.Errorf("%s: %q", name, form.Mistakes)
		}
		says(t, name+", with a key", k.Diagnose(c.target, ""), c.signed, c.want...)
	}
	for _, target := range []string{path, "/plain/https://x/a.jpg", "/x", "", "https://img.example.com"} {
		d := DiagnoseForm(target, "", 32)
		if d.Valid || len(d.Mistakes) != 1 || !strings.Contains(d.Mistakes[0], "there is no signature") {
			t.Errorf("%q: %+v", target, d)
		}
	}
	if d := DiagnoseForm(path, "/images", 32); d.Valid || !strings.Contains(d.Mistakes[0], "prefix /images") {
		t.Errorf("%+v", d)
	}
}

func FuzzDiagnose(f *testing.F) {
	k := ring(f, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}})
	for _, seed := range []string{"/a/b", "//", "", "/" + k.Sign("/w:1/plain/x") + "/w:1/plain/x",
		"/ab/cd+ef==/w:1/plain/x", "/%2F%3D/plain/x", "https://h/x/y?z"} {
		f.Add(seed, "")
		f.Add(seed, "/p")
	}
	f.Fuzz(func(t *testing.T, target, prefix string) {
		d := k.Diagnose(target, prefix)
		_, err := k.Verify(WithoutPrefix(target, prefix))
		if d.Valid != (err == nil) && strings.HasPrefix(PathOf(target), "/") {
			t.Fatalf("%q: %+v, and a server says %v", target, d, err)
		}
		if form := DiagnoseForm(target, prefix, 32); d.Valid && !form.Valid || form.Valid && form.Signed == "" {
			t.Fatalf("%q: with a key %+v, without %+v", target, d, form)
		}
	})
}
