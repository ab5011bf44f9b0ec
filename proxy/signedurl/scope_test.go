package signedurl

import (
	"errors"
	"strings"
	"testing"
)

func scoped(t testing.TB, cfg DialectConfig, s Scope) *Dialect {
	t.Helper()
	cfg.Presets = map[string]string{"card": "rs:fill:300:200/q:70", "secret": "pr:card/bl:9", "default": "sm:0"}
	d, err := newDialect(t, cfg).Within(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestScope(t *testing.T) {
	sizes := Scope{Options: []string{"w", "height"}}
	card := Scope{Options: []string{"w"}, Presets: []string{"card"}}
	for _, tc := range []struct {
		scope      Scope
		path, want string // what is refused; "" for nothing
	}{
		{Scope{}, "/w:1/pr:secret/bl:3/plain/a@webp", ""},
		{sizes, "/w:1/h:2/plain/a", ""},
		{sizes, "/width:1/plain/a", ""},
		{sizes, "/w%3A1/plain/a", ""},
		{sizes, "/w:1/exp:1/plain/a", ""},
		{sizes, "/q:1/w:1/plain/a", "option \"q\""},
		{sizes, "/w:1/q%3A1/plain/a", "option \"q\""},
		{sizes, "/rs:fit:1:1/plain/a", "option \"rs\""},
		{sizes, "/pr:card/plain/a", "option \"pr\""},
		{sizes, "/w:1/plain/a@webp", "option \"format\""},
		{sizes, "/w:1/YS5qcGc.auto", "option \"format\""},
		{sizes, "/cb:1/plain/a", "option \"cb\""},
		{Scope{Options: []string{"w", "f"}}, "/w:1/plain/a@webp", ""},
		{Scope{Options: []string{"w", "preset"}}, "/pr:secret/plain/a", ""},
		{Scope{Options: []string{}}, "/plain/a", ""},
		{Scope{Options: []string{}}, "/w:1/plain/a", "option \"w\""},
		{card, "/pr:card/w:1/plain/a", ""},
		{card, "/pr:card:secret/w:1/plain/a", "preset \"secret\""},
		{card, "/pr:none/plain/a", "preset \"none\""},
		{Scope{Presets: []string{"card"}}, "/pr:card/bl:1/plain/a", ""},
		{Scope{Presets: []string{}}, "/pr:card/plain/a", "preset \"card\""},
	} {
		if _, err := scoped(t, DialectConfig{}, tc.scope).ParseUnsigned(tc.path); tc.want == "" && err != nil ||
			tc.want != "" && (!errors.Is(err, ErrScope) || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%+v, %s: %v, want %q", tc.scope, tc.path, err, tc.want)
		}
	}
	if _, err := scoped(t, DialectConfig{}, sizes).ParseUnsigned("/nothing:1/plain/a"); !errors.Is(err,
		ErrUnknownOption) {
		t.Error(err)
	}
	only := scoped(t, DialectConfig{OnlyPresets: true}, card)
	for path, ok := range map[string]bool{
		"/card/plain/a": true, "/secret/plain/a": false, "/card:secret/plain/a": false,
	} {
		if _, err := only.ParseUnsigned(path); (err == nil) != ok || !ok && !errors.Is(err, ErrScope) {
			t.Errorf("%s: %v", path, err)
		}
	}
	none := scoped(t, DialectConfig{OnlyPresets: true}, sizes)
	if _, err := none.ParseUnsigned("/card/plain/a"); !errors.Is(err, ErrScope) {
		t.Error(err)
	}
	for _, s := range []Scope{{Options: []string{"nothing"}}, {Presets: []string{"none"}}} {
		if _, err := newDialect(t, DialectConfig{}).Within(s); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}

// Whatever a path says, a scope changes nothing of its meaning, and lets nothing else through.
func FuzzScope(f *testing.F) {
	for _, seed := range []string{"/w:1/q:2/plain/a", "/w%3A1/exp:5/YQ", "/pr:card/plain/a", "/s:1:1/plain/a@webp",
		"/w:1/f:auto/YQ.png"} {
		f.Add(seed)
	}
	plain := scoped(f, DialectConfig{}, Scope{})
	limited := scoped(f, DialectConfig{}, Scope{Options: []string{"w", "quality"}})
	f.Fuzz(func(t *testing.T, path string) {
		r, err := limited.ParseUnsigned(path)
		if err != nil {
			return
		}
		if want, err := plain.ParseUnsigned(path); err != nil || want != r {
			t.Fatalf("%q: %+v, without a scope %+v, %v", path, r, want, err)
		}
		rest, base := r, mustParse(t, plain, "/plain/a")
		rest.Source, rest.Expires = base.Source, 0
		rest.Params.Width, rest.Params.Quality = 0, 0
		if rest != base {
			t.Fatalf("%q: %+v", path, r)
		}
	})
}

func mustParse(t *testing.T, d *Dialect, path string) Request {
	t.Helper()
	r, err := d.ParseUnsigned(path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
