package studio

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

//go:embed static
var static embed.FS

//go:embed pages/*.html
var pages embed.FS

// Config says what the pages may do.
type Config struct {
	// Keyring gives the keys that sign; nil for pages that read alone, and can sign nothing.
	Keyring func() *signedurl.Keyring
	// Prefix stands before the paths of images, as on the server.
	Prefix string
	// Samples are names of sources to begin with, such as "local:///samples/dunes.jpg".
	Samples []string
	// Uploads says that the server takes images in POST requests.
	Uploads bool
	// Limits says that URLs may set limits of their own, Watermark that there is one.
	Limits, Watermark bool
	// Explain tells what a URL means, line by line.
	Explain func(target string) []Line
	// Figures are those of the server, as JSON has them. They may cost some milliseconds.
	Figures func() any
}

// Line is a line of what a URL means.
type Line struct {
	Label string `json:"label"`
	Text  string `json:"text"`
}

// policy lets pages load what this server has, and nothing else. Blobs are images that a page has loaded to measure
// them, or that a visitor has chosen.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// studio is the handler behind New.
type studio struct {
	cfg Config
	// options is the answer of /studio/api/options, which does not change.
	options []byte
	figures sharedFigures
}

// New makes the handler of GET /, GET /favicon.ico and all below /studio/.
func New(cfg Config) (http.Handler, error) {
	s := &studio{cfg: cfg}
	s.figures.read = cfg.Figures
	var err error
	if s.options, err = s.describeOptions(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for path, name := range map[string]string{"/{$}": "studio", "/studio/{$}": "studio", "/studio/explain": "explain",
		"/studio/live": "live"} {
		page, err := s.renderPage(name)
		if err != nil {
			return nil, err
		}
		mux.Handle("GET "+path, sendBytes("text/html; charset=utf-8", page))
	}
	icon, err := fs.ReadFile(static, "static/icon.svg")
	if err != nil {
		return nil, fmt.Errorf("studio: %w", err)
	}
	mux.Handle("GET /favicon.ico", sendBytes("image/svg+xml", icon))
	mux.Handle("GET /studio/static/", http.StripPrefix("/studio/", http.FileServerFS(filesOnly{static})))
	mux.Handle("GET /studio/api/options", sendBytes("application/json", s.options))
	mux.HandleFunc("GET /studio/api/figures", s.serveFigures)
	mux.HandleFunc("POST /studio/api/explain", s.serveExplain)
	if cfg.Keyring != nil {
		mux.HandleFunc("POST /studio/api/sign", s.serveSign)
	}
	return withHeaders(http.NewCrossOriginProtection().Handler(mux)), nil
}

// withHeaders sets what all responses have.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		// Pages are of one build of the server, and URLs in them of keys that may be gone with it.
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// sendBytes answers with what is made already.
func sendBytes(contentType string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		if r.Method != http.MethodHead {
			_, _ = w.Write(body) // the browser may have left
		}
	})
}

// renderPage makes a page from the layout.
func (s *studio) renderPage(name string) ([]byte, error) {
	t, err := template.ParseFS(pages, "pages/layout.html", "pages/"+name+".html")
	if err != nil {
		return nil, fmt.Errorf("studio: %w", err)
	}
	var b bytes.Buffer
	data := map[string]any{"Page": name, "Signs": s.cfg.Keyring != nil, "Uploads": s.cfg.Uploads}
	if err := t.ExecuteTemplate(&b, "layout.html", data); err != nil {
		return nil, fmt.Errorf("studio: %w", err)
	}
	return b.Bytes(), nil
}

// filesOnly hides the lists of directories.
type filesOnly struct{ fs.FS }

// Open implements fs.FS.
func (f filesOnly) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || info.IsDir() {
		_ = file.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return file, nil
}

// leastPause is between two readings of figures.
const leastPause = 400 * time.Millisecond

// sharedFigures are read once for all visitors that ask at the same time.
type sharedFigures struct {
	read func() any

	mu    sync.Mutex
	since time.Time
	last  any
}

func (f *sharedFigures) get() any {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.since) > leastPause {
		f.last, f.since = f.read(), time.Now()
	}
	return f.last
}
