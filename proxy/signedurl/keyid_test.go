package signedurl

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// named is a ring of one key without an ID and two with.
func named(t testing.TB, change func(*Config)) *Keyring {
	cfg := Config{Pairs: []Pair{{[]byte("plain"), []byte("s")}}, Named: []NamedKey{
		{Pair{[]byte("shop key"), []byte("shop salt")}, "shop"}, {Pair{[]byte("blog key"), nil}, "blog-2"}}}
	if change != nil {
		change(&cfg)
	}
	return ring(t, cfg)
}

func TestVerifyTellsTheKey(t *testing.T) {
	k := named(t, nil)
	const path = "/w:100/plain/https://example.com/a.jpg"
	shop, blog := k.Only("shop").Sign(path), k.Only("blog-2").Sign(path)
	bare, ok := strings.CutPrefix(shop, "shop.")
	if !ok || strings.Contains(k.Sign(path), ".") {
		t.Fatalf("signed %q, and without an id %q", shop, k.Sign(path))
	}
	for signature, want := range map[string]string{k.Sign(path): "", shop: "shop", bare: "shop", blog: "blog-2",
		strings.TrimPrefix(blog, "blog-2."): "blog-2"} {
		if v, err := k.Verify("/" + signature + path); err != nil || v.KeyID() != want || v.String() != path {
			t.Errorf("%s: %q by %q, %v", signature, v, v.KeyID(), err)
		}
	}
	for _, signature := range []string{"blog-2." + bare, "none." + bare, "." + bare, "shop.." + bare, "SHOP." + bare,
		"shop." + k.Sign(path), "shop.", "shop", ".", "shop.shop." + bare, "shop%2E" + bare} {
		if v, err := k.Verify("/" + signature + path); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %q by %q, %v", signature, v, v.KeyID(), err)
		}
	}
	if k.Only("none") != nil || k.Only("") != nil {
		t.Error("there is a key that is not there")
	}
}

// A trusted signature is no key, whatever it looks like.
func TestTrustedSignatureWithADot(t *testing.T) {
	k := named(t, func(c *Config) { c.Trusted = []string{"shop.x"} })
	if v, err := k.Verify("/shop.x/w:1/plain/a"); err != nil || v.KeyID() != "" {
		t.Errorf("%q by %q, %v", v, v.KeyID(), err)
	}
}

func TestNamedKeysThatCannotBeToldApart(t *testing.T) {
	key := func(id, key, salt string) NamedKey { return NamedKey{Pair{[]byte(key), []byte(salt)}, id} }
	long := strings.Repeat("k", 65)
	hashed := hmacKey([]byte(long))
	var many []NamedKey
	for i := range MaxNamedKeys + 1 {
		many = append(many, key(fmt.Sprint("k", i), "key", string([]byte{1, byte(i)})))
	}
	if _, err := New(Config{Named: many[:MaxNamedKeys]}); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"too many":          {Config{Named: many}, "1 more than"},
		"no id":             {Config{Named: []NamedKey{key("", "k", "s")}}, "id of a key"},
		"a dot":             {Config{Named: []NamedKey{key("a.b", "k", "s")}}, "id of a key"},
		"a long id":         {Config{Named: []NamedKey{key(long, "k", "s")}}, "id of a key"},
		"no key":            {Config{Named: []NamedKey{key("a", "", "s")}}, "is empty"},
		"twice":             {Config{Named: []NamedKey{key("a", "k", "s"), key("a", "l", "s")}}, "twice"},
		"equal":             {Config{Named: []NamedKey{key("a", "k", "s"), key("b", "k", "s")}}, "same as key a"},
		"equal to a plain":  {Config{Pairs: []Pair{{[]byte("k"), nil}}, Named: []NamedKey{key("a", "k", "")}}, "key 1"},
		"salt of a path":    {Config{Named: []NamedKey{key("a", "k", "s"), key("b", "k", "s/x")}}, "same as key a"},
		"zeros at the end":  {Config{Named: []NamedKey{key("a", "k", "s"), key("b", "k\x00", "s")}}, "same as key a"},
		"the hash of a key": {Config{Named: []NamedKey{key("a", long, ""), key("b", string(hashed[:]), "")}}, "same as"},
	} {
		_, err := New(c.cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), long) {
			t.Errorf("%s: the error shows a key", name)
		}
	}
}

func TestDiagnoseNamedKeys(t *testing.T) {
	k := named(t, nil)
	const path = "/w:100/plain/https://example.com/a.jpg"
	shop := k.Only("shop").Sign(path)
	for _, c := range []struct {
		signature, id, mistake string
	}{
		{shop, "shop", ""},
		{strings.TrimPrefix(shop, "shop."), "shop", ""},
		{"none" + strings.TrimPrefix(shop, "shop"), "", "there is no key none"},
		{shop + "=", "", "padding was kept"},
		{"shop." + k.Sign(path), "", "none"},
	} {
		d := k.Diagnose("/prefix/"+c.signature+path+"?q", "/prefix")
		if d.Valid != (c.mistake == "") || d.KeyID != c.id || d.Signed != path ||
			c.mistake == "none" && (len(d.Mistakes) > 0 || d.Want != shop) ||
			c.mistake != "" && c.mistake != "none" && !strings.Contains(strings.Join(d.Mistakes, " "), c.mistake) {
			t.Errorf("%s: %+v", c.signature, d)
		}
		if form := DiagnoseForm("/"+c.signature+path, "", 32); form.Signed != path {
			t.Errorf("form of %s: %+v", c.signature, form)
		}
	}
}

func BenchmarkVerifyByTrial(b *testing.B) {
	const path = "/rs:fill:300:200/q:80/plain/https://example.com/photos/2026/a-photograph.jpg@webp"
	var all []NamedKey
	for i := range MaxNamedKeys {
		id := fmt.Sprint("k", i)
		all = append(all, NamedKey{Pair{[]byte("thirty-two bytes, as pictor mints" + id), []byte("salt")}, id})
	}
	k := ring(b, Config{Named: all})
	id := all[MaxNamedKeys-1].ID
	signature := k.Only(id).Sign(path)
	stranger := ring(b, Config{Pairs: []Pair{{Key: []byte("x")}}})
	for name, signature := range map[string]string{"id": signature, "trial": strings.TrimPrefix(signature, id+"."),
		"wrong": stranger.Sign(path)} {
		target := "/" + signature + path
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = k.Verify(target)
			}
		})
	}
}
