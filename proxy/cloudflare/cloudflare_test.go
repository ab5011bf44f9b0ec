package cloudflare

import (
	"errors"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

func open() *Dialect { return New(Config{Path: "/cdn-cgi/image/"}) }

// Targets mean the same as these paths of the native dialect.
func TestParse(t *testing.T) {
	for options, native := range map[string]string{
		"width=300": "w:300", "w=300,h=200": "w:300/h:200", "width=300,width=400": "w:400", "dpr=2,w=80": "w:80/dpr:2",
		"dpr=1,w=80":                             "w:80",
		"fit=scale-down,w=300":                   "w:300",
		"fit=contain,w=300":                      "w:300/el:1",
		"fit=cover,w=300,h=200":                  "rs:fill:300:200:1",
		"fit=crop,w=300,h=200":                   "rs:fill:300:200",
		"fit=aspect-crop,w=300,h=200":            "rs:fill-down:300:200",
		"fit=squeeze,w=300,h=200":                "rs:force:300:200:1",
		"fit=pad,w=300,h=200":                    "rs:fit:300:200:1:1/bg:ffffff",
		"fit=pad,background=%23f00,w=3,h=2":      "rs:fit:3:2:1:1/bg:ff0000",
		"fit=pad,fit=crop,w=3,h=2":               "rs:fill:3:2",
		"gravity=auto":                           "g:sm",
		"g=left":                                 "g:we",
		"g=right":                                "g:ea",
		"g=top":                                  "g:no",
		"g=bottom":                               "g:so",
		"g=0.25x1":                               "g:fp:0.25:1",
		"q=50":                                   "q:50",
		"quality=high":                           "q:90",
		"quality=low":                            "q:50",
		"f=auto":                                 "f:auto",
		"f=avif":                                 "f:avif",
		"f=webp,q=100":                           "f:webp/q:100/webpo:lossless",
		"f=jpeg":                                 "f:jpg/jpgo:1",
		"f=baseline-jpeg":                        "f:jpg",
		"f=jpeg,f=png":                           "f:png",
		"anim=false":                             "da:1",
		"anim=true,metadata=copyright":           "w:0",
		"metadata=keep":                          "sm:0",
		"metadata=none":                          "kcr:0",
		"blur=20":                                "bl:20",
		"sharpen=1.5":                            "sh:1.5",
		"contrast=1.5":                           "co:1.5",
		"brightness=2":                           "co:2/br:128",
		"brightness=0.5,contrast=2":              "co:1/br:-128",
		"saturation=0":                           "sa:0",
		"gamma=1":                                "w:0",
		"rotate=90":                              "rot:90",
		"flip=h":                                 "fl:1:0",
		"flip=hv":                                "fl:1:1",
		"flip=h,rotate=90":                       "rot:90/fl:0:1",
		"rotate=180,flip=v":                      "rot:180/fl:0:1",
		"background=red":                         "bg:ff0000",
		"background=rgb%28240%2C40%2C145%29":     "bg:240:40:145",
		"background=rgba(0%2C0%2C255%2C0.5)":     "bg:0000ff/bga:0.5",
		"trim=border":                            "t:10",
		"trim.border.color=white,trim=border":    "t:10:ffffff",
		"trim=border,trim.border.tolerance=30":   "t:30",
		"scq=50,q=80,onerror=redirect":           "q:80",
		"compression=fast,upscale=interpolate":   "w:0",
		"slow-connection-quality=medium-low,w=1": "w:1",
	} {
		want, err := signedurl.ParseUnsigned("/" + native + "/plain/https://a.example/b.jpg")
		if err != nil {
			t.Fatal(err)
		}
		got, err := open().Parse(options + "/https://a.example/b.jpg")
		if err != nil || got.Canonical() != want.Canonical() {
			t.Errorf("%s: %s, want %s, %v", options, got.Canonical(), want.Canonical(), err)
		}
	}
}

func TestSources(t *testing.T) {
	files := New(Config{Path: "/cdn-cgi/image/", Files: true})
	for _, tc := range []struct {
		d          *Dialect
		text, want string
	}{
		{open(), "https://a.example/b/c.jpg?v=1&x=/", "https://a.example/b/c.jpg?v=1&x=/"},
		{open(), "https:/a.example/b.jpg", "https://a.example/b.jpg"},
		{open(), "HTTP://a.example/b%20c.jpg", "HTTP://a.example/b%20c.jpg"},
		{open(), "https%3A%2F%2Fa.example%2Fb%2520c.jpg%3Fv", "https://a.example/b%20c.jpg?v"},
		{open(), "uploads/a%20b.jpg?v=1", "/uploads/a%20b.jpg?v=1"}, {open(), "/uploads/a.jpg", "/uploads/a.jpg"},
		{open(), "//evil.example/a.jpg", "/evil.example/a.jpg"}, {open(), "ftp://evil.example/a", "/ftp://evil.example/a"},
		{open(), "http:", "http://"}, {open(), "local:///etc/passwd", "/local:///etc/passwd"},
		{files, "uploads/a%20b.jpg?v=1", "/uploads/a b.jpg"}, {files, "http://a.example/b%20c?v", "http://a.example/b%20c?v"},
	} {
		if r, err := tc.d.Parse("w=1/" + tc.text); err != nil || r.Source != tc.want {
			t.Errorf("%s: %q, %v", tc.text, r.Source, err)
		}
	}
}

// What has no counterpart or is wrong is an error that names the option.
func TestParseNamesWhatIsWrong(t *testing.T) {
	for options, want := range map[string]error{
		"": signedurl.ErrMalformed, "width": signedurl.ErrMalformed, "w=1,": signedurl.ErrUnknownOption,
		"zoom=0.5": signedurl.ErrUnknownOption, "segment=foreground": signedurl.ErrUnknownOption,
		"trim.top=5": signedurl.ErrUnknownOption, "nothing=1": signedurl.ErrUnknownOption,
		"face-zoom=1": signedurl.ErrUnknownOption, "draw=1": signedurl.ErrUnknownOption,
		"width=auto": signedurl.ErrBadArgument, "width=0": signedurl.ErrBadArgument, "width=-1": signedurl.ErrBadArgument,
		"width=1e2": signedurl.ErrBadArgument, "width=": signedurl.ErrBadArgument, "width=70000": signedurl.ErrBadArgument,
		"dpr=NaN": signedurl.ErrBadArgument, "dpr=0": signedurl.ErrBadArgument, "dpr=1000": signedurl.ErrBadArgument,
		"fit=fill": signedurl.ErrBadArgument, "fit=scale-up": signedurl.ErrBadArgument, "g=face": signedurl.ErrBadArgument,
		"g=1x2": signedurl.ErrBadArgument, "g=middle": signedurl.ErrBadArgument, "q=0": signedurl.ErrBadArgument,
		"q=good": signedurl.ErrBadArgument, "f=json": signedurl.ErrBadArgument, "f=gif": signedurl.ErrBadArgument,
		"anim=maybe": signedurl.ErrBadArgument, "metadata=all": signedurl.ErrBadArgument, "gamma=2": signedurl.ErrBadArgument,
		"rotate=45": signedurl.ErrBadArgument, "flip=x": signedurl.ErrBadArgument, "blur=251": signedurl.ErrBadArgument,
		"brightness=9": signedurl.ErrBadArgument, "background=%zz": signedurl.ErrBadArgument,
		"background=rgb(1%2C2)": signedurl.ErrBadArgument, "background=hsl(1%2C2%2C3)": signedurl.ErrBadArgument,
		"trim=1;2;3;4": signedurl.ErrBadArgument, "compression=slow": signedurl.ErrBadArgument,
		"onerror=ignore": signedurl.ErrBadArgument, "upscale=generate": signedurl.ErrBadArgument,
		"scq=0": signedurl.ErrBadArgument,
	} {
		_, err := open().Parse(options + "/https://a.example/b.jpg")
		name, _, _ := strings.Cut(options, "=")
		name = strings.NewReplacer("face-", "", "scq", "slow-connection-quality").Replace(name)
		if !errors.Is(err, want) || want != signedurl.ErrMalformed && !strings.Contains(err.Error(), name[:1]) {
			t.Errorf("%s: %v", options, err)
		}
	}
	for _, rest := range []string{"w=1", "w=1/", "", "w=1/a\x00b", "w=1/\xff", "w=1/https%3A%zz"} {
		if _, err := open().Parse(rest); !errors.Is(err, signedurl.ErrMalformed) {
			t.Errorf("%q: %v", rest, err)
		}
	}
}

// Rules bound sizes, qualities and formats, and refuse all that has many values.
func TestBounds(t *testing.T) {
	rules := signedurl.UnsignedRules{Widths: []int{320, 640}, Heights: []int{0, 200}, Qualities: []int{75, 90},
		DPRs: []float64{2}, Formats: []transform.Format{transform.WebP, transform.JPEG}, Auto: true}
	d := New(Config{Path: "/cdn-cgi/image/", Rules: &rules})
	for options, want := range map[string]bool{
		"w=320": true, "w=640,h=200,fit=cover,g=auto,q=75,f=auto,anim=false,metadata=none,onerror=redirect": true,
		"w=320,f=jpeg,dpr=2": true, "w=320,q=high": true, "w=320,dpr=1": true, "w=320,h=200,fit=pad": true,
		"w=321": false, "w=320,h=201": false, "f=auto": false, "w=320,q=76": false, "w=320,dpr=3": false,
		"w=320,f=avif": false, "w=320,g=0.5x0.5": false, "w=320,blur=1": false, "w=320,background=red": false,
		"w=320,rotate=90": false, "w=320,trim=border": false, "w=320,contrast=1": false, "w=320,flip=h": false,
		"w=320,sharpen=1": false, "w=320,saturation=1": false, "w=320,brightness=1": false,
	} {
		r, err := d.Parse(options + "/a.jpg")
		if want && err != nil || !want && !errors.Is(err, signedurl.ErrUnsigned) || err != nil && r.Source != "" {
			t.Errorf("%s: %+v, %v", options, r, err)
		}
	}
	rules.Snap = true
	if r, err := d.Parse("w=321/a.jpg"); err != nil || r.Params.Width != 640 {
		t.Errorf("%d, %v", r.Params.Width, err)
	}
}

// A browser is sent to a source of the same site alone.
func TestOnError(t *testing.T) {
	for rest, want := range map[string]string{
		"w=1,onerror=redirect/uploads/a.jpg?v=1": "/uploads/a.jpg?v=1", "onerror=redirect,w=1/a.jpg": "/a.jpg",
		"w=1/a.jpg": "", "onerror=redirect/https://evil.example/a": "", "onerror=redirect//evil.example/a": "",
		`onerror=redirect/\evil.example/a`: "", "onerror=redirect/HTTPS%3a%2f%2fevil.example": "",
		"onerror=redirect/http:/evil.example": "", "onerror=redirect": "", "w=1/onerror=redirect/a": "",
	} {
		if got := OnError(rest); got != want {
			t.Errorf("%s: %q", rest, got)
		}
	}
}

// FuzzParse: parameters are normal, and under rules within their lists.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"w=320,fit=pad,background=rgba(1%2C2%2C3%2C0.5)/https://a.example/b.jpg?x",
		"f=webp,q=100,g=0.1x0.9,brightness=1.5,contrast=.5/a/b", "onerror=redirect,w=640/uploads/a.jpg",
		"trim.border.color=%23fff,flip=hv,rotate=270/https%3A%2F%2Fa", "w=320,anim=false,f=auto,dpr=2/x"} {
		f.Add(s)
	}
	rules := signedurl.UnsignedRules{Widths: []int{320, 640}, DPRs: []float64{2}, Auto: true}
	bounded := New(Config{Path: "/cdn-cgi/image/", Rules: &rules})
	f.Fuzz(func(t *testing.T, rest string) {
		if to := OnError(rest); to != "" && (to[0] != '/' || len(to) > 1 && (to[1] == '/' || to[1] == '\\')) {
			t.Fatalf("%q sends to %q", rest, to)
		}
		r, err := open().Parse(rest)
		if err != nil {
			return
		}
		if again, err := r.Params.Normalize(); err != nil || again != r.Params {
			t.Fatalf("%q: %+v is not normal: %v", rest, r.Params, err)
		}
		if r, err = bounded.Parse(rest); err != nil {
			return
		}
		p := r.Params
		if p.Width != 320 && p.Width != 640 || p.Height != 0 || p.DPR != 0 && p.DPR != 2 || p.Quality != 0 ||
			p.Blur != 0 || p.Sharpen != 0 || p.Rotate != 0 || p.Trim.On || p.Contrast.On || p.Gravity.X != 0 {
			t.Fatalf("%q is not within the lists: %+v", rest, p)
		}
	})
}
