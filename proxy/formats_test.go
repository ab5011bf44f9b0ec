package proxy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// What may not be read or written is refused by its name, and never negotiated.
func TestFormatsThatAreNotAllowed(t *testing.T) {
	set := func(list ...transform.Format) transform.FormatSet { return transform.FormatSetOf(list) }
	access := transform.AllFormats()
	r := newRig(t, func(cfg *Config) { cfg.Formats = func() transform.FormatAccess { return access } })
	ask := func(options string, code int, want string, accept ...string) {
		t.Helper()
		resp, body := r.must(r.path(options), append([]string{"Cache-Control", "no-cache"}, accept...)...)
		if resp.StatusCode != code || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %q, want %d %q", options, resp.StatusCode, body, code, want)
		}
	}
	ask("w:10/f:webp", http.StatusOK, "")

	access.Write = set(transform.JPEG, transform.PNG)
	ask("w:11/f:webp", http.StatusUnsupportedMediaType, "This server does not write WebP")
	ask("w:11/f:auto", http.StatusOK, "", "Accept", "image/avif,image/webp")
	if f := r.painter.last.Load().Outputs[0].Format; f != transform.JPEG && f != transform.PNG {
		t.Errorf("negotiated %v", f)
	}

	access.Write, access.Read = transform.AllFormats().Write, set(transform.GIF)
	ask("w:12/f:webp", http.StatusUnsupportedMediaType, "This server does not read PNG")
	ask("raw:1", http.StatusUnsupportedMediaType, "This server does not read PNG")
}

// Without a format in the URL a source that may be read and not written becomes a JPEG or PNG.
func TestResultOfASourceThatIsOnlyRead(t *testing.T) {
	s := &Server{cfg: Config{Formats: func() transform.FormatAccess {
		return transform.FormatAccess{Read: transform.AllFormats().Read,
			Write: transform.FormatSetOf([]transform.Format{transform.JPEG, transform.PNG})}
	}}}
	for info, want := range map[transform.Info]transform.Format{
		{Format: transform.JPEG}:              transform.JPEG,
		{Format: transform.WebP}:              transform.JPEG,
		{Format: transform.WebP, Alpha: true}: transform.PNG,
	} {
		if got := s.fallbackFormat(signedurl.Request{}, info); got != want {
			t.Errorf("%+v: %v, want %v", info, got, want)
		}
	}
}
