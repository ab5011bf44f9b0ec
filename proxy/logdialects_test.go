package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/cloudflare"
	"github.com/pictor-proxy/pictor/proxy/hidden"
	"github.com/pictor-proxy/pictor/proxy/imaginary"
	"github.com/pictor-proxy/pictor/proxy/nextjs"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
)

// What the sources and requests of these tests have: hush in all that opens something, private in what clients do not
// see, and open-name in what logs show unless they are told otherwise.
const (
	secretQuery = "?X-Amz-Signature=hush"
	adminToken  = "hush-token"
)

var aesKey = []byte("0123456789abcdef")

// secretsRig is a server of all dialects, with all that it tells: both logs, traces, and responses with errors.
type secretsRig struct {
	*rig
	out, errors bytes.Buffer
	spans       func() []sentSpan
	// hiding is the site of sources that clients do not see.
	hiding    *httptest.Server
	imaginary *imaginary.Dialect
	thumbor   *thumbor.Dialect
	// signatures are those of all requests; told is what responses said.
	signatures []string
	told       string
	statuses   map[string]int
}

func newSecretsRig(t *testing.T, sources string, change func(*Config)) *secretsRig {
	t.Helper()
	s := &secretsRig{statuses: map[string]int{}}
	dialect, err := signedurl.NewDialect(signedurl.DialectConfig{SourceKey: aesKey})
	if err != nil {
		t.Fatal(err)
	}
	s.thumbor = thumborDialect(t, thumbor.Config{Keys: []string{"hush"}})
	s.imaginary, err = imaginary.New(imaginary.Config{Path: "/imaginary/", SignatureKeys: []string{"hush"},
		APIKeys: []string{"hush"}})
	if err != nil {
		t.Fatal(err)
	}
	traces, spans := traced(t)
	s.spans = spans
	s.rig = newRig(t, func(c *Config) {
		traces(c)
		withHidden(t)(c)
		logTo(t, &s.out, RequestLog{Sources: sources})(c)
		c.Log = slog.New(slog.NewTextHandler(&s.errors, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Dialect, c.Thumbor, c.ThumborPath, c.MaxUpload = dialect, s.thumbor, "/thumbor/", 1<<20
		c.Mounts = s.mounts(t)
		if change != nil {
			change(c)
		}
	})
	s.hiding = httptest.NewServer(s.site.Config.Handler)
	t.Cleanup(s.hiding.Close)
	return s
}

func (s *secretsRig) mounts(t *testing.T) []Mount {
	next, err := nextjs.New(nextjs.Config{Path: nextjs.DefaultPath, Widths: []int{16}, Qualities: []int{75},
		Formats: []transform.Format{transform.WebP}})
	if err != nil {
		t.Fatal(err)
	}
	cloud := cloudflare.New(cloudflare.Config{Path: "/cdn-cgi/image/"})
	const root = "/imaginary/"
	return []Mount{
		{Name: "nextjs", Prefix: nextjs.DefaultPath, Parse: next.Parse, Statuses: nextjs.Statuses()},
		{Name: "cloudflare", Prefix: "/cdn-cgi/image/", Parse: cloud.Parse},
		{Name: "imaginary", Prefix: root, Statuses: imaginary.Statuses(),
			Parse: func(rest string) (signedurl.Request, error) {
				v, err := s.imaginary.Verify(root+rest, "")
				if err != nil {
					return signedurl.Request{}, err
				}
				return s.imaginary.Parse(v)
			},
			ParseUpload: func(rest, key string) (signedurl.Request, string, error) {
				v, err := s.imaginary.Verify(root+rest, key)
				if err != nil {
					return signedurl.Request{}, "", err
				}
				return s.imaginary.ParseUpload(v)
			}},
	}
}

// sign keeps the signature in mind.
func (s *secretsRig) sign(path string) string {
	s.signatures = append(s.signatures, ring.Sign(path))
	return "/" + ring.Sign(path) + path
}

// targets are those of each dialect, with sources at two sites. Those of hiding are behind enc/ and h/.
func (s *secretsRig) targets(site, hiding string) map[string]string {
	plain := func(name string) string { return site + "/open-name/" + name + ".png" + secretQuery }
	private := func(name string) string { return hiding + "/private/" + name + ".png" + secretQuery }
	built := func(u signedurl.URL) string {
		path, err := u.Path()
		if err != nil {
			s.t.Fatal(err)
		}
		s.signatures = append(s.signatures, strings.Split(strings.TrimPrefix(path, "/info"), "/")[1])
		return path
	}
	encrypted := &signedurl.Builder{Keyring: ring, SourceKey: aesKey}
	// Registered as by a server that has other rules now.
	hash := signedurl.HashSource(ring.HashKey(), private("hash"))
	_, err := s.cfg.Hidden.Store.Add(s.t.Context(), []hidden.Source{{Hash: hidden.Hash(hash), URL: private("hash")}})
	if err != nil {
		s.t.Fatal(err)
	}
	rest := "10x10/" + url.PathEscape(plain("thumbor"))
	resize := "/imaginary/resize?width=10&url=" + url.QueryEscape(plain("imaginary"))
	signature, err := s.imaginary.Sign(resize)
	if err != nil {
		s.t.Fatal(err)
	}
	s.signatures = append(s.signatures, signature, s.thumbor.Sign(rest))
	return map[string]string{
		"native":           s.sign("/w:10/plain/" + url.PathEscape(plain("native"))),
		"encrypted":        built(encrypted.Source(private("enc")).Width(10)),
		"hidden":           s.sign("/w:10/h/" + hash.String()),
		"info":             built((&signedurl.Builder{Keyring: ring}).Info(plain("info"))),
		"encrypted info":   built(encrypted.Info(private("enc-info"))),
		"thumbor":          "/thumbor/" + s.thumbor.Sign(rest) + "/" + rest,
		"imaginary":        resize + "&sign=" + signature,
		"imaginary by key": strings.Replace(resize, "width=10", "width=11&key=hush", 1),
		"nextjs":           nextjs.DefaultPath + "?w=16&q=75&url=" + url.QueryEscape(plain("next")),
		"cloudflare":       "/cdn-cgi/image/width=10/" + plain("cloud"),
	}
}

// ask sends a request, and keeps what is told of it.
func (s *secretsRig) ask(name, method, target, body string, header ...string) {
	handler := http.Handler(s.server)
	if method == "ADMIN" {
		method, handler = http.MethodPost, s.server.Admin(adminToken)
	}
	req := httptest.NewRequest(method, "/", strings.NewReader(body))
	if req.RequestURI = target; strings.HasPrefix(target, "/") {
		req.URL.Path, _, _ = strings.Cut(target, "?")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, req)
	s.statuses[name] = w.Code
	if w.Code >= 400 && method != "ADMIN" || strings.Contains(name, "info") {
		s.told += fmt.Sprintf("%s: %v %s\n", name, w.Header(), w.Body)
	}
}

func (s *secretsRig) admin(name, path string, body any, token string) {
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	told := s.told
	s.ask(name, "ADMIN", path, string(text), "Content-Type", "application/json", "Authorization", "Bearer "+token)
	s.told = told // it says to those who may what they have sent
}

// keepsQuiet ends the logs and the traces, and looks for secrets in them.
func (s *secretsRig) keepsQuiet(when string, never ...string) {
	s.t.Helper()
	if err := s.cfg.RequestLog.Access.Close(context.Background()); err != nil {
		s.t.Fatal(err)
	}
	spans, err := json.Marshal(s.spans())
	if err != nil {
		s.t.Fatal(err)
	}
	never = append(append(never, "hush", "private", strings.TrimPrefix(s.hiding.URL, "http://")), s.signatures...)
	for where, text := range map[string]string{"access log": s.out.String(), "error log": s.errors.String(),
		"traces": strings.ReplaceAll(string(spans), "},{", "},\n{"), "responses": s.told} {
		if text == "" {
			s.t.Errorf("%s: nothing is in the %s", when, where)
		}
		for line := range strings.Lines(text) {
			for _, word := range never {
				if strings.Contains(line, word) {
					s.t.Errorf("%s: %q is in the %s: %.600s", when, word, where, line)
				}
			}
		}
	}
}
