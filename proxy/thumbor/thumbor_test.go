package thumbor

import (
	"errors"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

func dialect(t testing.TB, cfg Config) *Dialect {
	t.Helper()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The vectors are thumbor's and imagor's own, from their documentation.
func TestHashVectors(t *testing.T) {
	thumbor := Config{Keys: []string{"my-security-key"}}
	gopher := "500x500/top/raw.githubusercontent.com/cshum/imagor/master/testdata/gopher.png"
	for _, tc := range []struct {
		cfg        Config
		rest, hash string
	}{
		{thumbor, "300x200/my.server.com/some/path/to/image.jpg", "8ammJH8D-7tXy6kU3lTvoXlhu4o="},
		{thumbor, "meta/my.server.com/some/path/to/image.jpg", "Ps3ORJDqxlSQ8y00T29GdNAh2CY="},
		{thumbor, "smart/my.server.com/some/path/to/image.jpg", "-2NHpejRK2CyPAm61FigfQgJBxw="},
		{thumbor, "fit-in/my.server.com/some/path/to/image.jpg", "uvLnA6TJlF-Cc-L8z9pEtfasO3s="},
		{thumbor, "filters:quality(20):brightness(10)/my.server.com/some/path/to/image.jpg", "H49B0suv7d2eZqsvy9oR9fsgeSM="},
		{thumbor, "filters:brightness(10):contrast(20)/my.server.com/some/path/to/image.jpg", "ZZtPCw-BLYN1g42Kh8xTcRs0Qls="},
		{Config{Keys: []string{"mysecret"}, Flavor: Imagor}, gopher, "cST4Ko5_FqwT3BDn-Wf4gO3RFSk="},
		{Config{Keys: []string{"mysecret"}, Flavor: Imagor, Hash: "sha256", Truncate: 40}, gopher, "IGEn3TxngivD0jy4uuiZim2bdUCvhcnVi1Nm0xGy"},
	} {
		d := dialect(t, tc.cfg)
		if got := d.Sign(tc.rest); got != tc.hash {
			t.Errorf("%s: %s, want %s", tc.rest, got, tc.hash)
		}
		if rest, err := d.Verify("/" + tc.hash + "/" + tc.rest); err != nil || rest.String() != tc.rest {
			t.Errorf("%s: %q, %v", tc.rest, rest, err)
		}
		path := "/" + tc.hash + "/" + tc.rest
		for i := 1; i < len(path); i++ {
			for _, c := range []byte{'x', '/', 'A', '%'} {
				if path[i] == c {
					continue
				}
				if _, err := d.Verify(path[:i] + string(c) + path[i+1:]); err == nil {
					t.Fatalf("%q with %q at %d passes", path, c, i)
				}
			}
		}
	}
}

// native reads the same in the native dialect.
func native(t testing.TB, options string) transform.Params {
	t.Helper()
	r, err := signedurl.ParseUnsigned("/" + options + "/plain/x")
	if options == "" {
		r, err = signedurl.ParseUnsigned("/plain/x")
	}
	if err != nil {
		t.Fatal(err)
	}
	return r.Params
}

func TestParse(t *testing.T) {
	for _, tc := range []struct{ rest, thumbor, imagor string }{
		{"example.com/a.jpg", "", ""},
		{"300x200/example.com/a.jpg", "rs:fill:300:200:1", ""},
		{"300x/example.com/a.jpg", "rs:fit:300:0:1", ""},
		{"0x200/example.com/a.jpg", "rs:fit:0:200:1", ""},
		{"300x200/filters:no_upscale()/example.com/a.jpg", "rs:fill:300:200", ""},
		{"-300x-200/example.com/a.jpg", "rs:fill:300:200:1/fl:1:1", ""},
		{"-0x0/example.com/a.jpg", "fl:1", ""},
		{"fit-in/720x588/example.com/a.jpg", "rs:fit:720:588", ""},
		{"fit-in/720x588/filters:upscale()/example.com/a.jpg", "rs:fit:720:588:1", ""},
		{"adaptive-fit-in/300x200/example.com/a.jpg", "rs:fit:300:200/ada:1", ""},
		{"full-fit-in/300x200/example.com/a.jpg", "rs:cover:300:200", ""},
		{"adaptive-full-fit-in/300x200/example.com/a.jpg", "rs:cover:300:200/ada:1", ""},
		{"300x200/left/top/example.com/a.jpg", "rs:fill:300:200:1/g:nowe", ""},
		{"300x200/center/middle/example.com/a.jpg", "rs:fill:300:200:1", ""},
		{"300x200/right/example.com/a.jpg", "rs:fill:300:200:1/g:ea", ""},
		{"300x200/bottom/example.com/a.jpg", "rs:fill:300:200:1/g:so", ""},
		{"300x200/smart/example.com/a.jpg", "rs:fill:300:200:1/g:sm", ""},
		{"fit-in/300x200/left/smart/example.com/a.jpg", "rs:fit:300:200", ""},
		{"10x20:110x220/example.com/a.jpg", "c:100:200:nowe:10:20", ""},
		{"0x0:0x0/300x200/example.com/a.jpg", "rs:fill:300:200:1", ""},
		{"trim/example.com/a.jpg", "t:1", ""},
		{"trim:50/example.com/a.jpg", "t:29", ""},
		{"trim:bottom-right:50/300x200/example.com/a.jpg", "t:29:last/rs:fill:300:200:1", ""},
		{"debug/300x200/example.com/a.jpg", "rs:fill:300:200:1", ""},
		{"filters:quality(50):format(webp)/example.com/a.jpg", "q:50/f:webp", ""},
		{"filters:format(heic):quality(abc):nothing(1):max_bytes(5000)/example.com/a.jpg", "mb:5000", ""},
		{"filters:brightness(40):contrast(-40)/example.com/a.jpg", "br:102/co:0.36", "br:102/co:0.43047091412742383"},
		{"filters:saturation(0.5)/example.com/a.jpg", "sa:0.5", "sa:1.005"},
		{"filters:saturation(-50)/example.com/a.jpg", "", "sa:0.5"},
		{"filters:grayscale():rgb(20,-20,0)/example.com/a.jpg", "sa:0/rgb:51:-51:0", ""},
		{"filters:blur(5)/example.com/a.jpg", "bl:5", ""},
		{"filters:blur(5,2)/example.com/a.jpg", "bl:2", ""},
		{"filters:blur(5, 0)/example.com/a.jpg", "bl:5", ""},
		{"filters:sharpen(2,1.5,true)/example.com/a.jpg", "sh:1.5", "sh:2"},
		{"filters:sharpen(3)/example.com/a.jpg", "", "sh:3"},
		{"300x200/filters:rotate(90)/example.com/a.jpg", "rs:fill:300:200:1/lrot:270", ""},
		{"filters:rotate(45)/example.com/a.jpg", "", ""},
		{"filters:round_corner(20|40,255,0,0)/example.com/a.jpg", "rc:20/bg:f00", "rc:20"},
		{"filters:round_corner(20,10,f00)/example.com/a.jpg", "", "rc:20/bg:f00"},
		{"filters:round_corner(20%7C40,255,0,0)/example.com/a.jpg", "rc:20/bg:f00", "-"},
		{"filters:%62lur(5)/example.com/a.jpg", "bl:5", "-"},
		{"filters:blur(5%2C2):quality(5%30)/example.com/a.jpg", "bl:2/q:50", "-"},
		{"filters:background_color(%23f80)/example.com/a.jpg", "bg:ff8800", "-"},
		{"filters:round_corner(NaN,255,0,0)/example.com/a.jpg", "", ""},
		{"filters:trim(NaN)/example.com/a.jpg", "", "t:1"},
		{"filters:background_color(f80)/example.com/a.jpg", "bg:ff8800", ""},
		{"filters:background_color(teal)/example.com/a.jpg", "bg:008080", ""},
		{"fit-in/300x200/filters:fill(red)/example.com/a.jpg", "rs:fit:300:200:0:1/bg:f00", ""},
		{"fit-in/300x200/filters:fill(transparent)/example.com/a.jpg", "rs:fit:300:200:0:1", ""},
		{"300x200/filters:fill(red)/example.com/a.jpg", "rs:fill:300:200:1/bg:f00", ""},
		{"filters:proportion(0.5)/example.com/a.jpg", "z:0.5", ""},
		{"filters:proportion(50)/example.com/a.jpg", "", "z:0.5"},
		{"filters:strip_icc():strip_exif()/example.com/a.jpg", "kcr:0", ""},
		{"filters:watermark(http://x/(a).png,0,0,50):quality(30)/example.com/a.jpg", "q:30", ""},
		{"filters:format('png')/example.com/a.jpg", "f:png", ""},
		{"stretch/300x200/example.com/a.jpg", "-", "rs:force:300:200:1"},
		{"300x200/10x20/example.com/a.jpg", "-", "rs:fill:300:200:1/pd:20:10:20:10"},
		{"300x200/10x20:30x40/example.com/a.jpg", "-", "rs:fill:300:200:1/pd:20:30:40:10"},
		{"0.1x0.2:0.6x0.7/example.com/a.jpg", "c:0.5:0.49999999999999994:nowe:0.1:0.2", ""},
		{"filters:pixelate():lossless()/example.com/a.jpg", "", "pix:10/webpo:lossless/avifo:auto::1"},
		{"filters:orient(90)/example.com/a.jpg", "", "rot:270"},
		{"filters:cover()/example.com/a.gif", "da:1", "-"},
		{"filters:page(3):max_frames(0)/example.com/a.gif", "", "da:1/pg:2"},
		{"filters:max_frames(8)/example.com/a.gif", "", "mf:8"},
		{"filters:max_frames(9000):page(0)/example.com/a.gif", "", "mf:4096"},
	} {
		for flavor, want := range []string{Thumbor: tc.thumbor, Imagor: tc.imagor} {
			if want == "-" {
				continue // the peer takes it for something else
			}
			if Flavor(flavor) == Imagor && want == "" {
				want = tc.thumbor
				if tc.imagor == "" && tc.thumbor == "" {
					want = ""
				}
			}
			r, err := dialect(t, Config{Unsafe: true, Flavor: Flavor(flavor)}).ParseUnsigned(tc.rest)
			if err != nil {
				t.Errorf("%s: %v", tc.rest, err)
				continue
			}
			if got := native(t, want); r.Params != got {
				t.Errorf("%d: %s: %q, want %q", flavor, tc.rest, r.Params, got)
			}
		}
	}
}

func TestParseImage(t *testing.T) {
	for _, tc := range []struct{ rest, thumbor, imagor string }{
		{"example.com/a.jpg", "http://example.com/a.jpg", "https://example.com/a.jpg"},
		{"https://example.com/a.jpg?x=1", "https://example.com/a.jpg?x=1", ""},
		{"https%3A%2F%2Fexample.com%2Fa%20b.jpg", "https://example.com/a b.jpg", ""},
		{"http:/example.com/a.jpg", "http://example.com/a.jpg", ""},
		{"b64:aHR0cDovL3gvYS5qcGc", "http://b64:aHR0cDovL3gvYS5qcGc", "http://x/a.jpg"},
		{"filters:blur(3/example.com/a.jpg", "http://filters:blur(3/example.com/a.jpg", "https://filters:blur(3/example.com/a.jpg"},
		{"local:///a.jpg", "local:///a.jpg", ""},
		{"300x200", "http://300x200", "https://300x200"},
	} {
		for flavor, want := range []string{Thumbor: tc.thumbor, Imagor: tc.imagor} {
			if want == "" {
				want = tc.thumbor
			}
			r, err := dialect(t, Config{Unsafe: true, Flavor: Flavor(flavor)}).ParseUnsigned(tc.rest)
			if err != nil || r.Source != want {
				t.Errorf("%s: %q, %v; want %q", tc.rest, r.Source, err, want)
			}
		}
	}
	for _, rest := range []string{"300x200/", "a%00b", "filters:quality(1)/"} {
		if r, err := dialect(t, Config{Unsafe: true}).ParseUnsigned(rest); !errors.Is(err, signedurl.ErrMalformed) {
			t.Errorf("%q: %+v, %v", rest, r, err)
		}
	}
}

func TestParseOfTheRequest(t *testing.T) {
	imagor := dialect(t, Config{Unsafe: true, Flavor: Imagor})
	r, err := imagor.ParseUnsigned("meta/filters:attachment(summer):expire(1900000000123):max_age(60):" +
		"focal(10x20:30x40):focal(0,0)/300x200/x")
	if err != nil || r.Meta.Form != "imagor" || !r.Attachment || r.Filename != "summer" || r.Expires != 1900000000 ||
		r.MaxAge != 60 || !r.HasMaxAge {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = imagor.ParseUnsigned("300x200/filters:focal(10x20:30x40):focal(100,200)/x")
	want := (transform.Gravity{Anchor: transform.FocalPoint, X: 60, Y: 115})
	if err != nil || r.Params.Gravity != want {
		t.Errorf("%+v, %v", r.Params.Gravity, err)
	}
	// One entry of the cache, whatever it is written in.
	for rest, path := range map[string]string{
		"fit-in/720x588/https://example.com/a.jpg":                                 "/rs:fit:720:588/plain/https://example.com/a.jpg",
		"300x200/smart/filters:quality(70):format(webp)/https://example.com/a.jpg": "/el:1/g:sm/s:300:200/rt:fill/q:70/aHR0cHM6Ly9leGFtcGxlLmNvbS9hLmpwZw.webp",
	} {
		a, err := dialect(t, Config{Unsafe: true}).ParseUnsigned(rest)
		if err != nil {
			t.Fatal(err)
		}
		b, err := signedurl.ParseUnsigned(path)
		if err != nil || a.Canonical() != b.Canonical() {
			t.Errorf("%q and %q, %v", a.Canonical(), b.Canonical(), err)
		}
	}
	picture, _ := imagor.ParseUnsigned("300x200/x")
	about, _ := imagor.ParseUnsigned("meta/300x200/x")
	if picture.Canonical() == about.Canonical() {
		t.Error("a picture and what is known of it are one entry")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"300x200/smart/filters:blur(3):fill(red)/example.com/a.jpg",
		"trim:bottom-right:5/1x2:3x4/adaptive-full-fit-in/-1x-2/left/top/x",
		"meta/filters:focal(1x2:3x4):round_corner(1|2,3,4,5)/x", "filters:a(b(c)d):e()/x", "0.1x0.2:0.3x0.4/b64:aHR0cDovL3g", "300x200/10x20:30x40/x",
		"filters:round_corner(NaN,1,2,3):trim(NaN)/x"} {
		f.Add(s)
	}
	ds := []*Dialect{dialect(f, Config{Unsafe: true}), dialect(f, Config{Unsafe: true, Flavor: Imagor})}
	f.Fuzz(func(t *testing.T, rest string) {
		for _, d := range ds {
			_, _ = d.Verify(rest)
			r, err := d.ParseUnsigned(rest)
			if err != nil {
				continue
			}
			if again, err := r.Params.Normalize(); err != nil || again != r.Params {
				t.Fatalf("%q: %+v is not normal: %v", rest, r.Params, err)
			}
			g := transform.NewGeometry(transform.Info{Format: transform.JPEG, Width: 400, Height: 300, Orientation: 1,
				Frames: 1, Bands: 3, Bits: 8}, r.Params)
			if g.Width < 1 || g.Height < 1 {
				t.Fatalf("%q: a result of %dx%d", rest, g.Width, g.Height)
			}
		}
	})
}
