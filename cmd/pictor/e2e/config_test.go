package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

func TestConfigCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pictor.yaml")
	if err := os.WriteFile(file, []byte("ttl: 2h\nworkers: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, stderr, code := pictor(t, append([]string{"PICTOR_WORKERS=3"}, keysSet...), "config", "--config", file,
		"--queue-wait", "5s")
	for _, want := range []string{"ttl ", "2h0m0s", "pictor.yaml line 1", "PICTOR_WORKERS", "--queue-wait",
		"(secret)"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if code != 0 || strings.Contains(out, keyHex) {
		t.Errorf("%d %s", code, stderr)
	}
	out, stderr, code = pictor(t, nil, "config")
	if code == 0 || !strings.Contains(stderr, "no signing key") || !strings.Contains(out, "SETTING") {
		t.Errorf("without keys: %d %s", code, stderr)
	}
	out, stderr, code = pictor(t, []string{"IMGPROXY_KEY=" + keyHex, "IMGPROXY_TTL=60", "IMGPROXY_QUALITY=70",
		"IMGPROXY_NOTHING=1"}, "config", "--from-imgproxy")
	for _, want := range []string{`ttl: "60s"`, `presets: "default=q:70"`,
		"IMGPROXY_NOTHING: pictor has nothing like it", "PICTOR_KEY"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if code != 0 || strings.Contains(out, keyHex) {
		t.Errorf("%d %s", code, stderr)
	}
}

// What imgproxy's variables become is a file that a server starts with, once the
// keys are in its environment.
func TestAServerStartsWithWhatImgproxyHad(t *testing.T) {
	root, file := t.TempDir(), filepath.Join(t.TempDir(), "pictor.yaml")
	if err := os.WriteFile(filepath.Join(root, "a.jpg"), photo(60, 40), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := pictor(t, []string{
		"IMGPROXY_KEY=" + keyHex, "IMGPROXY_SALT=" + saltHex, "IMGPROXY_PROMETHEUS_BIND=:9090", "IMGPROXY_TTL=60",
		"IMGPROXY_PRESETS=card=rs:fill:30:20", "IMGPROXY_FORMAT_QUALITY=webp=70,heic=60", "IMGPROXY_LOCAL_FILESYSTEM_ROOT=" + root,
		"IMGPROXY_MAX_SRC_FILE_SIZE=0", "IMGPROXY_LOG_LEVEL=warn",
	}, "config", "--from-imgproxy")
	if code != 0 {
		t.Fatal(errs)
	}
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("env", append(keysSet, program)...)
	s := start(t, cmd, "--config", file)
	a := s.get(signed(t, "/pr:card/plain/local:///a.jpg@webp"))
	if info, err := container.Sniff(a.body); err != nil || info.Width != 30 || info.Height != 20 ||
		info.Format != transform.WebP {
		t.Errorf("%v: %+v, %v", a, info, err)
	}
}

// shownSettings is the table that config prints: value and place by the name.
func shownSettings(t *testing.T, env []string, args ...string) map[string][2]string {
	t.Helper()
	out, errs, code := pictor(t, env, append([]string{"config"}, args...)...)
	if code != 0 {
		t.Fatalf("%q: %d %s", args, code, errs)
	}
	columns := regexp.MustCompile(`  +`)
	shown := map[string][2]string{}
	for line := range strings.Lines(out) {
		f := columns.Split(strings.TrimSpace(line), -1)
		if len(f) != 3 || f[1] == "-" {
			t.Errorf("%q is not a setting, its value and its place", line)
			continue
		}
		shown[f[0]] = [2]string{f[1], f[2]}
	}
	return shown
}

func TestConfigShowsWhatHolds(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("directories are those of Linux")
	}
	home := t.TempDir()
	env := append([]string{"HOME=" + home}, keysSet...)
	for _, c := range []struct {
		name string
		env  []string
		args []string
		want map[string][2]string
	}{
		{"defaults", nil, []string{"--memory-limit", "512Mi", "--workers", "2"}, map[string][2]string{
			"listen": {":8080", "default"}, "admin-listen": {"127.0.0.1:8081", "default, if it is free"},
			"memory-limit": {"512MiB", "--memory-limit"}, "workers": {"2", "--workers"},
			"cache-memory": {"61MiB", "a share of the memory limit"}, "cache-disk": {"1GiB", "default"}, "cache-sources": {"512MiB", "half of cache-disk"},
			"cache-dir": {home + "/.cache", "default"}, "state-dir": {home + "/.local/state/pictor", "default"},
			"key": {"(secret)", "PICTOR_KEY"}, "arguments-separator": {":", "default"}, "insecure": {"off", "default"}, "watermark": {"none", "default"},
		}},
		{"--dev", []string{"PICTOR_KEY=", "PICTOR_SALT="}, []string{"--dev"}, map[string][2]string{
			"listen": {"127.0.0.1:8080", "--dev"}, "key": {"(temporary)", "--dev"}, "allow-networks": {"127.0.0.0/8,::1/128", "--dev"},
			"cache-dir": {home + "/.cache/pictor-dev", "--dev"}, "state-dir": {home + "/.local/state/pictor-dev", "--dev"}, "dev": {"on", "--dev"},
		}},
		{"set", []string{"PICTOR_CACHE_DIR=/c", "PICTOR_LISTEN=:9"},
			[]string{"--state-dir=/s", "--admin-listen=off", "--cache-memory=64M"}, map[string][2]string{
				"listen": {":9", "PICTOR_LISTEN"}, "admin-listen": {"off", "--admin-listen"}, "cache-dir": {"/c", "PICTOR_CACHE_DIR"},
				"state-dir": {"/s", "--state-dir"}, "cache-memory": {"62500KiB", "--cache-memory"},
			}},
		{"no disk", nil, []string{"--cache-disk=off"}, map[string][2]string{
			"cache-disk": {"off", "--cache-disk"}, "cache-sources": {"off", "cache-disk is off"}, "cache-dir": {"none", "cache-disk is off"},
		}},
		{"more for sources than there is", nil, []string{"--cache-sources=2GiB"}, map[string][2]string{
			"cache-sources": {"1024MiB", "--cache-sources, all of cache-disk"},
		}},
	} {
		shown := shownSettings(t, append(append([]string(nil), env...), c.env...), c.args...)
		for name, want := range c.want {
			if shown[name] != want {
				t.Errorf("%s: %s is %q, want %q", c.name, name, shown[name], want)
			}
		}
	}
}

// What was found is what a server finds, and says in its log.
func TestConfigFindsWhatAServerFinds(t *testing.T) {
	s := serve(t, "--dev")
	shown := shownSettings(t, nil, "--dev")
	for name, in := range map[string]string{"memory-limit": "limit", "workers": "workers", "cache-memory": "cache"} {
		if want := " split." + in + "=" + shown[name][0] + " "; !strings.Contains(s.logged(), want) {
			t.Errorf("%s is %q, and a server has not%s in\n%s", name, shown[name], want, s.logged())
		}
	}
}

// All that keeps serve from starting is told by config, too, after the table.
func TestConfigTellsWhatServeWouldNotStartWith(t *testing.T) {
	for _, c := range [][2]string{
		{"--memory-limit=100MiB", "at least 117MiB"}, {"--cache-disk=10", "--cache-disk is 10 bytes"},
		{"--presets=card=blurr:1", "blurr"}, {"--cdn=akamai", "--cdn"}, {"--watermark=/does/not/exist", "--watermark"},
	} {
		out, errs, code := pictor(t, keysSet, "config", c[0])
		if code != 3 || !strings.HasPrefix(out, "SETTING") || !strings.Contains(errs, c[1]) {
			t.Errorf("%s: %d %q %q", c[0], code, out, errs)
		}
	}
}

func TestConfigAndServeWarnOfVariablesSecretsAndSizes(t *testing.T) {
	vars := []string{"PICTOR_TTLL=5m", "PICTOR_CACHE_DISK=104857600"}
	_, errs, code := pictor(t, append(vars, keysSet...), "config", "--metrics-token", "hush")
	cmd := exec.Command("env", append(vars, program)...)
	logged := start(t, cmd, "--insecure", "--metrics-token", "hush").logged()
	for _, want := range []string{
		"PICTOR_TTLL is not a setting of pictor and has no effect; did you mean PICTOR_TTL?",
		"PICTOR_CACHE_DISK is 104857600 without a unit, which counts bytes: write 100MiB if that is meant",
		"every user of this machine can read --metrics-token in the list of processes: " +
			"set PICTOR_METRICS_TOKEN in the environment, or use --metrics-token-file",
	} {
		if code != 0 || !strings.Contains(errs, "pictor: warning: "+want) {
			t.Errorf("config: %d %s", code, errs)
		}
		if !strings.Contains(logged, `level=WARN msg="`+want+`"`) {
			t.Errorf("serve: %s", logged)
		}
	}
}
