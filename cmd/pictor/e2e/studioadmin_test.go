package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// The studio of operators explains and shows figures, and tells no secret: neither a signature nor what a URL encrypts.
func TestStudioOfOperatorsTellsNoSecrets(t *testing.T) {
	sourceKey := strings.Repeat("ab", 32)
	s := serve(t, append([]string{"--admin-token", "secret", "--source-key", sourceKey}, keys...)...)
	admin := s.admin
	s.admin = "" // the end of the test has no token for it
	ask := func(method, path, body string) (int, string) {
		req, err := http.NewRequest(method, admin+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("anybody", "secret")
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		all, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(all)
	}
	explain := func(target string) string {
		question, err := json.Marshal(map[string]string{"url": target})
		if err != nil {
			t.Fatal(err)
		}
		status, answer := ask(http.MethodPost, "/studio/api/explain", string(question))
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
		return answer
	}
	const path = "/w:300/plain/https://example.com/a.jpg"
	good := signed(t, path)
	right, _, _ := strings.Cut(good[1:], "/")
	if answer := explain(good); !strings.Contains(answer, "https://example.com/a.jpg") {
		t.Errorf("%s", answer)
	}
	if answer := explain("/wrong" + path); strings.Contains(answer, right) || !strings.Contains(answer, "refused") {
		t.Errorf("%s", answer)
	}
	key, err := unhex(sourceKey)
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := signedurl.EncryptSource(key, "https://example.com/private.jpg")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{signed(t, "/w:300/enc/"+hidden), "/wrong/w:300/enc/" + hidden} {
		if answer := explain(target); strings.Contains(answer, "private.jpg") {
			t.Errorf("%s: %s", target, answer)
		}
	}
	if status, answer := ask(http.MethodPost, "/studio/api/sign", `{"source":"a","variants":[{}]}`); status < 400 {
		t.Errorf("signing: %d %s", status, answer)
	}
	if status, page := ask(http.MethodGet, "/studio/", ""); status != 200 || !strings.Contains(page, "only reads") {
		t.Errorf("%d %s", status, page)
	}
	if status, figures := ask(http.MethodGet, "/studio/api/figures", ""); status != 200 ||
		!strings.Contains(figures, `"limit_bytes"`) {
		t.Errorf("%d %s", status, figures)
	}
	if a := s.get("/studio/"); a.status < 400 {
		t.Errorf("on the image port: %v", a)
	}
}
