package studio

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

func newTestStudio(t *testing.T, signs bool) (http.Handler, *signedurl.Keyring) {
	t.Helper()
	pair := signedurl.Pair{Key: []byte("the key"), Salt: []byte("the salt")}
	ring, err := signedurl.New(signedurl.Config{Pairs: []signedurl.Pair{pair}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Prefix: "/images", Uploads: signs, Figures: func() any { return map[string]int{"figure": 1} },
		Explain: func(target string) []Line { return []Line{{"url", target}} }}
	if signs {
		cfg.Keyring = func() *signedurl.Keyring { return ring }
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h, ring
}

func ask(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var isJSON = []string{"Content-Type", "application/json", "Sec-Fetch-Site", "same-origin"}

// Pages, scripts and styles load nothing from elsewhere, make no markup of texts, and have a policy that says so.
func TestPagesAreSelfContained(t *testing.T) {
	h, _ := newTestStudio(t, true)
	for _, path := range []string{"/", "/studio/", "/studio/explain", "/studio/live"} {
		w := ask(h, http.MethodGet, path, "")
		policy := w.Header().Get("Content-Security-Policy")
		if w.Code != 200 || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") ||
			strings.Contains(policy, "unsafe") || strings.Contains(policy, "data:") || strings.Contains(policy, "*") {
			t.Errorf("%s: %d %s", path, w.Code, policy)
		}
		page := w.Body.String()
		if regexp.MustCompile(`(?i)(src|href)="(https?:)?//|<style|<script>|style="|\son\w+="`).MatchString(page) {
			t.Errorf("%s has something of elsewhere, or inline: %s", path, page)
		}
		for _, m := range regexp.MustCompile(`(?:src|href)="(/[^"#]*)"`).FindAllStringSubmatch(page, -1) {
			if w := ask(h, http.MethodGet, m[1], ""); w.Code != 200 {
				t.Errorf("%s: %s is %d", path, m[1], w.Code)
			}
		}
	}
	err := fs.WalkDir(static, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := fs.ReadFile(static, name)
		bad := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|@import|from 'http`)
		if strings.HasSuffix(name, ".css") && strings.Contains(string(b), "url(") {
			t.Errorf("%s loads something", name)
		}
		if m := bad.Find(b); m != nil {
			t.Errorf("%s has %s", name, m)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if w := ask(h, http.MethodGet, "/studio/static/", ""); w.Code != 404 {
		t.Errorf("the list of files: %d", w.Code)
	}
}

// What is signed is what was asked for, a wrong option is told beside the others, and no answer has a key.
func TestSigning(t *testing.T) {
	h, ring := newTestStudio(t, true)
	w := ask(h, http.MethodPost, "/studio/api/sign", `{"source":"local:///a.jpg","variants":[
		{"options":"w:300/f:webp"}, {"options":"blurr:1"}, {"options":"f:avif","widths":[100,200]}]}`, isJSON...)
	var got struct {
		URLs []signedVariant `json:"urls"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.URLs) != 3 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if _, err := ring.Verify(strings.TrimPrefix(got.URLs[0].Path, "/images")); err != nil ||
		got.URLs[0].Plain != "/w:300/plain/local:///a.jpg@webp" {
		t.Errorf("%+v, %v", got.URLs[0], err)
	}
	if got.URLs[1].Error == "" || got.URLs[1].Path != "" || strings.Count(got.URLs[2].SrcSet, "/images/w:") != 2 {
		t.Errorf("%+v", got.URLs)
	}
	w = ask(h, http.MethodPost, "/studio/api/sign", `{"upload":true,"variants":[{"options":"w:9/f:webp"}]}`, isJSON...)
	if !strings.Contains(w.Body.String(), `"plain":"/w:9/upload.webp"`) {
		t.Errorf("%s", w.Body)
	}
	for _, path := range []string{"/studio/", "/studio/api/options", "/studio/api/figures"} {
		if body := ask(h, http.MethodGet, path, "").Body.String(); strings.Contains(body, "the key") ||
			strings.Contains(body, "the salt") {
			t.Errorf("%s has the key", path)
		}
	}
}

// Other sites get nothing signed, nor do requests that a form could send, nor endless ones; and a studio that
// reads alone signs nothing.
func TestWhoMaySign(t *testing.T) {
	h, _ := newTestStudio(t, true)
	const body = `{"source":"a","variants":[{"options":"w:1"}]}`
	for name, c := range map[string]struct {
		header []string
		body   string
		want   int
	}{
		"page":         {isJSON, body, 200},
		"other site":   {[]string{"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"}, body, 403},
		"other origin": {[]string{"Content-Type", "application/json", "Origin", "https://evil.example"}, body, 403},
		"form":         {[]string{"Content-Type", "text/plain"}, body, 415},
		"too long":     {isJSON, `{"source":"` + strings.Repeat("a", maxQuestion) + `"}`, 400},
		"too many":     {isJSON, `{"variants":[` + strings.Repeat(`{},`, maxVariants) + `{}]}`, 400},
	} {
		if w := ask(h, http.MethodPost, "/studio/api/sign", c.body, c.header...); w.Code != c.want {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	reads, _ := newTestStudio(t, false)
	if w := ask(reads, http.MethodPost, "/studio/api/sign", body, isJSON...); w.Code < 400 {
		t.Errorf("a studio that reads: %d %s", w.Code, w.Body)
	}
	if w := ask(reads, http.MethodPost, "/studio/api/explain", `{"url":"/x"}`, isJSON...); w.Code != 200 {
		t.Errorf("explain: %d", w.Code)
	}
}

// Every option of the dialect that this server takes is declared to the page, each in a group.
func TestOptionsAreDeclared(t *testing.T) {
	h, _ := newTestStudio(t, true)
	var got struct{ Options []groupedOption }
	if err := json.Unmarshal(ask(h, http.MethodGet, "/studio/api/options", "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	groups, withheld := map[string]int{}, 0
	for _, o := range got.Options {
		groups[o.Group]++
	}
	for _, d := range signedurl.Declarations() {
		if d.NeedsPermission || d.Names[0] == "watermark" {
			withheld++
		}
	}
	if len(got.Options)+withheld != len(signedurl.Options()) || groups[""] > 0 || len(groups) < len(groupsFrom)-1 {
		t.Errorf("%d options and %d withheld, groups %v", len(got.Options), withheld, groups)
	}
}
