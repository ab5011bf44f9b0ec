package config

import (
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
