package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// asImaginary are the settings of a server that stands in for one.
var asImaginary = []string{"--imaginary-path", "/", "--imaginary-key", "preview", "--allow-uploads", "--allow-networks",
	"127.0.0.0/8"}

// previewOf is the request that Nextcloud's preview provider makes for a file of a type (lib/private/Preview/
// Imaginary.php): the target, and the operations in the order and with the types that json_encode gives them.
func previewOf(mime, format string, width, height int, crop bool) string {
	type step struct {
		Operation string         `json:"operation"`
		Params    map[string]any `json:"params,omitempty"`
	}
	var steps []step
	kind, operation := "jpeg", "fit"
	switch mime {
	case "image/heic":
	case "image/svg+xml":
		kind = "png"
		steps = append(steps, step{"convert", map[string]any{"type": kind}})
	case "image/png", "image/gif":
		kind = "png"
		steps = append(steps, step{Operation: "autorotate"})
	default:
		steps = append(steps, step{Operation: "autorotate"})
	}
	if format == "webp" {
		kind = "webp"
	}
	if crop {
		operation = "smartcrop"
	}
	steps = append(steps, step{operation, map[string]any{"width": width, "height": height, "stripmeta": "true",
		"type": kind, "norotation": "true", "quality": "80"}})
	text, _ := json.Marshal(steps) // texts and numbers alone
	return "/pipeline?operations=" + strings.ReplaceAll(url.QueryEscape(string(text)), "+", "%20") + "&key=preview"
}

// Nextcloud's preview provider gets previews, with the sizes that it reckons with.
func TestNextcloudPreviews(t *testing.T) {
	s := serve(t, append(append([]string{}, keys...), asImaginary...)...)
	photo := picturetest.JPEG(picturetest.Photo(800, 600, 4), 90)
	const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="800" height="600">` +
		`<rect width="400" height="300" fill="red"/></svg>`
	sources := map[string]struct {
		mime string
		body []byte
	}{
		"a photograph":        {"image/jpeg", photo},
		"a photograph on end": {"image/jpeg", picturetest.WithOrientation(photo, 6)},
		"a PNG":               {"image/png", picturetest.PNG(picturetest.Chart(800, 600))},
		"a GIF":               {"image/gif", picturetest.PhotoMovie(80, 60, 3).Encode()},
		"a WebP":              {"image/webp", saved(t, photo, "webp", "")},
		"an SVG":              {"image/svg+xml", []byte(drawing)},
	}
	for name, source := range sources {
		for _, tc := range []struct {
			width, height int
			crop          bool
			wide, tall    image.Point
		}{
			{256, 256, true, image.Pt(256, 256), image.Pt(256, 256)},
			{64, 64, false, image.Pt(64, 48), image.Pt(48, 64)},
		} {
			want := tc.wide
			if name == "a photograph on end" {
				want = tc.tall
			}
			if name == "a GIF" && tc.crop {
				want = image.Pt(80, 60) // it is not enlarged
			}
			path := previewOf(source.mime, "", tc.width, tc.height, tc.crop)
			a, err := s.post(path, "", source.body)
			if err != nil || a.status != http.StatusOK {
				t.Errorf("%s: %v, %v", name, a, err)
				continue
			}
			picture, kind, err := image.DecodeConfig(bytes.NewReader(a.body))
			if err != nil || image.Pt(picture.Width, picture.Height) != want {
				t.Errorf("%s, crop %v: %dx%d, %v, want %v", name, tc.crop, picture.Width, picture.Height, err, want)
			}
			if (source.mime == "image/jpeg") != (kind == "jpeg") && source.mime != "image/webp" {
				t.Errorf("%s: a %s", name, kind)
			}
		}
		if a, err := s.post(previewOf(source.mime, "webp", 64, 64, false), "", source.body); err != nil ||
			a.header.Get("Content-Type") != "image/webp" {
			t.Errorf("%s as WebP: %v, %v", name, a, err)
		}
	}
	wrong := strings.Replace(previewOf("image/jpeg", "", 64, 64, false), "key=preview", "key=other", 1)
	if a, err := s.post(wrong, "", photo); err != nil || a.status != http.StatusForbidden {
		t.Errorf("another key: %v, %v", a, err)
	}
	if strings.Contains(s.logged(), "key=") && strings.Contains(s.logged(), "other") {
		t.Error("the log has an API key")
	}
	pdf, err := s.post(previewOf("image/jpeg", "", 64, 64, false), "", []byte("%PDF-1.7\n"))
	if err != nil || pdf.status != http.StatusUnsupportedMediaType {
		t.Errorf("a PDF: %v, %v", pdf, err)
	}
}

// The commands of imaginary's README work with its URLs and with those of a server that has its signatures.
func TestImaginaryCommands(t *testing.T) {
	needs(t, "curl")
	origin := newSite(t)
	photo := picturetest.JPEG(picturetest.Photo(800, 600, 4), 90)
	large := origin.put("/large.jpg", photo)
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "foo", "bar"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "foo", "bar", "image.jpg")
	if err := os.WriteFile(file, photo, 0o644); err != nil {
		t.Fatal(err)
	}
	s := serve(t, append([]string{"--insecure", "--local-root", root}, asImaginary...)...)
	for _, tc := range []struct {
		args []string
		want image.Point
	}{
		{[]string{s.url + "/crop?width=500&height=400&file=foo/bar/image.jpg"}, image.Pt(500, 400)},
		{[]string{s.url + "/crop?width=500&height=400&url=" + large}, image.Pt(500, 400)},
		{[]string{s.url + "/crop?width=500&height=200&gravity=smart&url=" + large}, image.Pt(500, 200)},
		{[]string{"-X", "POST", "-F", "file=@" + file, s.url + "/resize?width=300&type=jpeg"}, image.Pt(300, 225)},
		{[]string{"-X", "POST", "-F", "picture=@" + file, s.url + "/fit?width=90&height=90&field=picture"},
			image.Pt(90, 68)},
		{[]string{"--data-binary", "@" + file, s.url + "/rotate?rotate=90"}, image.Pt(600, 800)},
		{[]string{"-T", file, "-X", "POST", s.url + "/extract?top=10&left=20&areawidth=300&areaheight=150"},
			image.Pt(300, 150)},
	} {
		out, err := exec.Command("curl", append([]string{"-sS", "-f", "-o", "-"}, tc.args...)...).Output()
		if err != nil {
			t.Errorf("%q: %v", tc.args, err)
			continue
		}
		picture, _, err := image.DecodeConfig(bytes.NewReader(out))
		if err != nil || image.Pt(picture.Width, picture.Height) != tc.want {
			t.Errorf("%q: %dx%d, %v", tc.args, picture.Width, picture.Height, err)
		}
	}
	for path, says := range map[string]string{
		"/watermark?text=a&url=" + large: "404 unknown-option: There is no operation \"watermark\"",
		"/resize?width=10":               "400 malformed-path: The parameter url is missing",
		"/resize?width=wide&url=x":       "400 bad-argument: Width is \"wide\"",
	} {
		if a := s.get(path); !strings.HasPrefix(fmt.Sprint(a.status, " ", string(a.body)), says) {
			t.Errorf("%s: %v", path, a)
		}
	}
}

// Without a key nobody can have an image but by the rules of unsigned paths, and a native path is what it was.
func TestImaginaryWithoutAKey(t *testing.T) {
	origin := newSite(t)
	source := origin.put("/a.jpg", picturetest.JPEG(picturetest.Photo(800, 600, 4), 90))
	s := serve(t, append([]string{"--imaginary-path", "imaginary", "--imaginary-signature-key",
		"4f46feebafc4b5e988f131c4ff8b5997", "--unsigned", "--unsigned-sources", origin.URL + "/", "--unsigned-widths",
		"320", "--allow-networks", "127.0.0.0/8"}, keys...)...)
	ask := "url=" + url.QueryEscape(source)
	for path, status := range map[string]int{
		"/imaginary/resize?" + ask + "&width=320":                    200,
		"/imaginary/resize?" + ask + "&width=321":                    403,
		"/imaginary/flip?" + ask:                                     403,
		"/imaginary/resize?url=http%3A%2F%2F192.0.2.1%2F&width=320":  403,
		"/resize?" + ask + "&width=320":                              404,
		signed(t, "/w:20/plain/"+source):                             200,
		"/imaginary/resize?" + ask + "&width=321&sign=AAAA&key=AAAA": 403,
	} {
		if a := s.get(path); a.status != status {
			t.Errorf("%s: %v, want %d", path, a, status)
		}
	}
	if a, err := s.post("/imaginary/resize?width=320", "", []byte("x")); err != nil || a.status != 405 {
		t.Errorf("an upload where there are none: %v, %v", a, err)
	}
	for _, args := range [][]string{{"--imaginary-path", "/"}, {"--imaginary-path", "/a?"},
		{"--imaginary-path", "/health", "--imaginary-key", "x"}} {
		_, stderr, code := pictor(t, keysSet, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
		if code == 0 || !strings.Contains(stderr, "imaginary") {
			t.Errorf("%q: %d %s", args, code, stderr)
		}
	}
}
