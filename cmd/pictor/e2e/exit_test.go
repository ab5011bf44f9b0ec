package e2e

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestExitCodesTellErrorsApart(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	at := busy.Addr().String()
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("ttl: 3600\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serving := []string{"serve", "--insecure", "--listen", "127.0.0.1:0", "--admin-listen", "off"}
	with := func(args ...string) []string { return append(append([]string(nil), serving...), args...) }
	for _, c := range []struct {
		code int
		env  []string
		args []string
		say  string
	}{
		{0, nil, nil, "Exit codes:"},
		{0, nil, []string{"--help"}, "Exit codes:"},
		{0, nil, []string{"--version"}, "pictor "},
		{0, nil, []string{"-v"}, "pictor "},
		{0, nil, []string{"version"}, "libvips 8."},
		{0, nil, []string{"keys"}, "PICTOR_KEY="},
		{2, nil, []string{"server"}, `did you mean "serve"`},
		{2, nil, with("--listn", "x"), `did you mean "--listen"`},
		{2, nil, with("extra"), "unexpected argument"},
		{2, nil, with("--ttl"), "needs a value"},
		{2, nil, []string{"sign"}, `Run "pictor sign --help"`},
		{2, nil, []string{"explain"}, "takes a URL"},
		{2, nil, []string{"purge", "--soft", "--hard", "x"}, "--hard"},
		{3, nil, []string{"serve"}, "no signing key"},
		{3, nil, with("--ttl", "3600"), "write 3600s or 1h"},
		{3, []string{"PICTOR_CACHE_DISK=10"}, serving, "--cache-disk is 10 bytes"},
		{3, nil, with("--config", bad), "line 1, ttl"},
		{3, nil, with("--config", bad+"x"), "no such file"},
		{3, nil, with("--key", "xyz", "--salt", "aa"), "--key"},
		{3, nil, with("--key-file", bad+"x"), "--key-file"},
		{3, nil, with("--memory-limit", "100MiB"), "at least 117MiB"},
		{3, nil, with("--presets", "card=blurr:1"), `"blurr"`},
		{3, nil, with("--auto-formats", "tiff"), "tiff"},
		{3, nil, with("--cdn", "akamai"), "--cdn"},
		{3, nil, with("--thumbor-key", "x", "--thumbor-flavor", "y"), "--thumbor-flavor"},
		{3, nil, with("--watermark", bad), "--watermark"},
		{3, nil, []string{"config"}, "no signing key"},
		{3, nil, []string{"sign", "https://example.com/a.jpg"}, "no signing key"},
		{3, nil, []string{"health", "--listen", "8080"}, "host:port"},
		{4, nil, []string{"serve", "--insecure", "--listen", at, "--admin-listen", "off"}, "--listen " + at},
		{4, nil, []string{"serve", "--insecure", "--listen", "127.0.0.1:0", "--admin-listen", at}, "--admin-listen " + at},
		{4, nil, []string{"serve", "--insecure", "--listen", "192.0.2.1:80"}, "--listen 192.0.2.1:80"},
		{1, nil, []string{"health", "--listen", "127.0.0.1:1"}, "127.0.0.1:1"},
		{1, nil, []string{"purge", "--all", "--admin-listen", "127.0.0.1:1"}, "127.0.0.1:1"},
		{1, keysSet, []string{"explain", "/wrong/w:1/plain/x"}, "signature"},
		{1, keysSet, []string{"sign", "https://example.com/a.jpg", "blurr:1"}, "blurr"},
	} {
		out, errs, code := pictor(t, c.env, c.args...)
		if code != c.code || !strings.Contains(out+errs, c.say) {
			t.Errorf("%q: code %d, want %d with %q; says %s%s", c.args, code, c.code, c.say, out, errs)
		}
		if (code == 0) != (errs == "") || code != 0 && strings.Contains(out, "pictor:") {
			t.Errorf("%q: %d, standard error has %q, standard output %q", c.args, code, errs, out)
		}
	}
}

func TestVersionFlagIsTheFirstLineOfTheCommand(t *testing.T) {
	all, _, _ := pictor(t, nil, "version")
	first, _, _ := strings.Cut(all, "\n")
	for _, flag := range []string{"--version", "-v"} {
		if out, _, _ := pictor(t, nil, flag); out != first+"\n" {
			t.Errorf("%s: %q, want %q", flag, out, first)
		}
	}
}

// A busy port is all that is said, though there is more to warn of, and neither
// directory is touched.
func TestABusyPortIsTheFirstThingSaid(t *testing.T) {
	dir := t.TempDir()
	s := serveLocal(t, storedIn(dir)...)
	other := t.TempDir()
	for name, args := range map[string][]string{
		"the directories of a running server": storedIn(dir),
		"directories of its own":              storedIn(other),
	} {
		out, errs, code := pictor(t, []string{"PICTOR_TTLL=5m"},
			append([]string{"serve", "--insecure", "--listen", strings.TrimPrefix(s.url, "http://")}, args...)...)
		said := regexp.MustCompile(
			`\Apictor: cannot listen on --listen [^\n]*address already in use; stop the program [^\n]*\n\z`)
		if code != 4 || out != "" || !said.MatchString(errs) {
			t.Errorf("%s: %d %q %q", name, code, out, errs)
		}
	}
	if left, err := os.ReadDir(other); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if a := s.get("/health/ready"); a.status != 200 {
		t.Errorf("the running server: %v", a)
	}
}
