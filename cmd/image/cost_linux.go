package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// looped are results of a photograph of 3000x2000 whose CPU time is measured: 720x480, saved by pictor's options for
// the qualities of make bench-http.
var looped = []struct{ name, save string }{
	{"JPEG", ".jpg[strip,Q=80,optimize_coding]"},
	{"WebP", ".webp[strip,Q=79,effort=4]"},
	{"AVIF", ".avif[strip,Q=63,effort=1,compression=av1]"},
}

// loopTimes is how many results are measured after the first one, which loads codecs.
const loopTimes = 20

// reportCost prints the CPU time of bare calls of the tree's libvips, by the program that bench-http measures beside
// pictor. It is most of what a miss takes, and what versions of libvips differ in.
func reportCost(t *tree) error {
	photo := picturetest.JPEG(picturetest.Photo(3000, 2000, 1), 85)
	if err := os.WriteFile(filepath.Join(t.root, "tmp/photo.jpg"), photo, 0o644); err != nil {
		return err
	}
	const compile = "gcc -O2 -o /tmp/loop cmd/pictor/e2e/testdata/bench/libvips.c $(pkg-config --cflags --libs vips)"
	if out, err := t.command("/bin/sh", "-c", compile).CombinedOutput(); err != nil {
		return fmt.Errorf("the loop of libvips calls: %w\n%s", err, lastLines(string(out), 20))
	}
	var figures []string
	for _, r := range looped {
		first, err := loopCPU(t, r.save, 1)
		if err != nil {
			return err
		}
		all, err := loopCPU(t, r.save, 1+loopTimes)
		if err != nil {
			return err
		}
		each := (all - first).Seconds() * 1000 / loopTimes
		figures = append(figures, r.name+" "+strconv.FormatFloat(each, 'f', 1, 64)+" ms")
	}
	fmt.Println("CPU of bare libvips, 6 MP JPEG to 720 px:", strings.Join(figures, ", "))
	return nil
}

// loopCPU is what the program takes for so many results.
func loopCPU(t *tree, save string, times int) (time.Duration, error) {
	cmd := t.command("/tmp/loop", "/tmp/photo.jpg[shrink=2]", save, "720", "480", "0", "0", "720", "480", "0")
	cmd.Stdin = strings.NewReader(strings.Repeat("\n", times))
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("the loop of libvips calls: %w\n%s", err, lastLines(string(out), 20))
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
