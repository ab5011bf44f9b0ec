package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rulesFile has a rule of each kind that refuses URLs.
const rulesFile = `
key: "` + keyHex + `"
salt: "` + saltHex + `"
path-prefix: /images
base-url: https://photos.example.com/p/
source-aliases: {cat: "https://cats.example.com/"}
rewrite-sources: {"https://old.example.com/": "https://photos.example.com/old/"}
allow-sources: photos.example.com,https://cats.example.com/open/,*.cdn.example.com,local:///open/
unsigned: true
unsigned-sources: https://photos.example.com/
unsigned-widths: 320,640
unsigned-formats: auto,webp
unsigned-presets: card
presets: {card: "rs:fill:400:300/pick:200:400:800", secret: "w:111"}
fallback-image: https://photos.example.com/none.png
fallback-missing: "data:image/png;base64,AAAA"
fallback-status: 200
`

// explain says for each URL which rule of the server's settings refuses it.
func TestExplainNamesTheRule(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pictor.yaml")
	writeFiles(t, filepath.Dir(file), map[string]string{"pictor.yaml": rulesFile})
	const source = "/plain/https://photos.example.com/a.jpg"
	pick := signed(t, "/pick:320:640/pickf:webp:avif"+source)
	for _, tc := range []struct {
		target string
		words  string // with bars between; the first one says whether it is served
	}{
		{signed(t, "/w:5"+source), "ok|source       https://photos.example.com/a.jpg|if missing   the data: URL, " +
			"with status 200 (--fallback-missing)|if failed    https://photos.example.com/none.png, with status 200 " +
			"(--fallback-image)"},
		{signed(t, "/w:5/plain/a.jpg"), "ok|fetched from https://photos.example.com/p/a.jpg"},
		{signed(t, "/w:5/plain/cat://open/a.jpg"), "ok|fetched from https://cats.example.com/open/a.jpg"},
		{signed(t, "/w:5/plain/https://old.example.com/a.jpg"), "ok|fetched from https://photos.example.com/old/a.jpg"},
		{signed(t, "/w:5/plain/local:///open/a.jpg"), "ok"},
		{signed(t, "/w:5/plain/cat://a.jpg"), "no|fetched from https://cats.example.com/a.jpg|wrong        |" +
			"--allow-sources does not list this source"},
		{signed(t, "/w:5/plain/../../a.jpg"), "no|leads out of the folder"},
		{signed(t, "/w:5/plain/https://evil.example.com/a.jpg"), "no|--allow-sources"},
		{signed(t, "/w:5/plain/local:///secret/a.jpg"), "no|--allow-sources"},
		{signed(t, "/w:5/plain/ftp://photos.example.com/a.jpg"), "no|scheme of the source is not supported"},

		{"/unsigned/w:320" + source, "ok|begins with /unsigned/|w:320"},
		{"/unsigned/pr:card" + source, "ok|w:200/h:150"},
		{"/unsigned/w:321" + source, "no|width 321 is not listed (--unsigned-widths)"},
		{"/unsigned/w:320/f:png" + source, "no|format png is not listed (--unsigned-formats)"},
		{"/unsigned/w:320/h:5" + source, "no|height 5 is not listed (--unsigned-heights)"},
		{"/unsigned/w:320/q:5" + source, "no|(--unsigned-qualities)"},
		{"/unsigned/w:320/dpr:5" + source, "no|(--unsigned-dprs)"},
		{"/unsigned/pr:secret" + source, "no|(--unsigned-presets)"},
		{"/unsigned/w:320/plain/cat://open/a.jpg", "no|the source is not listed (--unsigned-sources)|" +
			"fetched from https://cats.example.com/open/a.jpg"},

		{pick, "ok|choice       none, so the first values of pick:320:640/pickf:webp:avif|options      w:320/f:webp"},
		{"/w:640/f:avif" + pick, "ok|choice       w:640/f:avif, of pick:320:640/pickf:webp:avif|w:640/f:avif"},
		{"/w:800" + signed(t, "/pr:card"+source), "ok|w:800/h:600"},
		{"/w:641" + pick, `no|right|width "641" is not in the signed list (pick)`},
		{"/dpr:2" + pick, "no|no list of which a dpr could be picked (pick_dpr)"},
		{"/w:640" + signed(t, "/w:640"+source), "no|of no list|has no list"},
		{"/w:640" + strings.Replace(pick, "pick:320", "pick:321", 1), "no|signature    wrong|none of the usual"},
		{"/w:640" + strings.Replace(signed(t, "/w:640/pick:640"+source), "/w:640", "", 1), "no|the choice in front " +
			"of the signature was signed, too|right        " + strings.Split(signed(t, "/pick:640"+source), "/")[1]},
		{strings.Replace(pick, "/pick:", "/w:640/pick:", 1), `no|"w:640" was put behind the signature|` +
			"right        " + strings.Split(pick, "/")[1]},
		{"/w:640" + strings.Replace(pick, "/pick:", "=/pick:", 1), "no|padding was kept"},
	} {
		words := strings.Split(tc.words, "|")
		target := "https://img.example.com/images" + tc.target + "?q"
		explainedWith(t, nil, words[0] == "ok", []string{"--config", file, target}, words[1:]...)
	}
	explained(t, false, []string{"/unsigned/w:320" + source}, "only on a server with --unsigned")
	explained(t, false, []string{signed(t, "/w:320/plain/a.jpg")}, "no scheme", "--base-url")
	// Without a key the choice is read all the same.
	explainedWith(t, nil, true, []string{"/w:640" + pick}, "not checked", "choice       w:640, of", "w:640/f:webp")
	explainedWith(t, nil, false, []string{"/w:641" + pick}, "not checked", "not in the signed list")
	explainedWith(t, nil, false, []string{"/w:641" + source}, "there is no signature", "signed part  /w:641/plain")
	writeFiles(t, filepath.Dir(file), map[string]string{"log": strings.Join([]string{"/images/w:641" + pick, "/images" +
		signed(t, "/w:1/plain/https://evil.example/a"), "/images/unsigned/w:9" + source, "/images/w:640" + pick}, "\n")})
	explainedWith(t, nil, true, []string{"--config", file, "--batch", filepath.Join(filepath.Dir(file), "log")},
		"not-in-list: ", "source-not-allowed: ", "--allow-sources", "unsigned: ", "      1  ok\n")
}

// The row of the bucket says by which rule a result is written there, and for which requests never.
func TestExplainTellsOfTheBucket(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pictor.yaml")
	yaml := "accounts:\n  results: {store: s3, bucket: records, region: eu-central-1}\n" +
		"origins:\n  shop: {sources: 'https://shop.example/', pass-headers: [authorization], ca: /not/here}\n"
	if err := os.WriteFile(file, []byte(yaml+"cache-bucket: results/v1/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open, shop := signed(t, "/w:9/plain/https://a.example/x"), signed(t, "/w:9/plain/https://shop.example/x")
	all := explained(t, true, []string{"--config", file, open},
		"bucket       shared when it is asked for the second time")
	if strings.Contains(all, "pass-headers") {
		t.Errorf("the origin has no passed headers: %s", all)
	}
	explained(t, true, []string{"--config", file, "--cache-bucket-admit", "slow", open}, "if it takes 100ms or more")
	explained(t, true, []string{"--config", file, "--cache-bucket-admit", "all", shop}, "as soon as it is made",
		"not for requests with Authorization")
	explained(t, true, []string{"--config", file, "--cache-bucket-admit", "often", open}, `no server starts with`)
	if all := explained(t, true, []string{open}); strings.Contains(all, "bucket") {
		t.Errorf("there is no bucket: %s", all)
	}
}
