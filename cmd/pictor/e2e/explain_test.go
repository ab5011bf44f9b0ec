package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var keysSet = []string{"PICTOR_KEY=" + keyHex, "PICTOR_SALT=" + saltHex}

// explained runs explain and wants words in what it says.
func explained(t *testing.T, good bool, args []string, words ...string) (all string) {
	t.Helper()
	return explainedWith(t, keysSet, good, args, words...)
}

func explainedWith(t *testing.T, env []string, good bool, args []string, words ...string) (all string) {
	t.Helper()
	out, stderr, code := pictor(t, env, append([]string{"explain"}, args...)...)
	if (code == 0) != good {
		t.Errorf("%v: code %d, %s", args, code, stderr)
	}
	for _, w := range words {
		if !strings.Contains(out+stderr, w) {
			t.Errorf("%v: no %q in\n%s%s", args, w, out, stderr)
		}
	}
	return out + stderr
}

func TestExplain(t *testing.T) {
	const path = "/rs:fill:300:200/plain/https://example.com/a.jpg@webp"
	url := "https://img.example.com" + signed(t, path)
	hash := func(size string) []string {
		return []string{"--thumbor-key", "my-security-key",
			"/thumbor/8ammJH8D-7tXy6kU3lTvoXlhu4o=/" + size + "/my.server.com/some/path/to/image.jpg"}
	}
	explained(t, true, []string{url}, "right", "https://example.com/a.jpg", "rt:fill/w:300/h:200/f:webp",
		"webp, requested",
		"300x200", "MiB to process", "cache key")
	explained(t, true, []string{strings.Replace(url, "plain/https://", "plain/https:/", 1)}, "right", "damage")
	explained(t, false, []string{url + "x"}, "wrong", "right        ")
	explained(t, false, []string{"https://img.example.com" + path}, "there is no signature")
	explained(t, false, []string{strings.TrimSuffix(signed(t, path), path) + "=" + path}, "padding was kept")
	explained(t, false, []string{signed(t, "/blurr:1/plain/x")}, `"blurr"`, "signature    right")
	explained(t, false, []string{signed(t, "/exp:5/plain/https://a.example/x")}, "it was good until 1970",
		"source       https://a.example/x")
	explained(t, true, hash("300x200"), "http://my.server.com/some/path/to/image.jpg", "rt:fill/w:300/h:200/el:1")
	explained(t, true, hash("300%78200"), "signed part  300x200/my", "escaped after it was signed",
		"rt:fill/w:300/h:200/el:1")
	explained(t, false, hash("301x200"), "not the hash", "http://my.server.com/some/path/to/image.jpg", "w:301")
	source := filepath.Join(t.TempDir(), "a.jpg")
	if err := os.WriteFile(source, photo(600, 400), 0o600); err != nil {
		t.Fatal(err)
	}
	explained(t, true, []string{"--source", source, signed(t, "/w:300/plain/https://a.example/x")},
		"this jpeg of 600x400: 300x200", "jpeg, the source's")
	explained(t, false, nil, "takes a URL")
	named := signed(t, "/f:png/plain/https://a.example/x")
	open := signed(t, "/w:300/plain/http://127.0.0.1:9000/x")
	explained(t, false, []string{open}, "127.0.0.1 is not public, and --allow-networks does not have it")
	explained(t, false, []string{signed(t, "/w:300/plain/http://LOCALHOST/x")}, "not public")
	explained(t, true, []string{"--allow-networks", "127.0.0.0/8", "--auto-formats", "webp", open},
		"jpeg, the source's; clients that accept another one of --auto-formats (webp) by Accept")
	if all := explained(t, true, []string{"--auto-formats", "webp", named}); strings.Contains(all, "Accept") {
		t.Errorf("a format that the URL names is negotiated: %s", all)
	}
	explained(t, false, []string{"--path-prefix", "/images", url}, "does not begin with the server's prefix /images")
}

// A wrong signature hides nothing else that is wrong, nor what is right.
func TestExplainGoesOnWhereTheSignatureIsWrong(t *testing.T) {
	for path, words := range map[string][]string{
		"/rs:fill:300:200/plain/https://example.com/a.jpg@webp": {"https://example.com/a.jpg", "rt:fill/w:300/h:200/f:webp", "300x200"},
		"/blurr:1/plain/https://example.com/a.jpg":              {`wrong        unknown option`, `"blurr"`, "match this path, and unknown option"},
		"/w:abc/plain/https://example.com/a.jpg":                {`"abc" is not a whole number`},
		"/w:100/!!!":                                            {"base64url"},
		"/exp:5/w:9/plain/https://a.example/x":                  {"w:9", "match this path, and it was good until 1970"},
	} {
		for _, target := range []string{missigned(signed(t, path)), path} {
			all := explained(t, false, []string{target},
				append(words, "signature    wrong", "right        ", "the signature does not match this path")...)
			if strings.Count(all, "pictor:") != 1 {
				t.Errorf("%s: not one error: %s", target, all)
			}
		}
	}
}

func TestExplainFindsStandardBase64(t *testing.T) {
	for i := range 1000 {
		path := fmt.Sprintf("/w:%d/plain/https://example.com/a.jpg", i+1)
		right := strings.TrimSuffix(signed(t, path), path)
		if !strings.Contains(right, "_") || !strings.Contains(right, "-") {
			continue
		}
		standard := "/" + strings.NewReplacer("-", "+", "_", "/").Replace(right[1:])
		want := []string{"its / splits the path", "right        " + right[1:] + "\n",
			fmt.Sprintf("options      w:%d\n", i+1)}
		explained(t, false, []string{"https://img.example.com" + standard + path}, want...)
		explained(t, false, []string{standard + "=" + path}, append(want, "and          the padding was kept")...)
		explainedWith(t, nil, false, []string{standard + "=" + path}, "its / splits the path", "the padding was kept",
			want[2])
		return
	}
	t.Fatal("no signature has both characters")
}

func TestExplainWithoutAKey(t *testing.T) {
	const path = "/rs:fill:300:200/plain/https://example.com/a.jpg@webp"
	good := signed(t, path)
	for _, target := range []string{good, missigned(good), "https://img.example.com" + good + "?x=1"} {
		explainedWith(t, nil, true, []string{target}, "signature    not checked: there is no key (set --key and --salt",
			"https://example.com/a.jpg", "rt:fill/w:300/h:200/f:webp", "300x200", "cache key")
	}
	explainedWith(t, nil, false, []string{signed(t, "/blurr:1/plain/x")}, "not checked", `"blurr"`)
	explainedWith(t, nil, false, []string{path}, "there is no signature", "https://example.com/a.jpg")
	explainedWith(t, nil, false, []string{good[:20] + path}, "signature    wrong",
		"it has 14 bytes: signatures of this server have 32")
	explainedWith(t, nil, true, []string{"--insecure", "/any" + path}, "any passes (--insecure)")
	file := filepath.Join(t.TempDir(), "urls")
	if err := os.WriteFile(file, []byte(good+"\n"+missigned(good)+"\n"+path), 0o600); err != nil {
		t.Fatal(err)
	}
	explainedWith(t, nil, true, []string{"--batch", file}, "      2  ok, signature not checked (no key)",
		"      1  wrong-signature: there is no signature")
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
	explained(t, true, []string{"--batch", file}, "      3  ok", "      1  wrong-signature: there is no signature",
		"      1  not an image", "imgproxy Pro", "      7  in all")
}

func TestSignBatchSrcsetAndExpiry(t *testing.T) {
	out, stderr, code := pictor(t, keysSet, "sign", "https://example.com/a.jpg", "q:70", "--srcset", "320,640",
		"--alt", `a "b"`, "--expires", "24h", "--url", "https://img.example.com")
	if code != 0 || !strings.HasPrefix(out, `<img src="https://img.example.com/`) || !strings.Contains(out,
		` 320w, https://`) || !strings.Contains(out, `alt="a &#34;b&#34;"`) || !strings.Contains(out, "/exp:") {
		t.Errorf("%d %s %s", code, out, stderr)
	}
	if stderr != "" {
		t.Errorf("with --url there is a hint: %s", stderr)
	}
	// Without --url the paths are the page's own: said beside what is printed.
	for _, source := range []string{"https://example.com/a.jpg", "-"} {
		out, stderr, code = pictor(t, keysSet, "sign", source, "--srcset", "320,640")
		if code != 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "hint: without --url") ||
			strings.Contains(out, "hint") {
			t.Errorf("%s: %d %q %q", source, code, out, stderr)
		}
		if source != "-" && !strings.HasPrefix(out, `<img src="/`) {
			t.Errorf("%s: %q", source, out)
		}
	}
	if _, stderr, _ = pictor(t, keysSet, "sign", "https://example.com/a.jpg"); stderr != "" {
		t.Errorf("a path alone needs no hint: %s", stderr)
	}
	out, stderr, code = pictor(t, keysSet, "sign", "--source-key", strings.Repeat("ab", 16),
		"https://example.com/secret.jpg", "w:5")
	if code != 0 || !strings.Contains(out, "/w:5/enc/") || strings.Contains(out, "secret") {
		t.Errorf("%d %s %s", code, out, stderr)
	}
}
