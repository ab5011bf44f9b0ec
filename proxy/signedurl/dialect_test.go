package signedurl

import (
	"crypto/aes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

type vectors struct {
	Native []struct {
		Key, Salt, Path, Signature string
		Size                       int
	}
	Encrypted []struct{ Key, IV, Text, Source string }
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil || len(v.Native) == 0 || len(v.Encrypted) == 0 {
		t.Fatal(len(v.Native), err)
	}
	return v
}

func TestVectors(t *testing.T) {
	for _, v := range readVectors(t).Native {
		k := ring(t, Config{Pairs: []Pair{{unhex(t, v.Key), unhex(t, v.Salt)}}, Size: v.Size})
		if got := k.Sign(v.Path); got != v.Signature {
			t.Errorf("%s: signed %s, want %s", v.Path, got, v.Signature)
		}
		if got, err := k.Verify("/" + v.Signature + v.Path); err != nil || got.String() != v.Path {
			t.Errorf("%s: %q, %v", v.Path, got, err)
		}
	}
	for _, v := range readVectors(t).Encrypted {
		key := unhex(t, v.Key)
		if got, err := decryptSource(key, v.Source); err != nil || got != v.Text {
			t.Errorf("%q, %v; want %q", got, err, v.Text)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		if got := encryptWith(block, unhex(t, v.IV), v.Text); got != v.Source {
			t.Errorf("encrypted to %s, want %s", got, v.Source)
		}
	}
}

func newDialect(t testing.TB, cfg DialectConfig) *Dialect {
	t.Helper()
	d, err := NewDialect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDialect(t *testing.T) {
	presets := map[string]string{"card": "rs:fill:300:200/q:80", "small": "w:100", "both": "pr:card:small",
		"default": "q:70/f:webp"}
	key := unhex(t, "1eb5b0e971ad7f45324c1bb15c947cb2")
	enc, err := EncryptSource(key, "http://x/a.jpg")
	if err != nil {
		t.Fatal(err)
	}
	const src = "aHR0cDovL3gvYS5qcGc" // http://x/a.jpg
	for _, tc := range []struct {
		cfg  DialectConfig
		path string
		want string // in the plain dialect, or what an error says
		is   error
	}{
		{DialectConfig{Presets: presets}, "/" + src, "q:70/f:webp", nil},
		{DialectConfig{Presets: presets}, "/pr:card/" + src, "rs:fill:300:200/q:80/f:webp", nil},
		{DialectConfig{Presets: presets}, "/preset:card:small/q:60/" + src, "rs:fill:100:200/q:60/f:webp", nil},
		{DialectConfig{Presets: presets}, "/pr:both/" + src + ".png", "rs:fill:100:200/q:80/f:png", nil},
		{DialectConfig{Presets: presets}, "/pr:nothing/" + src, `no preset "nothing"`, ErrUnknownPreset},
		{DialectConfig{Presets: presets, OnlyPresets: true}, "/card:small/" + src, "rs:fill:100:200/q:80/f:webp", nil},
		{DialectConfig{Presets: presets, OnlyPresets: true}, "/card/plain/http://x/a.jpg@avif", "rs:fill:300:200/q:80/f:avif", nil},
		{DialectConfig{Presets: presets, OnlyPresets: true}, "/w:100/" + src, "no preset", ErrUnknownPreset},
		{DialectConfig{Presets: presets, OnlyPresets: true}, "/card", "source is missing", ErrMalformed},
		{DialectConfig{Allowed: []string{"width", "q"}}, "/w:100/quality:50/" + src, "w:100/q:50", nil},
		{DialectConfig{Allowed: []string{"width"}}, "/rs:fill:100:100/" + src, `"rs" is not allowed`, ErrUnknownOption},
		{DialectConfig{Allowed: []string{"width"}, Presets: presets}, "/w:1/pr:card/" + src, `"pr" is not allowed`, ErrUnknownOption},
		{DialectConfig{Allowed: []string{"pr"}, Presets: map[string]string{"card": "h:5"}}, "/pr:card/" + src, "h:5", nil},
		{DialectConfig{Separator: ","}, "/rs,fill,300,200/g,no,1,2/" + src, "rs:fill:300:200/g:no:1:2", nil},
		{DialectConfig{Separator: ","}, "/rs:fill:300:200/" + src, "base64url", ErrMalformed},
		{DialectConfig{Filename: true}, "/w:1/aHR0cDovL3gv/YS5qcGc/summer.webp", "w:1", nil},
		{DialectConfig{Filename: true}, "/w:1/" + src + ".webp", "w:1/f:webp", nil},
		{DialectConfig{SourceKey: key}, "/w:1/enc/" + enc + ".webp", "w:1/f:webp", nil},
		{DialectConfig{SourceKey: key, Filename: true}, "/w:1/enc/" + enc + ".webp/summer.webp", "w:1/f:webp", nil},
		{DialectConfig{SourceKey: key}, "/w:1/enc/" + enc[:len(enc)-2], "cannot be decrypted", ErrMalformed},
		{DialectConfig{SourceKey: key}, "/w:1/enc/AAAA", "cannot be decrypted", ErrMalformed},
		{DialectConfig{Ignored: []string{"autoquality", "dpi"}}, "/aq:size:1000/dpi:300/w:1/" + src, "w:1", nil},
		{DialectConfig{}, "/aq:size:1000/" + src, "aq:size:1000", nil},
		{DialectConfig{}, "/aq:ml:0.02/" + src, "method ml", ErrBadArgument},
		{DialectConfig{}, "/wmt:aGk/" + src, "imgproxy Pro", ErrUnknownOption},
		{DialectConfig{}, "/fill/300/200/" + src, "rs:fill:WIDTH:HEIGHT", ErrMalformed},
		{DialectConfig{}, "/w/" + src, "control characters", ErrMalformed},
	} {
		got, err := newDialect(t, tc.cfg).ParseUnsigned(tc.path)
		if tc.is != nil {
			if !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: %v, want %v with %q", tc.path, err, tc.is, tc.want)
			}
			continue
		}
		want, wrong := ParseUnsigned("/" + tc.want + "/plain/http://x/a.jpg")
		if err != nil || wrong != nil || got != want {
			t.Errorf("%s: %q, %v; want %q, %v", tc.path, got.Canonical(), err, want.Canonical(), wrong)
		}
	}
}

func TestNewDialectRefuses(t *testing.T) {
	for text, cfg := range map[string]DialectConfig{
		"only presets":        {OnlyPresets: true},
		"separator":           {Separator: "/"},
		"16, 24 or 32":        {SourceKey: []byte("short")},
		"to allow":            {Allowed: []string{"colour"}},
		"cannot be ignored":   {Ignored: []string{"watermark_url"}},
		`"a": unknown option`: {Presets: map[string]string{"a": "colour:1"}},
		`no preset "b"`:       {Presets: map[string]string{"a": "pr:b"}},
		"includes itself":     {Presets: map[string]string{"a": "pr:b", "b": "pr:a"}},
		"contain a slash":     {Presets: map[string]string{"a:b": "w:1"}},
		"gravity":             {Presets: map[string]string{"a": "ex:1:sm"}},
	} {
		if _, err := NewDialect(cfg); err == nil || !strings.Contains(err.Error(), text) && text != "gravity" {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What proxies do to paths is undone, before the signature is looked at.
func TestRepairs(t *testing.T) {
	k := ring(t, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}})
	for signed, sent := range map[string][]string{
		"/rs:fill:300:200/plain/http://x/a.jpg":     {"/rs%3Afill%3A300%3a200/plain/http:/x/a.jpg", "/rs:fill:300:200/plain/http:/x/a.jpg"},
		"/w:1/plain/https://x/a:b.jpg":              {"/w:1/plain/https:/x/a:b.jpg"},
		"/w:1/plain/local:///a.jpg":                 {"/w:1/plain/local:/a.jpg"},
		"/w:1/plain/s3://bucket/a.jpg":              {"/w:1/plain/s3:/bucket/a.jpg"},
		"/rs:fill:300:200/aHR0cDovL3gvYS5qcGc":      {"/rs%3Afill%3A300%3A200/aHR0cDovL3gvYS5qcGc"},
		"/cb:a%3Ab/plain/http://x/a.jpg":            {"/cb:a%3Ab/plain/http://x/a.jpg"}, // signed so: it may stay so
		"/w:1/plain/http://x/http:/y/plain/http:/z": {"/w:1/plain/http:/x/http:/y/plain/http:/z"},
		"/plain/http%3A%2F%2Fx%2Fa.jpg":             {"/plain/http%3A%2F%2Fx%2Fa.jpg"},
	} {
		for _, path := range sent {
			v, err := k.Verify("/" + k.Sign(signed) + path)
			if err != nil || v.String() != signed {
				t.Errorf("%s sent as %s: %q, %v", signed, path, v, err)
			}
		}
	}
	if got := Repair("/w:1/plain/ftp:/x"); got != "/w:1/plain/ftp:/x" {
		t.Error(got)
	}
}

// A client may sign what looks damaged. What it signed is read, and means what it
// would have meant before the damage.
func TestSignedAsItLooksDamaged(t *testing.T) {
	k := ring(t, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}})
	presets := newDialect(t, DialectConfig{Presets: map[string]string{"a": "w:1", "b": "h:2"}, OnlyPresets: true})
	var d Dialect
	for signed, want := range map[string]struct {
		d    *Dialect
		want string
	}{
		"/cb:a%3Ab/plain/http://x/a.jpg":                       {&d, "/cb:a%3Ab/aHR0cDovL3gvYS5qcGc"},
		"/cb:a%3Ab/w%3A300/plain/http:/x/a.jpg":                {&d, "/cb:a%3Ab/w:300/aHR0cDovL3gvYS5qcGc"},
		"/fn:a%3ab/plain/http://x/a.jpg":                       {&d, "/fn:a%3Ab/aHR0cDovL3gvYS5qcGc"},
		"/rs%3Afill%3a300%3A200/aHR0cDovL3gvYS5qcGc":           {&d, "/rs:fill:300:200/aHR0cDovL3gvYS5qcGc"},
		"/rs:fill%3A300:200/plain/http://x/a.jpg":              {&d, ""}, // an argument of its own: fill:300
		"/w:300/plain/local:/a.jpg":                            {&d, "/w:300/plain/local:///a.jpg"},
		"/w:300/plain/https:/x/a.jpg@webp":                     {&d, "/w:300/plain/https://x/a.jpg@webp"},
		"/a%3Ab/plain/http://x/a.jpg":                          {presets, "/w:1/h:2/plain/http://x/a.jpg"},
		"/w:300/plain/http%3A%2F%2Fx/a.jpg":                    {&d, "/w:300/plain/http://x/a.jpg"},
		"/w:300/plain/http:%2Fx/a.jpg":                         {&d, "/w:300/aHR0cDoveC9hLmpwZw"}, // escaped: so meant
		(Request{Source: "http:/x/a.jpg"}).Path(true):          {&d, "/aHR0cDoveC9hLmpwZw"},
		(Request{Source: "local:/x/a.jpg"}).Path(true):         {&d, (Request{Source: "local:/x/a.jpg"}).Path(false)},
		(Request{CacheBuster: "a:b/", Source: "x"}).Path(true): {&d, "/cb:a%3Ab%2F/eA"},
	} {
		v, err := k.Verify("/" + k.Sign(signed) + signed)
		if err != nil || v.String() != signed {
			t.Errorf("%s: %q, %v", signed, v, err)
			continue
		}
		got, err := want.d.Parse(v)
		if want.want == "" {
			if !errors.Is(err, ErrBadArgument) {
				t.Errorf("%s: %+v, %v", signed, got, err)
			}
			continue
		}
		if want, wrong := ParseUnsigned(want.want); err != nil || wrong != nil || got != want {
			t.Errorf("%s: %q, %v; want %q, %v", signed, got.Canonical(), err, want.Canonical(), wrong)
		}
		d := k.Diagnose("/"+k.Sign(signed)+signed, "")
		if !d.Valid || d.Signed != signed || d.Damage != "" || d.Want != k.Sign(signed) {
			t.Errorf("%s: %+v", signed, d)
		}
	}
}

func TestTrustedSignatures(t *testing.T) {
	k := ring(t, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}, Trusted: []string{"let-me", "in"}})
	for signature, ok := range map[string]bool{"let-me": true, "in": true, "let": false, "in2": false, "": false} {
		if _, err := k.Verify("/" + signature + "/w:1/plain/x"); (err == nil) != ok {
			t.Errorf("%q: %v", signature, err)
		}
	}
	if _, err := New(Config{Insecure: true, Trusted: []string{"a/b"}}); err == nil {
		t.Error("a trusted signature with a slash")
	}
}

// The mistakes that people make, each planted and named.
func TestDiagnose(t *testing.T) {
	pair, other := Pair{[]byte("a key of ours"), []byte("a salt")}, Pair{[]byte("another key"), []byte("another salt")}
	k := ring(t, Config{Pairs: []Pair{pair, other}})
	short := ring(t, Config{Pairs: []Pair{pair}, Size: 16})
	mac := func(key, salt []byte, path string) string {
		return ring(t, Config{Pairs: []Pair{{key, salt}}}).Sign(path)
	}
	text := func(b []byte) []byte { return []byte(hex.EncodeToString(b)) }
	const path = "/w:100/plain/https://x/a%20b.jpg"
	for name, tc := range map[string]struct {
		k              *Keyring
		target, prefix string
		want           string
	}{
		"missing segment":        {k, path, "", "there is no signature"},
		"missing, base64 source": {k, "/w:100/aHR0cDovL3gvYS5qcGc", "", "there is no signature"},
		"decoded path":           {k, "/" + k.Sign("/w:100/plain/https://x/a b.jpg") + path, "", "decoded path was signed"},
		"hex as text":            {k, "/" + mac(text(pair.Key), text(pair.Salt), path) + path, "", "key and salt were used as text"},
		"hex key as text":        {k, "/" + mac(text(pair.Key), pair.Salt, path) + path, "", "the key was used as text"},
		"salt forgotten":         {k, "/" + mac(pair.Key, nil, path) + path, "", "salt was forgotten"},
		"slashes collapsed":      {k, "/" + k.Sign("/w:100/plain/https:/x/a%20b.jpg") + path, "", "double slashes made into one"},
		"padding kept":           {k, "/" + k.Sign(path) + "=" + path, "", "padding was kept"},
		"padding escaped":        {k, "/" + k.Sign(path) + "%3D" + path, "", "padding was kept"},
		"wrong key order":        {k, "/" + mac(pair.Key, other.Salt, path) + path, "", "n-th key goes with the n-th salt"},
		"key and salt exchanged": {k, "/" + mac(pair.Salt, pair.Key, path) + path, "", "exchanged"},
		"cut by characters":      {short, "/" + k.Sign(path)[:16] + path, "", "cut to 16 characters"},
		"not cut":                {short, "/" + k.Sign(path) + path, "", "all 32 bytes"},
		"query signed":           {k, "/" + k.Sign(path+"?v=1") + path + "?v=1", "", "query was signed"},
		"prefix signed":          {k, "/images/" + k.Sign("/images"+path) + path, "/images", "prefix was signed"},
		"prefix missing":         {k, "/" + k.Sign(path) + path, "/images", "does not begin with the server's prefix"},
		"without its slash":      {k, "/" + k.Sign(path[1:]) + path, "", "without its first slash"},
		"hexadecimal":            {k, "/" + hex.EncodeToString(k.mac(pair, path)) + path, "", "in hexadecimal"},
		"two at once":            {k, "/" + mac(pair.Key, nil, path+"?v=1") + "=" + path + "?v=1", "", "salt was forgotten"},
	} {
		d := tc.k.Diagnose(tc.target, tc.prefix)
		if d.Valid || !strings.Contains(strings.Join(d.Mistakes, "; "), tc.want) {
			t.Errorf("%s: %+v", name, d)
		}
	}
	good := k.Diagnose("/"+k.Sign(path)+"/w%3A100/plain/https:/x/a%20b.jpg", "")
	if !good.Valid || good.Damage == "" || good.Signed != path {
		t.Errorf("damaged on its way: %+v", good)
	}
	if d := k.Diagnose("/"+k.Sign("/else")+path, ""); d.Valid || len(d.Mistakes) != 0 || d.Want != k.Sign(path) {
		t.Errorf("nothing that is known: %+v", d)
	}
}

func TestBuilder(t *testing.T) {
	k := ring(t, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}})
	now := time.Unix(1_900_000_000, 0)
	b := &Builder{Keyring: k, Server: "https://img.example.com/", Now: func() time.Time { return now }}
	u := b.Source("https://example.com/a.jpg").Fill(300, 200).
		Quality(70).Format(transform.WebP).Gravity(transform.At(transform.North)).DPR(2)
	target := strings.TrimPrefix(u.String(), "https://img.example.com")
	verified, err := k.Verify(target)
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&Dialect{}).Parse(verified)
	want, _ := ParseUnsigned("/rs:fill:300:200/q:70/g:no/dpr:2/plain/https://example.com/a.jpg@webp")
	if err != nil || r != want {
		t.Errorf("%q, %v", r.Canonical(), err)
	}
	// Ends are rounded up: all of a quarter's URLs are one.
	ends := map[int64]bool{}
	for range 60 * 24 {
		now = now.Add(time.Minute)
		e := b.Source("x").ExpiresIn(24 * time.Hour).r.Expires
		if e < now.Add(24*time.Hour).Unix() || e > now.Add(30*time.Hour+time.Second).Unix() {
			t.Fatalf("%d at %d", e, now.Unix())
		}
		ends[e] = true
	}
	if len(ends) > 5 {
		t.Errorf("%d different ends in a day", len(ends))
	}
	for name, u := range map[string]URL{
		"a wrong option": b.Source("x").Options("w:abc"), "no source": b.Source(""), "a wrong quality": b.Source("x").Quality(101),
		"an end in the past": b.Source("x").ExpiresIn(-1),
	} {
		if s, err := u.URL(); err == nil {
			t.Errorf("%s: %s", name, s)
		}
	}
	set, err := b.Source("https://example.com/a.jpg").Fill(300, 200).SrcSet(300, 600)
	if err != nil || strings.Count(set, ", ") != 1 || strings.Count(set, "/w:300/h:200/pick:300:600/") != 2 ||
		!strings.Contains(set, ".com/w:600/") || !strings.HasSuffix(set, " 600w") {
		t.Errorf("%s, %v", set, err)
	}
	secret := &Builder{Keyring: k, SourceKey: []byte("0123456789abcdef")}
	hidden, err := secret.Source("https://example.com/secret.jpg").Fit(100, 0).Format(transform.AVIF).Path()
	if err != nil || strings.Contains(hidden, "secret") {
		t.Fatal(hidden, err)
	}
	again, _ := secret.Source("https://example.com/secret.jpg").Fit(100, 0).Format(transform.AVIF).Path()
	if again != hidden {
		t.Error("the same source has two URLs")
	}
	verified, err = k.Verify(hidden)
	if err != nil {
		t.Fatal(err)
	}
	r, err = newDialect(t, DialectConfig{SourceKey: secret.SourceKey}).Parse(verified)
	if err != nil || r.Source != "https://example.com/secret.jpg" || r.Params.Width != 100 ||
		r.Params.Format != transform.AVIF {
		t.Errorf("%+v, %v", r, err)
	}
	preset, err := b.Source("https://example.com/a.jpg").Options("pr:card/q:5").Path()
	if err != nil || !strings.Contains(preset, "/pr:card/q:5/") {
		t.Error(preset, err)
	}
}

func FuzzDialect(f *testing.F) {
	d := newDialect(f, DialectConfig{Presets: map[string]string{"a": "w:1", "b": "pr:a/h:2"},
		Ignored: []string{"dpi"}, SourceKey: []byte("0123456789abcdef"), Filename: true})
	for _, s := range []string{"/pr:a:b/plain/x", "/dpi:1/enc/AAAA", "/w%3A1/plain/http:/x", "/a/b/c.jpg"} {
		f.Add(s)
	}
	k := ring(f, Config{Pairs: []Pair{{[]byte("k"), []byte("s")}}})
	f.Fuzz(func(t *testing.T, path string) {
		again := Repair(Repair(path))
		if again != Repair(path) && !strings.Contains(path, "%3%3") && !strings.Contains(path, "plain/") {
			t.Fatalf("%q is repaired to %q and that to %q", path, Repair(path), again)
		}
		_ = k.Diagnose(path, "/p")
		_ = k.Diagnose(path, "")
		r, err := d.ParseUnsigned(path)
		if err != nil {
			return
		}
		if again, err := ParseUnsigned(r.Path(true)); err != nil || again != r {
			t.Fatalf("%q: %+v becomes %+v, %v", path, r, again, err)
		}
	})
}
