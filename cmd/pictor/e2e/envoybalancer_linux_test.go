package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const envoyRecipe = "../../../docs/deploy/envoy.yaml"

// The configuration of Envoy is one of its API, and no field is misspelt. It is not run.
func TestEnvoyRecipe(t *testing.T) {
	const check = "../../../.ci/envoy/bin/envoy"
	if _, err := os.Stat(check); err != nil {
		t.Skip("make envoy-check builds what reads a configuration of Envoy")
	}
	text, err := os.ReadFile(envoyRecipe)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, replaced, want string }{
		"as it is":      {},
		"misspelt":      {"num_retries", "number_of_retries", "number_of_retries"},
		"out of range":  {"hash_balance_factor: 200", "hash_balance_factor: 20", "HashBalanceFactor"},
		"not a filter":  {"router.v3.Router", "router.v3.Rooter", "Rooter"},
		"wrong in type": {"port_value: 8081", "port_value: http", ""},
	} {
		cmd := exec.Command(check)
		cmd.Stdin = strings.NewReader(strings.Replace(string(text), c.old, c.replaced, 1))
		out, err := cmd.CombinedOutput()
		if (err == nil) != (c.old == "") || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %s, %v", name, out, err)
		}
	}
}

// Envoy rewrites a path into what it hashes with RE2, as Go does: the same for all sizes and formats of a source, and
// another one for another source.
func TestEnvoyHashesTheSource(t *testing.T) {
	text, err := os.ReadFile(envoyRecipe)
	if err != nil {
		t.Fatal(err)
	}
	var config any
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	rewrite := findKey(config, "regex_rewrite")
	pattern, ok := findKey(rewrite, "regex").(string)
	substitution, ok2 := findKey(rewrite, "substitution").(string)
	if !ok || !ok2 {
		t.Fatalf("the recipe has no rewrite: %v", rewrite)
	}
	re, with := regexp.MustCompile(pattern), regexp.MustCompile(`\\(\d)`).ReplaceAllString(substitution, "$${$1}")
	const one, two = "https://images.example:8443/a@b/photo.jpg", "local:///photo.jpg"
	encoded := "aHR0cHM6Ly9pbWFnZXMuZXhhbXBsZS9waG90by5qcGc"
	for path, want := range map[string]string{
		encoded: encoded, encoded + ".webp": encoded, "w:50/q:80/" + encoded + ".png?x=1": encoded,
		encoded[:16] + "/" + encoded[16:] + ".avif": encoded[:16] + "/" + encoded[16:],
	} {
		if got := re.ReplaceAllString("/signature/"+path, with); got != want {
			t.Errorf("%s is hashed as %s", path, got)
		}
	}
	for _, source := range []string{one, two} {
		for _, path := range append(variantsOf(source), "/_/w:1/plain/"+source+"?query=@x") {
			if got := re.ReplaceAllString(path, with); got != "plain/"+source {
				t.Errorf("%s is hashed as %s", path, got)
			}
		}
	}
}

// findKey is the first value of a key, at whatever depth.
func findKey(in any, key string) any {
	switch in := in.(type) {
	case map[string]any:
		if value, ok := in[key]; ok {
			return value
		}
		for _, value := range in {
			if found := findKey(value, key); found != nil {
				return found
			}
		}
	case []any:
		for _, value := range in {
			if found := findKey(value, key); found != nil {
				return found
			}
		}
	}
	return nil
}
