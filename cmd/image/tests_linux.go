package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// testRun is tests that are run in the tree that the programs were built in, whose libraries the image has.
type testRun struct {
	what string
	args []string
}

const endToEnd = "./cmd/pictor/e2e"

// testRuns are the tests of pictures: containers, the pipeline with its golden values, the formats end to end, and the
// short form of the calibration.
var testRuns = []testRun{
	{"containers", []string{"./transform/container"}},
	{"pipeline", []string{"./transform/vips"}},
	{"formats", []string{"-run", "^TestFormatMatrix$", endToEnd}},
	{"calibration", []string{"-run", "^(TestWorkingSetHolds.*|TestRandomJobsStayWithinTheirEstimate)$", endToEnd}},
}

// runTests runs them. The repository is there as it is here, and what tests write into it goes with the tree.
func runTests(t *tree, cache string) error {
	for _, dir := range []string{cache, "/var/tmp"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := t.bindPath(here, "/checked"); err != nil {
		return err
	}
	if err := t.bindPath(cache, "/cache"); err != nil {
		return err
	}
	modules, err := goModules()
	if err != nil {
		return err
	}
	if err := t.bindPath(modules, "/root/go/pkg/mod"); err != nil {
		return err
	}
	t.dir = "/checked"
	t.env = append(t.env, "GOCACHE=/cache", "GOFLAGS=-buildvcs=false -tags=disable_grpc_modules", "CGO_ENABLED=1")
	out, err := t.command("/bin/sh", "-c", "apt-get update && .ci/setup pictures").CombinedOutput()
	if err != nil {
		return fmt.Errorf(".ci/setup pictures: %w\n%s", err, lastLines(string(out), 20))
	}
	for _, r := range testRuns {
		begun := time.Now()
		args := append([]string{"test", "-count", "1", "-timeout", "90m"}, r.args...)
		out, err := t.command("/usr/local/go/bin/go", args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("tests of %s: %w\n%s", r.what, err, lastLines(string(out), 200))
		}
		last := strings.Join(strings.Fields(lastLines(string(out), 1)), " ")
		fmt.Printf("tests of %s: %s (%.0f s)\n", r.what, last, time.Since(begun).Seconds())
	}
	return nil
}
