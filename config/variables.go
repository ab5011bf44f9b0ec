package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// otherVariables are PICTOR_… that are no settings: one that the examples of
// docs/frontends.md read, and those of the tests.
var otherVariables = []string{
	"PICTOR_URL",
	"PICTOR_CALIBRATE", "PICTOR_E2E_NAMESPACE", "PICTOR_E2E_PROGRAM", "PICTOR_GOLDEN", "PICTOR_PURGE_CHILD",
	"PICTOR_BENCH_AGAINST", "PICTOR_BEST", "PICTOR_BENCH_CHARTS", "PICTOR_BENCH_HTTP", "PICTOR_BENCH_TABLE",
	"PICTOR_QUALITIES", "PICTOR_SOAK", "PICTOR_SOAK_PLOT", "PICTOR_STUDIO_PICTURE",
	"PICTOR_SWEEP", "PICTOR_SWEEP_FILES", "PICTOR_SWEEP_MEMORY", "PICTOR_SWEEP_TIME",
	"PICTOR_FORMAT_MATRIX", "PICTOR_KEEP_SCORED", "PICTOR_TEST_BALLAST", "PICTOR_TEST_DISK",
}

// linkVariable is what Kubernetes and Docker put into the environment for a
// service that is called pictor, or pictor-something, with its value.
var linkVariable = regexp.MustCompile(`^PICTOR_([A-Z0-9_]+_)?` +
	`(SERVICE_HOST=|SERVICE_PORT(_[A-Z0-9_]+)?=|PORT=[a-z]+://|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=)`)

// unknownVariables are sentences on variables that look like settings and are
// none. They are only told of, as something else may use them.
func (t settings) unknownVariables(environ []string) []string {
	known := map[string]bool{}
	for _, name := range otherVariables {
		known[name] = true
	}
	names := map[string]string{}
	for name := range t {
		known[envName(name)] = true
		names[name] = envName(name)
	}
	var warnings []string
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		variable, value, _ := strings.Cut(entry, "=")
		bare, ours := strings.CutPrefix(variable, envPrefix)
		if !ours || known[variable] || strings.TrimSpace(value) == "" || linkVariable.MatchString(entry) {
			continue
		}
		text := fmt.Sprintf("%s is not a setting of pictor and has no effect", variable)
		if near := nearestName(strings.ReplaceAll(bare, "_", "-"), slices.Collect(maps.Keys(names))); near != "" {
			text += fmt.Sprintf("; did you mean %s?", names[near])
		}
		warnings = append(warnings, text)
	}
	return warnings
}
