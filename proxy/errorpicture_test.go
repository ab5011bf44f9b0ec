package proxy

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// In development an img element gets its error as a picture, which says all that the text says. Whatever else asks,
// and any server that is not in development, has the text.
func TestErrorsOfImagesArePictures(t *testing.T) {
	const path = "/x/blurr:1/plain/<script>&"
	for name, c := range map[string]struct {
		dev     bool
		header  []string
		picture bool
	}{
		"img":             {true, []string{"Sec-Fetch-Dest", "image", "Accept", "*/*"}, true},
		"older browser":   {true, []string{"Accept", "image/avif,image/webp,*/*"}, true},
		"page":            {true, []string{"Sec-Fetch-Dest", "document", "Accept", "image/webp"}, false},
		"curl":            {true, []string{"Accept", "*/*"}, false},
		"not development": {false, []string{"Sec-Fetch-Dest", "image"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(cfg *Config) { cfg.FullErrors = c.dev })
			resp, body := r.must(path, c.header...)
			if resp.StatusCode != http.StatusForbidden {
				t.Fatalf("%d %s", resp.StatusCode, body)
			}
			if got := resp.Header.Get("Content-Type") == "image/svg+xml"; got != c.picture {
				t.Fatalf("%s: %s", resp.Header.Get("Content-Type"), body)
			}
			if c.picture && (!isXML(body) || !strings.Contains(body, "403 wrong-signature") ||
				!strings.Contains(body, "does not match the path")) {
				t.Errorf("%s", body)
			}
		})
	}
}

func TestDrawnErrorsHoldAnyText(t *testing.T) {
	for _, text := range []string{"a: <script>alert(1)</script> & \x00\xff ]]>", "a: ",
		"a: " + strings.Repeat("https://x/", 300)} {
		drawn := drawError(404, "bad-source", text)
		if !isXML(drawn) || strings.Contains(drawn, "<script") || len(drawn) > 16<<10 {
			t.Errorf("%q: %s", text, drawn)
		}
	}
}

func isXML(text string) bool {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}
