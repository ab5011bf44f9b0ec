package vips

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"text/tabwriter"

	"github.com/pictor-proxy/pictor/transform"
)

// qualitiesOf names a directory whose photographs (*.jpg) the qualities are compared on, for the figures of
// docs/performance.md. Without it two generated ones are, in the default qualities alone.
const qualitiesOf = "PICTOR_QUALITIES"

// likeness is how far the mean score of a format's default quality may be from that of JPEG's: a quarter of what lies
// between two grades of the authors of SSIMULACRA2, who call 50 medium and 70 high quality, and 90 visually lossless.
const likeness = 5.0

// comparedQualities are the defaults, and what is beside them in the table.
var comparedQualities = []string{"f:jpg", "f:jpg/q:75", "f:webp", "f:webp/q:79", "f:jxl", "f:avif", "f:avif/q:72",
	"f:avif/q:68", "f:avif/q:66", "f:avif/q:63"}

var defaultQualities = []string{"f:jpg", "f:webp", "f:jxl", "f:avif"}

// photographsOf are those of the directory that the variable names.
func photographsOf(t *testing.T, dir string) (all [][]byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jpg"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s=%s: there is no *.jpg (%v)", qualitiesOf, dir, err)
	}
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, body)
	}
	return all
}

// The default qualities of formats look alike, with every version of libvips and its encoders.
func TestDefaultQualitiesLookAlike(t *testing.T) {
	photos, qualities, width := photographs()[:2], defaultQualities, "w:360/"
	if dir := os.Getenv(qualitiesOf); dir != "" {
		photos, qualities, width = photographsOf(t, dir), comparedQualities, "w:720/"
	}
	var b bytes.Buffer
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "options\tscore\tKB\tms of CPU with decode and resize")
	scores := map[string]float64{}
	for _, options := range qualities {
		var score, size, cpu float64
		for _, photo := range photos {
			begun := usedCPU(t)
			pic := run(t, photo, parse(t, width+options))
			cpu += (usedCPU(t) - begun).Seconds() * 1000
			score += scoreOf(t, transform.BySSIMULACRA2, photo, width, pic)
			size += float64(len(pic.Body)) / 1000
		}
		n := float64(len(photos))
		scores[options] = score / n
		fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%.0f\n", options, score/n, size/n, cpu/n)
	}
	table.Flush()
	t.Logf("mean of %d photographs, libvips %s:\n%s", len(photos), Version(), &b)
	for _, options := range defaultQualities {
		if off := scores[options] - scores["f:jpg"]; math.Abs(off) > likeness {
			t.Errorf("%s scores %.1f, %.1f away from the default of JPEG", options, scores[options], off)
		}
	}
}
