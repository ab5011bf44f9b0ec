package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// remarked parses serve with a good key and gives what there is to remark.
func remarked(t *testing.T, env environment, args ...string) []string {
	t.Helper()
	var c cli
	k, err := kong.New(&c, Sources(env.lookup))
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := Parse(k, append([]string{"serve", "--insecure"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	var warnings []string
	if _, err := ctx.Call(func(r *Remarks) { warnings = r.Warnings(nil) }); err != nil {
		t.Fatal(err)
	}
	return warnings
}

// Every size, without a unit, from each place.
func TestSizesWithoutAUnitAreRemarked(t *testing.T) {
	for _, name := range []string{"memory-limit", "cache-memory", "cache-disk", "cache-sources", "max-source-size"} {
		file := write(t, "c.yaml", name+": 2097152\n")
		for label, warnings := range map[string][]string{
			"--" + name:               remarked(t, nil, "--"+name+"=2097152"),
			envName(name):             remarked(t, environment{envName(name): "2097152"}),
			file + " line 1, " + name: remarked(t, nil, "--config", file),
		} {
			want := label + " is 2097152 without a unit, which counts bytes: write 2MiB if that is meant"
			if len(warnings) != 1 || warnings[0] != want {
				t.Errorf("%q, want %q", warnings, want)
			}
		}
		if got := remarked(t, environment{envName(name): "2097152"}, "--"+name, "2MiB"); len(got) != 0 {
			t.Errorf("%s: the flag has a unit, and it is said: %q", name, got)
		}
		if got := remarked(t, nil, "--"+name, "2097152", "--"+name, "2Mi"); len(got) != 0 {
			t.Errorf("%s: the last flag has a unit, and it is said: %q", name, got)
		}
	}
	got := remarked(t, nil, "--max-source-size", "1000000")
	if len(got) != 1 || !strings.Contains(got[0], "write 1000000B") {
		t.Errorf("%q", got)
	}
	if got := remarked(t, nil, "--cache-disk", "0", "--cache-memory=off", "--max-source-size", "1MB"); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// Each secret that is a flag is named, and none that comes from elsewhere; no
// warning shows a secret.
func TestSecretsThatAreFlagsAreRemarked(t *testing.T) {
	values := map[string]string{
		"key": "feedface", "salt": "cafec0de", "admin-token": "hush", "metrics-token": "hush", "thumbor-key": "hush",
		"trusted-signatures": "hush", "imaginary-key": "hush", "imaginary-signature-key": "hush",
		"source-key": strings.Repeat("ab", 16), "purge-bus": "redis://u:hush@h", "fill-leases": "redis://u:hush@h",
		"timing-token": "hush", "source-hash-key": strings.Repeat("cd", 16),
	}
	var all []string
	for name, s := range tableOf(t) {
		if s.secret {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	if known := slices.Sorted(maps.Keys(values)); !slices.Equal(all, known) {
		t.Fatalf("secrets are %q, this test has %q", all, known)
	}
	// A key and its salt go together, and so do leases and a purge bus: the other one comes from the environment.
	pair := environment{"PICTOR_KEY": "feedface", "PICTOR_SALT": "cafec0de", "PICTOR_PURGE_BUS": "redis://h"}
	for name, value := range values {
		want := fmt.Sprintf("every user of this machine can read --%s in the list of processes: set %s in the "+
			"environment, or use --%[1]s-file",
			name, envName(name))
		for _, args := range [][]string{{"--" + name, value}, {"--" + name + "=" + value}} {
			if got := remarked(t, pair, args...); len(got) != 1 || got[0] != want {
				t.Errorf("%q: %q, want %q", args, got, want)
			}
		}
		file := write(t, "secret", value)
		rest, env, byFile := maps.Clone(pair), maps.Clone(pair), maps.Clone(pair)
		delete(rest, envName(name))
		delete(byFile, envName(name))
		env[envName(name)], byFile[envName(name+"-file")] = value, file
		for what, got := range map[string][]string{
			"the environment":    remarked(t, env),
			"a file":             remarked(t, rest, "--"+name+"-file", file),
			"the YAML file":      remarked(t, rest, "--config", write(t, "c.yaml", name+": "+value+"\n")),
			"an empty flag":      remarked(t, env, "--"+name+"="),
			"a file by variable": remarked(t, byFile),
		} {
			if len(got) != 0 {
				t.Errorf("%s from %s: %q", name, what, got)
			}
		}
	}
	got := remarked(t, nil, "--key", values["key"], "--salt", values["salt"], "--admin-token", values["admin-token"])
	const want = "every user of this machine can read --admin-token, --key and --salt in the list of processes: " +
		"set PICTOR_ADMIN_TOKEN, PICTOR_KEY and PICTOR_SALT in the environment, or use --admin-token-file, " +
		"--key-file and --salt-file"
	if len(got) != 1 || got[0] != want {
		t.Errorf("%q", got)
	}
	if got := remarked(t, pair); len(got) != 0 {
		t.Errorf("keys from the environment: %q", got)
	}
}
