package proxy

import (
	"testing"

	"github.com/pictor-proxy/pictor/transform"
)

// The extension of a file is that of its format, also where the media type has another name.
func TestExtensionOfADownload(t *testing.T) {
	for f, want := range map[transform.Format]string{
		transform.JPEG: `inline; filename="a.jpg"`, transform.JXL: `inline; filename="a.jxl"`,
		transform.ICO: `inline; filename="a.ico"`, transform.TIFF: `inline; filename="a.tiff"`,
		transform.SVG: `attachment; filename="a.svg"`,
	} {
		if got := contentDisposition(urlFacts{name: "a"}, f.MIME()); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
	if got := contentDisposition(urlFacts{name: "a"}, "application/json"); got != `inline; filename="a"` {
		t.Error(got)
	}
}
