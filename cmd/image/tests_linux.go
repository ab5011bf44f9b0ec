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
	// cgo is the value of CGO_ENABLED. Only the pipeline's own tests link libvips.
	cgo  string
	args []string
}

const endToEnd = "./cmd/pictor/e2e"

// testRuns are the tests of pictures: containers, the pipeline with its golden values, the formats end to end, and the
// short form of the calibration.
var testRuns = []testRun{
	{"containers", "0", []string{"./transform/container"}},
	{"pipeline", "1", []string{"./transform/vips"}},
	{"formats", "0", []string{"-run", "^TestFormatMatrix$", endToEnd}},
	{"calibration", "0", []string{"-run", "^(TestWorkingSetHolds.*|TestRandomJobsStayWithinTheirEstimate)$", endToEnd}},
}

// runTests runs them. With CI=true a program that a test needs and does not find is an error: elsewhere the test is
// skipped. The repository is there as it is here, and what tests write into it goes with the tree.
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
	// By the flags of the Dockerfile what it compiled is used again.
	t.env = append(t.env, "GOCACHE=/cache", "GOFLAGS=-buildvcs=false -trimpath -tags=disable_grpc_modules", "CI=true")
	out, err := t.command("/bin/sh", "-c", "apt-get update && .ci/setup pictures").CombinedOutput()
	if err != nil {
		return fmt.Errorf(".ci/setup pictures: %w\n%s", err, lastLines(string(out), 20))
	}
	for _, r := range testRuns {
		begun := time.Now()
		args := append([]string{"test", "-count", "1", "-timeout", "90m"}, r.args...)
		cmd := t.command("/usr/local/go/bin/go", args...)
		cmd.Env = append(cmd.Env, "CGO_ENABLED="+r.cgo)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("tests of %s: %w\n%s", r.what, err, lastLines(string(out), 200))
		}
		last := strings.Join(strings.Fields(lastLines(string(out), 1)), " ")
		fmt.Printf("tests of %s: %s (%.0f s)\n", r.what, last, time.Since(begun).Seconds())
	}
	return nil
}
