package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pictor-proxy/pictor/cache/enginetest"
	"github.com/pictor-proxy/pictor/proxy"
)

// composeFile is what the test reads of docs/deploy/compose.yaml.
type composeFile struct {
	Services map[string]struct {
		Environment map[string]string `yaml:"environment"`
		Command     any               `yaml:"command"`
		Volumes     []string          `yaml:"volumes"`
		StopGrace   string            `yaml:"stop_grace_period"`
		Networks    any               `yaml:"networks"`
		Healthcheck struct {
			Test []string `yaml:"test"`
		} `yaml:"healthcheck"`
	} `yaml:"services"`
	Volumes map[string]any `yaml:"volumes"`
}

// readCompose fills in variables as docker compose does.
func readCompose(t *testing.T, variables map[string]string) (c composeFile) {
	t.Helper()
	text, err := os.ReadFile(root + "/docs/deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	variable := regexp.MustCompile(`\$\{(\w+):\?[^}]*\}`)
	filled := variable.ReplaceAllStringFunc(string(text), func(m string) string {
		v, ok := variables[variable.FindStringSubmatch(m)[1]]
		if !ok {
			t.Errorf("a variable that the comment does not name: %s", m)
		}
		return v
	})
	if err := yaml.Unmarshal([]byte(filled), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// The servers, engines and the balancer of compose.yaml work together with the environment and the commands that they
// have there: a result that one server made comes to another one out of the bucket, and a purge reaches all.
func TestComposeFile(t *testing.T) {
	needs(t, "haproxy")
	t.Parallel()
	c := readCompose(t, map[string]string{"PICTOR_KEY": keyHex, "PICTOR_SALT": saltHex, "STORE_SECRET": "hush"})
	store := composeStore(t, fmt.Sprint(c.Services["store"].Command), c.Services["store"].Environment)
	bus := enginetest.Run(t, "redis-server", slices.Concat([]string{"--port", "{port}", "--bind", "{host}", "--dir",
		"{dir}"}, commandOf(t, c.Services["redis"].Command, "redis-server"))...)
	hosts := strings.NewReplacer("redis:6379", bus.Address(), "store:7070", store)
	origin, listen, servers := newVersions(t), []string{}, []*server{}
	for _, name := range []string{"web1", "web2", "web3"} {
		s := c.Services[name]
		if d, err := time.ParseDuration(s.StopGrace); err != nil || d < 40*time.Second {
			t.Errorf("%s is killed after %s", name, s.StopGrace)
		}
		dir := t.TempDir()
		listen = append(listen, freeAddress(t))
		args := append(storedIn(dir), "--allow-networks", "127.0.0.0/8", "--listen", listen[len(listen)-1])
		for variable, value := range s.Environment {
			flag := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, "PICTOR_"), "_", "-"))
			// The disk of the test may be smaller, and its log is read.
			if flag != "cache-disk" && flag != "log-format" {
				args = append(args, "--"+flag, hosts.Replace(value))
			}
		}
		servers = append(servers, serve(t, args...))
		if volume, _, _ := strings.Cut(s.Volumes[0], ":"); volume != name || !hasKey(c.Volumes, name) {
			t.Errorf("%s keeps its cache in %s of %v", name, volume, c.Volumes)
		}
	}
	front := composeBalancer(t, fmt.Sprint(c.Services["haproxy"].Command), listen)
	for service, inside := range map[string]string{"haproxy": "127.0.0.1/8000", "store": "127.0.0.1:7070"} {
		at := map[string]string{"haproxy": strings.TrimPrefix(front, "http://"), "store": store}[service]
		checkHealth(t, c.Services[service].Healthcheck.Test, inside, at)
	}
	path := signed(t, "/f:png/plain/"+origin.URL+"/a.png")
	if a := (&server{t: t, url: front}).get(path); a.status != http.StatusOK {
		t.Fatal(a)
	}
	for range 2 { // the second request to a server has the result admitted
		servers[0].get(path)
	}
	servers[0].awaitWritten(t, 1)
	found := func(s *server) bool { return strings.Contains(s.get(path).header.Get("Cache-Status"), "bucket") }
	if !found(servers[1]) && !found(servers[2]) {
		t.Error("no other server has the result out of the bucket")
	}
	answer, status, err := servers[2].purgeAt(proxy.PurgeRequest{All: true})
	if err != nil || status != http.StatusOK || len(answer.Servers) != 3 {
		t.Errorf("%+v, %d, %v", answer, status, err)
	}
}

// checkHealth runs a health check at an address in place of the one that it has, and at one where nothing is.
func checkHealth(t *testing.T, check []string, inside, at string) {
	t.Helper()
	if len(check) < 2 || check[0] != "CMD" || !strings.Contains(strings.Join(check, " "), inside) {
		t.Fatalf("%q has no %s", check, inside)
	}
	needs(t, check[1])
	for _, address := range []string{at, freeAddress(t)} {
		if strings.Contains(inside, "/") {
			address = strings.Replace(address, ":", "/", 1)
		}
		var args []string
		for _, arg := range check[2:] {
			args = append(args, strings.ReplaceAll(arg, inside, address))
		}
		out, err := exec.Command(check[1], args...).CombinedOutput()
		if healthy := address == at || strings.Replace(at, ":", "/", 1) == address; (err == nil) != healthy {
			t.Errorf("%q at %s: %s, %v", check, address, out, err)
		}
	}
}

func hasKey(m map[string]any, key string) bool { _, ok := m[key]; return ok }

// commandOf are the arguments of a command, split as a shell does that has no quotes but "".
func commandOf(t *testing.T, command any, program string) []string {
	t.Helper()
	fields := strings.Fields(fmt.Sprint(command))
	if len(fields) == 0 || fields[0] != program {
		t.Fatalf("%v does not run %s", command, program)
	}
	for i := range fields {
		fields[i] = strings.Trim(fields[i], `"`)
	}
	return fields[1:]
}

// composeStore starts the store as the compose file does.
func composeStore(t *testing.T, command string, environment map[string]string) (address string) {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"meta", "buckets/results"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	args := strings.Fields(strings.NewReplacer(":7070", "{host}:{port}", "/store", dir).Replace(command))
	args = slices.Concat([]string{"--quiet", "--access", environment["ROOT_ACCESS_KEY_ID"], "--secret",
		environment["ROOT_SECRET_ACCESS_KEY"]}, args)
	return enginetest.Run(t, "versitygw", args...).Address()
}

// composeBalancer starts HAProxy with what the compose file's command makes of the recipe.
func composeBalancer(t *testing.T, command string, servers []string) (url string) {
	t.Helper()
	edit := regexp.MustCompile(`sed '(.*?)'`).FindStringSubmatch(command)
	if edit == nil {
		t.Fatal(command)
	}
	out, err := exec.Command("sed", edit[1], root+"/docs/deploy/haproxy.cfg").Output()
	if err != nil {
		t.Fatal(err)
	}
	changed, front := string(out), freeAddress(t)
	for i, at := range servers {
		inside := fmt.Sprintf("10.77.0.1%d:8080", i+1)
		if !strings.Contains(changed, inside) {
			t.Fatalf("no %s in %s", inside, changed)
		}
		changed = strings.Replace(changed, inside, at, 1)
	}
	conf := filepath.Join(t.TempDir(), "haproxy.cfg")
	changed = strings.Replace(changed, "bind :8000", "bind "+front, 1)
	if err := os.WriteFile(conf, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	runAt(t, front, exec.Command("haproxy", "-db", "-f", conf))
	url = "http://" + front
	waitFor(t, "HAProxy", func() bool {
		return (&server{t: t, url: url}).attempt("/health/ready").status == http.StatusOK
	})
	return url
}
