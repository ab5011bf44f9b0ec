package imaginary

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

func dialect(t testing.TB, cfg Config) *Dialect {
	t.Helper()
	if cfg.Path == "" {
		cfg.Path = "/"
	}
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// native is what a path of the native dialect asks for, without its source.
func native(t *testing.T, options string) transform.Params {
	t.Helper()
	r, err := signedurl.ParseUnsigned("/" + strings.TrimPrefix(options+"/", "/") + "plain/x")
	if err != nil {
		t.Fatal(options, err)
	}
	return r.Params
}

// pipelineOf is the target of a pipeline.
func pipelineOf(operations string) string {
	return "/pipeline?operations=" + url.QueryEscape(operations)
}

// Each operation, beside what it is in the native dialect.
func TestOperations(t *testing.T) {
	d := dialect(t, Config{Insecure: true})
	for target, want := range map[string]string{
		"/resize?width=300":                                  "rs:fit:300:0",
		"/resize?width=300&height=200":                       "rs:fit:300:200",
		"/resize?width=300&height=200&nocrop=false":          "rs:fill:300:200",
		"/resize?width=300&height=200&force=true":            "rs:force:300:200:1",
		"/resize?width=300&height=200&extend=white":          "rs:fit:300:200/ex:1/bg:ffffff",
		"/resize?width=300&aspectratio=16:9":                 "rs:fit:300:162",
		"/resize?height=300&aspectratio=16:9":                "rs:fit:528:300",
		"/resize?width=300&height=200&aspectratio=16:9":      "rs:fit:300:200",
		"/resize?width=-300.4":                               "rs:fit:300:0",
		"/resize?width=300&x=y&speed=3":                      "rs:fit:300:0",
		"/resize?width=30&extend=background":                 "rs:fit:30:0",
		"/fit?width=300&height=200":                          "rs:fit:300:200",
		"/crop?width=300&height=200&gravity=north":           "rs:fill:300:200/g:no",
		"/crop?width=300&height=200&gravity=smart":           "rs:fill:300:200/g:sm",
		"/crop?width=300":                                    "c:300:0:ce",
		"/crop?height=300&gravity=south":                     "c:0:300:so",
		"/smartcrop?width=300&height=200":                    "rs:fill:300:200/g:sm",
		"/enlarge?width=3000&height=2000":                    "rs:fill:3000:2000:1",
		"/enlarge?width=3000&height=2000&nocrop=1":           "rs:fit:3000:2000:1",
		"/extract?top=10&left=20&areawidth=30&areaheight=40": "c:30:40:nowe:20:10",
		"/zoom?factor=2":                                     "z:3/el:1",
		"/zoom?factor=1&areawidth=30&areaheight=40":          "z:2/el:1",
		"/thumbnail?width=100":                               "rs:fit:100:0:1",
		"/thumbnail?width=100&height=50":                     "rs:force:100:50:1",
		"/thumbnail?width=100&height=50&embed=true":          "rs:fit:100:50",
		"/rotate?rotate=90":                                  "rot:90",
		"/rotate?rotate=100&width=30&height=20":              "rs:fit:30:20/rot:90",
		"/rotate?rotate=450":                                 "rot:270",
		"/rotate?rotate=45":                                  "",
		"/autorotate?quality=90":                             "",
		"/flip?":                                             "fl:1",
		"/flip?flip=true":                                    "fl:1",
		"/flop?":                                             "fl:0:1",
		"/convert?type=webp":                                 "f:webp",
		"/convert?type=jpeg&quality=70&interlace=true":       "f:jpg/q:70/jpgo:1/pngo:1",
		"/convert?type=png&palette=1&compression=9":          "f:png/pngo:0:1::9",
		"/convert?type=webp&norotation=true":                 "f:webp/ar:0",
		"/convert?type=webp&stripmeta=true":                  "f:webp/kcr:0",
		"/convert?type=webp&colorspace=bw":                   "f:webp/sa:0",
		"/convert?type=jpeg&background=255,200,150":          "f:jpg/bg:ffc896",
		"/blur?sigma=15.5&minampl=0.2":                       "bl:15.5",
		"/blur?sigma=3&width=200":                            "rs:fit:200:0:1/bl:3",
		pipelineOf(`[{"operation":"crop","params":{"width":300,"height":260}},` +
			`{"operation":"convert","params":{"type":"webp"}}]`): "rs:fill:300:260/f:webp",
		pipelineOf(`[{"operation":"autorotate"},{"operation":"fit","params":{"width":64,` +
			`"height":64,"stripmeta":"true","type":"jpeg","norotation":"true","quality":"80"}}]`): "rs:fit:64:64/" +
			"f:jpg/q:80/kcr:0",
		pipelineOf(`[{"operation":"rotate","params":{"rotate":90}},{"operation":"flop"},` +
			`{"operation":"extract","params":{"areawidth":9,"areaheight":8,"top":7}},` +
			`{"operation":"resize","params":{"width":5}},` +
			`{"operation":"blur","params":{"sigma":2}},{"operation":"flip"},` +
			`{"operation":"rotate","params":{"rotate":180}}]`): "-",
		pipelineOf(`[{"operation":"resize","params":{"width":50}},{"operation":"flip"},` +
			`{"operation":"blur","params":{"sigma":2}},{"operation":"rotate","params":{"rotate":180}}]`): "late",
	} {
		sent := target + "&url=https://example.com/a.jpg"
		v, err := d.Verify(sent, "")
		if err != nil {
			t.Errorf("%s: %v", target, err)
			continue
		}
		r, err := d.Parse(v)
		switch want {
		case "-": // a flip behind what was cut out of a place
			if !errors.Is(err, signedurl.ErrBadArgument) {
				t.Errorf("%s: %v", target, err)
			}
			continue
		case "late":
			p := native(t, "rs:fit:50:0/fl:1/bl:2")
			p.LateRotate = 180
			if err != nil || r.Params != p {
				t.Errorf("%s: %q, %v", target, r.Params, err)
			}
			continue
		}
		if err != nil || r.Params != native(t, want) || r.Source != "https://example.com/a.jpg" {
			t.Errorf("%s: %q of %q, %v; want %q", target, r.Params, r.Source, err, native(t, want))
		}
		up, field, err := d.ParseUpload(v)
		if r.Source = ""; err != nil || up != r || field != "" {
			t.Errorf("%s: an upload is %+v, %v", target, up, err)
		}
	}
	r, err := d.ParseUnsigned("/convert?type=auto&file=/a/b.jpg")
	if err != nil || !r.Auto || r.Source != "local:///a/b.jpg" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWhatIsNotSupported(t *testing.T) {
	d := dialect(t, Config{Insecure: true})
	pipeline := func(s string) string { return pipelineOf(s) + "&url=x" }
	for sent, want := range map[string]error{
		"/resize?url=x":                                           signedurl.ErrBadArgument,
		"/resize?width=0&url=x":                                   signedurl.ErrBadArgument,
		"/resize?width=a&url=x":                                   signedurl.ErrBadArgument,
		"/resize?width=70000&url=x":                               signedurl.ErrBadArgument,
		"/resize?width=NaN&url=x":                                 signedurl.ErrBadArgument,
		"/resize?width=1":                                         signedurl.ErrMalformed,
		"/resize?width=1&url=a%0Ab":                               signedurl.ErrMalformed,
		"/resize?width=1&height=1&extend=mirror&url=x":            signedurl.ErrBadArgument,
		"/resize?width=1&aspectratio=16&url=x":                    signedurl.ErrBadArgument,
		"/resize?width=60000&aspectratio=1:9&url=x":               signedurl.ErrBadArgument,
		"/resize?width=1&force=maybe&url=x":                       signedurl.ErrBadArgument,
		"/fit?width=1&url=x":                                      signedurl.ErrBadArgument,
		"/enlarge?height=1&url=x":                                 signedurl.ErrBadArgument,
		"/crop?width=1&height=1&gravity=up&url=x":                 signedurl.ErrBadArgument,
		"/extract?areawidth=1&url=x":                              signedurl.ErrBadArgument,
		"/extract?areawidth=1&areaheight=1&width=1&url=x":         signedurl.ErrBadArgument,
		"/zoom?url=x":                                             signedurl.ErrBadArgument,
		"/zoom?factor=1&top=1&url=x":                              signedurl.ErrBadArgument,
		"/rotate?url=x":                                           signedurl.ErrBadArgument,
		"/convert?url=x":                                          signedurl.ErrBadArgument,
		"/convert?type=pdf&url=x":                                 signedurl.ErrBadArgument,
		"/convert?type=png&quality=101&url=x":                     signedurl.ErrBadArgument,
		"/convert?type=png&background=1,2&url=x":                  signedurl.ErrBadArgument,
		"/convert?type=png&background=1,2,256&url=x":              signedurl.ErrBadArgument,
		"/convert?type=png&colorspace=lab&url=x":                  signedurl.ErrBadArgument,
		"/blur?url=x":                                             signedurl.ErrBadArgument,
		"/watermark?text=a&url=x":                                 signedurl.ErrUnknownOption,
		"/watermarkimage?image=a&url=x":                           signedurl.ErrUnknownOption,
		"/?url=x":                                                 signedurl.ErrMalformed,
		"/a/resize?url=x":                                         signedurl.ErrMalformed,
		"/resize%zz?url=x":                                        signedurl.ErrMalformed,
		"/pipeline?url=x":                                         signedurl.ErrBadArgument,
		pipeline(`[]`):                                            signedurl.ErrBadArgument,
		pipeline(`[{"operation":"flip"}] x`):                      signedurl.ErrBadArgument,
		pipeline(`[{"operation":"flip","more":1}]`):               signedurl.ErrBadArgument,
		pipeline(`[{"operation":"flip","params":{"width":[1]}}]`): signedurl.ErrBadArgument,
		pipeline(`[{"operation":"pipeline"}]`):                    signedurl.ErrUnknownOption,
		pipeline("[" + strings.Repeat(`{"operation":"flip"},`, 10) + `{"operation":"flip"}]`):                           signedurl.ErrBadArgument,
		pipeline(`[{"operation":"resize","params":{"width":9}},{"operation":"resize","params":{"width":9}}]`):           signedurl.ErrBadArgument,
		pipeline(`[{"operation":"blur","params":{"sigma":2}},{"operation":"resize","params":{"width":9}}]`):             signedurl.ErrBadArgument,
		pipeline(`[{"operation":"crop","params":{"width":9,"height":9,"norotation":true}},{"operation":"autorotate"}]`): signedurl.ErrBadArgument,
	} {
		if r, err := d.ParseUnsigned(sent); !errors.Is(err, want) {
			t.Errorf("%s: %+v, %v", sent, r, err)
		}
	}
	if _, err := d.Parse(Verified{}); err == nil {
		t.Error("nothing that was verified is parsed")
	}
	if _, _, err := d.ParseUpload(Verified{}); err == nil {
		t.Error("nothing that was verified is parsed for an upload")
	}
}

// The key, text and signature are those of imaginary's README, whose digest peers agree on.
func TestSignatures(t *testing.T) {
	const key, sign = "4f46feebafc4b5e988f131c4ff8b5997", "ruEWRoFO-ic-L38vTsjqIYE6DLZ532CTaZXOh1gwuVo"
	root := dialect(t, Config{SignatureKeys: []string{"other", key}, APIKeys: []string{"open"}})
	below := dialect(t, Config{Path: "/imaginary/", SignatureKeys: []string{key}})
	for _, tc := range []struct {
		d     *Dialect
		sent  string
		valid bool
	}{
		{root, "/resize?file=image.jpg&height=200&type=jpeg&width=300&sign=" + sign, true},
		{root, "/resize?sign=" + sign + "&width=300&type=jpeg&file=image%2Ejpg&height=200", true},
		{root, "/res%69ze?file=image.jpg&height=200&type=jpeg&width=300&sign=" + sign, true},
		{below, "/imaginary/resize?file=image.jpg&height=200&type=jpeg&width=300&sign=" + sign, true},
		{root, "/resize?file=image.jpg&height=200&type=jpeg&width=301&sign=" + sign, false},
		{root, "/resize?file=image.jpg&height=200&type=jpeg&width=300&width=301&sign=" + sign, false},
		{root, "/crop?file=image.jpg&height=200&type=jpeg&width=300&sign=" + sign, false},
		{root, "/resize?file=image.jpg&height=200&type=jpeg&width=300&sign=" + sign + "=", false},
		{root, "/resize?file=image.jpg&height=200&type=jpeg&width=300&sign=" + sign[:42], false},
		{root, "/resize?file=image.jpg&height=200&type=jpeg&width=300", false},
		{root, "/resize?width=300&key=open", true},
		{root, "/resize?width=300&key=", false},
		{root, "/resize?width=300&key=opened", false},
		{below, "/imaginary/resize?width=300&key=", false},
	} {
		v, err := tc.d.Verify(tc.sent, "")
		if (err == nil) != tc.valid || !tc.valid && !errors.Is(err, signedurl.ErrSignature) {
			t.Errorf("%s: %q, %v", tc.sent, v, err)
		}
	}
	if _, err := root.Verify("/resize?width=300", "open"); err != nil {
		t.Errorf("with an API-Key header: %v", err)
	}
	got, err := below.Sign("/imaginary/resize?width=300&url=http://x/a.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := below.Verify("/imaginary/resize?url=http%3A%2F%2Fx%2Fa.jpg&width=300&sign="+got, ""); err != nil {
		t.Errorf("signed for a path below: %v", err)
	}
	for _, cfg := range []Config{{}, {Path: "x/"}, {Path: "/", APIKeys: []string{""}}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("accepted %+v", cfg)
		}
	}
}

// FuzzParse: what is accepted for a signed target is that operation with these parameters and nothing else, and what
// it gives is normal.
func FuzzParse(f *testing.F) {
	f.Add("/resize?width=300&url=http://x/a.jpg", "/resize?url=http%3a//x/a.jpg&width=300")
	f.Add("/pipeline?url=x&operations=%5B%7B%22operation%22%3A%22flip%22%7D%5D", "")
	f.Add("/crop?width=3&width=4&aspectratio=16:9&url=x&sign=a", "/cro%70?width=3&width=4;&aspectratio=16:9&url=x")
	f.Add("/zoom?factor=1e1&top=3&areawidth=2&areaheight=2&url=x", "")
	d, open := dialect(f, Config{SignatureKeys: []string{"k"}}), dialect(f, Config{Insecure: true})
	f.Fuzz(func(t *testing.T, signed, sent string) {
		sign, err := d.Sign(signed)
		if err != nil {
			return
		}
		if v, err := d.Verify(sent+"&sign="+sign, ""); err == nil {
			want, err := open.Verify(signed, "")
			v.target.values.Del("sign")
			want.target.values.Del("sign")
			if err != nil || v.String() != want.String() {
				t.Fatalf("%q was signed, %q sent, and %q is accepted", signed, sent, v)
			}
		}
		v, err := open.Verify(signed, "")
		if err != nil {
			return
		}
		r, err := open.Parse(v)
		up, _, wrong := open.ParseUpload(v)
		if err != nil {
			return
		}
		if again, err := r.Params.Normalize(); err != nil || again != r.Params {
			t.Fatalf("%q: %+v is not normal: %v", signed, r.Params, err)
		}
		if r.Source = ""; wrong == nil && up != r {
			t.Fatalf("%q: an upload is %+v, not %+v", signed, up, r)
		}
		g := transform.NewGeometry(transform.Info{Format: transform.JPEG, Width: 400, Height: 300, Orientation: 1,
			Frames: 1, Bands: 3, Bits: 8}, r.Params)
		if g.Width < 1 || g.Height < 1 {
			t.Fatalf("%q: a result of %dx%d", signed, g.Width, g.Height)
		}
	})
}

// info tells of a source, whatever else is asked for, and to nobody without a key.
func TestInfo(t *testing.T) {
	r, err := dialect(t, Config{Insecure: true}).ParseUnsigned("/info?url=https://a.example/b.jpg&width=3")
	if err != nil || r.Meta.Form != "imaginary" || r.Params.Width != 0 || r.Source != "https://a.example/b.jpg" {
		t.Errorf("%+v, %v", r, err)
	}
	_, err = dialect(t, Config{}).ParseUnderRules("/info?url=https://a.example/b.jpg", signedurl.UnsignedRules{})
	if !errors.Is(err, signedurl.ErrUnsigned) {
		t.Error("without a key:", err)
	}
}
