package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestUnknownVariables(t *testing.T) {
	table := tableOf(t)
	for entry, near := range map[string]string{
		"PICTOR_TTLL=5m":                           "PICTOR_TTL",
		"PICTOR_CACHEDISK=1GiB":                    "PICTOR_CACHE_DISK",
		"PICTOR_CACHE-DISK=1GiB":                   "PICTOR_CACHE_DISK",
		"PICTOR_MEMORY_LIMT=1GiB":                  "PICTOR_MEMORY_LIMIT",
		"PICTOR_CONFG=x":                           "PICTOR_CONFIG",
		"PICTOR_KEY_FIL=x":                         "PICTOR_KEY_FILE",
		"PICTOR_PORT=8080":                         "",
		"PICTOR_NOTHING_OF_THE_KIND=1":             "",
		"PICTOR_=1":                                "",
		"PICTOR_" + strings.Repeat("X", 99) + "=1": "",
	} {
		name, _, _ := strings.Cut(entry, "=")
		want := name + " is not a setting of pictor and has no effect"
		if near != "" {
			want += "; did you mean " + near + "?"
		}
		if got := table.unknownVariables([]string{"PATH=/bin", entry}); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", entry, got, want)
		}
	}
	for _, entry := range []string{
		"PICTOR_TTLL=", "PICTOR_URL=https://img.example.com", "PICTORS_TTL=1", "pictor_ttl=1", "IMGPROXY_TTL=1",
		"PICTOR_SERVICE_HOST=10.0.0.1", "PICTOR_SERVICE_PORT=8080", "PICTOR_SERVICE_PORT_HTTP=8080",
		"PICTOR_PORT=tcp://10.0.0.1:8080", "PICTOR_PORT_8080_TCP=tcp://10.0.0.1:8080", "PICTOR_PORT_8080_TCP_ADDR=10.0.0.1",
		"PICTOR_ADMIN_SERVICE_HOST=10.0.0.2", "PICTOR_ADMIN_PORT_8081_TCP_PROTO=tcp",
	} {
		if got := table.unknownVariables([]string{entry}); len(got) != 0 {
			t.Errorf("%s: %q", entry, got)
		}
	}
	for name := range table {
		if got := table.unknownVariables([]string{envName(name) + "=x"}); len(got) != 0 {
			t.Errorf("%s is a setting: %q", name, got)
		}
	}
}

// Every variable that a test of the module reads is known.
func TestVariablesOfTheTestsAreKnown(t *testing.T) {
	reads, found := regexp.MustCompile(`(?:Getenv\(|= )"(PICTOR_[A-Z0-9_]+)"`), 0
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range reads.FindAllStringSubmatch(string(text), -1) {
			found++
			if got := tableOf(t).unknownVariables([]string{m[1] + "=x"}); len(got) != 0 {
				t.Errorf("%s: %q", path, got)
			}
		}
		return err
	})
	if err != nil || found < 7 {
		t.Errorf("%d variables are found, %v", found, err)
	}
}
