package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/cache/enginetest"
)

// finding is one of `pictor doctor --json`.
type finding struct{ Level, Name, Text, Do string }

// diagnose runs the doctor on settings that are well, and on more of them; before is what leads to the program.
func diagnose(t *testing.T, site *site, before []string, more ...string) (found []finding, code int, out string) {
	t.Helper()
	words := append(append([]string{}, before...), program, "doctor", "--json", "--memory-limit", "512MiB",
		"--listen", freeAddress(t), "--admin-listen", freeAddress(t), "--allow-networks", "127.0.0.0/8",
		"--cache-disk", "1MiB", "--cache-dir", t.TempDir(), "--state-dir", t.TempDir(), "--base-url", site.URL+"/")
	if !slices.Contains(more, "--insecure") && !slices.Contains(more, "--key") {
		words = append(words, "--key", strings.Repeat("a1", 32), "--salt", strings.Repeat("b2", 32))
	}
	words = append(words, more...)
	stdout, stderr, code := runWords(t, words)
	if err := json.Unmarshal([]byte(stdout), &found); err != nil {
		t.Fatalf("%v: %s %s", err, stdout, stderr)
	}
	return found, code, stdout + stderr
}

func runWords(t *testing.T, words []string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// fault is one that is planted, and the finding that it must lead to.
type fault struct {
	name, level, finding, text string
	args                       []string
}

const wrongSecret = "a-secret-that-is-wrong"

func TestDoctorNamesFaults(t *testing.T) {
	site := newSite(t)
	for _, f := range slices.Concat(faultsOfTheMachine(t), faultsOfSettings(), faultsOfTheNetwork(t)) {
		t.Run(f.name, func(t *testing.T) {
			var before []string
			if f.finding == "ulimit" {
				needs(t, "prlimit")
				before = []string{"prlimit", "--nofile=200:200"}
			}
			if f.finding == "traces" { // its settings are those of the environment
				before, f.args = append([]string{"env"}, f.args...), nil
			}
			found, code, out := diagnose(t, site, before, f.args...)
			if (code != 0) != strings.Contains(out, `"level": "problem"`) || f.level == "problem" && code != 1 {
				t.Errorf("exit code %d", code)
			}
			named := false
			for _, got := range found {
				named = named || got.Level == f.level && got.Name == f.finding && strings.Contains(got.Text, f.text)
				if (got.Do == "") != (got.Level == "ok") {
					t.Errorf("what is to be done about %v?", got)
				}
			}
			if !named {
				t.Errorf("no %s %q with %q in %s", f.level, f.finding, f.text, out)
			}
			if strings.Contains(out, wrongSecret) {
				t.Errorf("a secret is printed: %s", out)
			}
		})
	}
}

func faultsOfTheMachine(t *testing.T) []fault {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	state := t.TempDir()
	file, later := filepath.Join(state, "purges"), time.Now().Add(48*time.Hour)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, later, later); err != nil {
		t.Fatal(err)
	}
	nowhere := filepath.Join(t.TempDir(), "none")
	dir := t.TempDir()
	expired := newCertificate(t, dir, "expired", time.Now().Add(-time.Hour))
	soon := newCertificate(t, dir, "soon", time.Now().Add(24*time.Hour))
	return []fault{
		{"expired certificate", "problem", "tls", "has expired", []string{"--tls-cert", expired.cert, "--tls-key",
			expired.key}},
		{"certificate that expires soon", "note", "tls", "expires soon", []string{"--tls-cert", soon.cert, "--tls-key",
			soon.key}},
		{"key of another certificate", "problem", "tls", "are no pair", []string{"--tls-cert", soon.cert, "--tls-key",
			expired.key}},
		{"taken port", "problem", "port", taken.Addr().String(), []string{"--listen", taken.Addr().String()}},
		{"folder that nobody can write", "problem", "disk", "/proc/pictor", []string{"--cache-dir", "/proc/pictor"}},
		{"tmpfs", "note", "disk", "without a disk cache", []string{"--cache-dir", "/dev/shm/pictor-doctor-test"}},
		{"full disk", "note", "disk", "are free", []string{"--cache-disk", "900TiB"}},
		{"clock behind the purge log", "problem", "clock", file, []string{"--state-dir", state}},
		{"few open files", "problem", "ulimit", "may open 200 files", nil},
		{"little memory", "problem", "memory", "", []string{"--memory-limit", "1MiB"}},
		{"no worker", "problem", "worker", nowhere, []string{"--worker-command", nowhere}},
	}
}

func faultsOfSettings() []fault {
	key := strings.Repeat("a1", 32)
	two := []string{"--key", key + "," + key, "--salt", strings.Repeat("b2", 32) + "," + strings.Repeat("c3", 32)}
	return []fault{
		{"short key", "note", "settings", "6 bytes long", []string{"--key", keyHex, "--salt", saltHex}},
		{"key as salt", "note", "signing", "salt of key 1", []string{"--key", key, "--salt", key}},
		{"same key twice", "note", "signing", "key of key 2", two},
		{"insecure for all", "note", "signing", "--insecure with --listen", []string{"--insecure", "--listen", ":0"}},
		{"unsigned for all", "note", "signing", "--unsigned-sources has *", []string{"--unsigned",
			"--unsigned-sources", "*"}},
		{"timeouts that fight", "note", "settings", "--fetch-timeout is longer", []string{"--fetch-timeout", "1h"}},
		{"format that is not written", "note", "formats", "--auto-formats has avif", []string{"--formats", "jpg,png",
			"--auto-formats", "avif"}},
		{"origin that is not allowed", "problem", "origin", "--base-url leads to sources that are refused",
			[]string{"--allow-sources", "photos.example.com"}},
		{"private origin", "problem", "origin", "private address", []string{"--base-url", "http://10.0.0.1/"}},
	}
}

func faultsOfTheNetwork(t *testing.T) []fault {
	closed := freeAddress(t)
	unknown := httptest.NewTLSServer(nil)
	t.Cleanup(unknown.Close)
	dir := t.TempDir()
	bucketFiles(t, dir, "photos/a.jpg")
	s3 := enginetest.Run(t, "versitygw", "--quiet", "--access", "AKID", "--secret", "the-right-secret", "--port",
		"{host}:{port}", "posix", "--nometa", dir)
	redis := enginetest.Redis(t)
	bus := "redis://" + redis.Address()
	old := storeWithoutConditions(t, s3.Address())
	at := func(endpoint, bucket, secret string) []string {
		return []string{"--accounts", "{main: {store: s3, bucket: " + bucket + ", endpoint: '" + endpoint +
			"', access-key-id: AKID, secret-access-key: " + secret + "}}"}
	}
	account := func(bucket, secret string) []string { return at("http://"+s3.Address(), bucket, secret) }
	return []fault{
		{"closed port", "problem", "origin", "--base-url cannot be reached", []string{"--base-url",
			"http://" + closed + "/"}},
		{"no such host", "problem", "dns", "nowhere.invalid", []string{"--source-aliases",
			"photos=http://nowhere.invalid/"}},
		{"unknown authority", "problem", "origin", "certificate", []string{"--origins",
			"{shop: {sources: ['" + unknown.URL + "/']}}"}},
		{"wrong credential", "problem", "bucket", "SignatureDoesNotMatch", account("photos", wrongSecret)},
		{"no bucket", "problem", "bucket", "no bucket nowhere", account("nowhere", "the-right-secret")},
		{"cache bucket", "problem", "cache-bucket", "cannot be used", append(account("photos", wrongSecret),
			"--cache-bucket", "main/results/", "--purge-bus", bus)},
		{"store without conditions", "note", "cache-bucket", "replaces an object", append(at(old, "photos",
			"the-right-secret"), "--cache-bucket", "main/results/", "--purge-bus", bus)},
		{"closed bus", "problem", "purge-bus", "does not answer", []string{"--purge-bus", "redis://" + closed}},
		{"closed NATS", "problem", "purge-bus", "does not answer", []string{"--purge-bus", "nats://" + closed}},
		{"wrong password", "problem", "purge-bus", "does not answer", []string{"--purge-bus",
			"redis://user:" + wrongSecret + "@" + redis.Address()}},
		{"closed collector", "note", "traces", closed, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + closed}},
		{"closed leases", "problem", "fill-leases", "does not answer", []string{"--purge-bus", bus,
			"--fill-leases", "redis://:" + wrongSecret + "@" + closed}},
	}
}

// storeWithoutConditions is a store that refuses to create objects on a condition.
func storeWithoutConditions(t *testing.T, address string) (endpoint string) {
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: address})
		r.Out.Host = r.In.Host // it is signed
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// A set-up with everything that answers has no problem. Nothing of it is left, and a server that has the directories
// goes on.
func TestDoctorIsContent(t *testing.T) {
	site := newSite(t)
	source := site.put("/a.jpg", photo(60, 40))
	objects, cacheDir, stateDir := t.TempDir(), t.TempDir(), t.TempDir()
	bucketFiles(t, objects, "photos/a.jpg")
	s3 := enginetest.Run(t, "versitygw", "--quiet", "--access", "AKID", "--secret", "the-right-secret", "--port",
		"{host}:{port}", "posix", "--nometa", objects)
	redis, nats := enginetest.Redis(t), enginetest.NATS(t)
	s := serveLocal(t, "--cache-dir", cacheDir, "--state-dir", stateDir)
	path := signed(t, "/w:30/plain/"+source)
	if a := s.get(path); a.status != 200 {
		t.Fatal(a)
	}
	logged := s.logged()
	found, code, out := diagnose(t, site, nil, "--cache-dir", cacheDir, "--state-dir", stateDir,
		"--accounts", "{main: {store: s3, bucket: photos, endpoint: 'http://"+s3.Address()+
			"', access-key-id: AKID, secret-access-key: the-right-secret}}", "--cache-bucket", "main/results/",
		"--purge-bus", "nats://"+nats.Address(), "--fill-leases", "redis://"+redis.Address(),
		"--source-aliases", "s=http://localhost:"+site.URL[strings.LastIndex(site.URL, ":")+1:]+"/")
	ok := map[string]bool{}
	for _, f := range found {
		ok[f.Name] = ok[f.Name] || f.Level == "ok"
	}
	for _, name := range []string{"version", "worker", "memory", "disk", "settings", "signing", "port", "dns", "origin",
		"bucket", "cache-bucket", "purge-bus", "fill-leases"} {
		if !ok[name] {
			t.Errorf("nothing well of %s", name)
		}
	}
	if code != 0 || strings.Contains(out, `"problem"`) {
		t.Errorf("%d: %s", code, out)
	}
	err := filepath.WalkDir(filepath.Join(objects, "photos"), func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Base(path) != "a.jpg" {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, dir := range []string{cacheDir, stateDir} {
		if left, _ := filepath.Glob(filepath.Join(dir, ".pictor-doctor-*")); len(left) > 0 {
			t.Errorf("%v are left", left)
		}
	}
	a, since := s.get(path), s.logged()[len(logged):]
	if n := site.count("/a.jpg"); a.status != 200 || n != 1 || strings.Contains(since, "level=WARN") {
		t.Errorf("%v, %d fetches: %s", a, n, since)
	}
}
