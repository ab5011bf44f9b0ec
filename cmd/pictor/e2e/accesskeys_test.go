package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keyFile is a YAML file with an access key that `pictor keys` has made, and more fields of its policy.
func keyFile(t testing.TB, id string, fields ...string) string {
	t.Helper()
	entry, _, code := pictor(t, nil, "keys", "--id", id)
	if code != 0 {
		t.Fatal(code)
	}
	for _, f := range fields {
		entry += "    " + f + "\n"
	}
	name := filepath.Join(t.TempDir(), "pictor.yaml")
	if err := os.WriteFile(name, []byte(entry), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// signedBy is a path that an access key of a file signs.
func signedBy(t testing.TB, file, id, source string, options ...string) string {
	t.Helper()
	args := append([]string{"sign", "--config", file, "--access-key", id, source}, options...)
	path, errs, code := pictor(t, nil, args...)
	if code != 0 {
		t.Fatal(errs)
	}
	return strings.TrimSpace(path)
}

func TestExplainNamesTheRuleOfAKey(t *testing.T) {
	file := keyFile(t, "shop", "max-width: 500", `sources: ["*.example.com"]`, "options: [w, format]")
	explain := func(good bool, target string, words ...string) {
		t.Helper()
		explainedWith(t, []string{"PICTOR_CONFIG=" + file}, good, []string{target}, words...)
	}
	good := signedBy(t, file, "shop", "https://img.example.com/a.jpg", "w:300", "f:webp")
	explain(true, good, "signature    right", "key          shop")
	explain(true, strings.Replace(good, "/shop.", "/", 1), "signature    right", "key          shop")
	explain(false, strings.Replace(good, "/shop.", "/stop.", 1), "there is no key stop")
	explain(false, signedBy(t, file, "shop", "https://img.example.com/a.jpg", "w:501"), "(max-width)")
	blurred := signedBy(t, file, "shop", "https://img.example.com/a.jpg", "w:1", "bl:3")
	explain(false, blurred, `"bl" is not listed (options)`)
	explain(false, signedBy(t, file, "shop", "https://example.org/a.jpg", "w:1"), "(sources)")
	for _, args := range [][]string{
		{"sign", "--config", file, "--access-key", "none", "x"}, {"sign", "--config", file, "x"},
		{"keys", "--id", "a.b"},
	} {
		if out, errs, code := pictor(t, nil, args...); code != 3 || !strings.Contains(errs, "access") &&
			!strings.Contains(errs, "--id") {
			t.Errorf("%v: %d %s%s", args, code, out, errs)
		}
	}
}
