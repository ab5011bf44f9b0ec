package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var keysSet = []string{"PICTOR_KEY=" + keyHex, "PICTOR_SALT=" + saltHex}

// explained runs explain and wants words in what it says.
func explained(t *testing.T, good bool, args []string, words ...string) {
	t.Helper()
	out, stderr, code := pictor(t, keysSet, append([]string{"explain"}, args...)...)
	if (code == 0) != good {
		t.Errorf("%v: code %d, %s", args, code, stderr)
	}
	for _, w := range words {
		if !strings.Contains(out+stderr, w) {
			t.Errorf("%v: no %q in\n%s%s", args, w, out, stderr)
		}
	}
}

func TestExplain(t *testing.T) {
	const path = "/rs:fill:300:200/plain/https://example.com/a.jpg@webp"
	url := "https://img.example.com" + signed(t, path)
	explained(t, true, []string{url}, "right", "https://example.com/a.jpg", "rt:fill/w:300/h:200/f:webp", "webp, asked for", "300x200", "MiB to work on", "cache key")
	explained(t, true, []string{strings.Replace(url, "plain/https://", "plain/https:/", 1)}, "right", "damage")
	explained(t, false, []string{url + "x"}, "wrong", "right        ")
	explained(t, false, []string{"https://img.example.com" + path}, "there is no signature")
	explained(t, false, []string{strings.TrimSuffix(signed(t, path), path) + "=" + path}, "padding was kept")
	explained(t, false, []string{signed(t, "/blurr:1/plain/x")}, `"blurr"`)
	explained(t, false, []string{signed(t, "/exp:5/plain/x")}, "it was good until 1970")
	explained(t, true, []string{"--thumbor-key", "my-security-key", "/thumbor/8ammJH8D-7tXy6kU3lTvoXlhu4o=/300x200/my.server.com/some/path/to/image.jpg"},
		"http://my.server.com/some/path/to/image.jpg", "rt:fill/w:300/h:200/el:1")
	explained(t, false, []string{"--thumbor-key", "my-security-key", "/thumbor/8ammJH8D-7tXy6kU3lTvoXlhu4o=/301x200/my.server.com/some/path/to/image.jpg"}, "not the hash")
	source := filepath.Join(t.TempDir(), "a.jpg")
	if err := os.WriteFile(source, photo(600, 400), 0o600); err != nil {
		t.Fatal(err)
	}
	explained(t, true, []string{"--source", source, signed(t, "/w:300/plain/x")}, "this jpeg of 600x400: 300x200", "jpeg, the source's")
	explained(t, false, nil, "takes a URL")
}

func TestExplainBatch(t *testing.T) {
	const path = "/w:1/plain/https://example.com/a.jpg"
	good := signed(t, path)
	log := strings.Join([]string{
		good,
		`1.2.3.4 - - [23/Nov/2026:10:00:00 +0000] "GET ` + good + ` HTTP/1.1" 200 5 "-" "x"`,
		`{"time":1,"path":"` + good + `","status":200}`,
		`1.2.3.4 - - [x] "GET ` + good + `x HTTP/1.1" 403 5`,
		`"GET ` + path + ` HTTP/1.1"`,
		`"GET /favicon.ico HTTP/1.1"`,
		signed(t, "/wmt:aGk/plain/x"),
	}, "\n")
	file := filepath.Join(t.TempDir(), "access.log")
	if err := os.WriteFile(file, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	explained(t, true, []string{"--batch", file}, "      3  ok", "      1  wrong-signature: there is no signature", "      1  not a picture", "imgproxy Pro", "      7  in all")
}

func TestSignBatchSrcsetAndExpiry(t *testing.T) {
	out, stderr, code := pictor(t, keysSet, "sign", "https://example.com/a.jpg", "q:70", "--srcset", "320,640", "--alt", `a "b"`, "--expires", "24h", "--url", "https://img.example.com")
	if code != 0 || !strings.HasPrefix(out, `<img src="https://img.example.com/`) || !strings.Contains(out, ` 320w, https://`) || !strings.Contains(out, `alt="a &#34;b&#34;"`) || !strings.Contains(out, "/exp:") {
		t.Errorf("%d %s %s", code, out, stderr)
	}
	out, stderr, code = pictor(t, keysSet, "sign", "--source-key", strings.Repeat("ab", 16), "https://example.com/secret.jpg", "w:5")
	if code != 0 || !strings.Contains(out, "/w:5/enc/") || strings.Contains(out, "secret") {
		t.Errorf("%d %s %s", code, out, stderr)
	}
}
