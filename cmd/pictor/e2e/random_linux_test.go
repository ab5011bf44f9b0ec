package e2e

import (
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/worker"
)

// chances are options of random jobs: each list gives one with this
// probability. Those that take minutes on a small picture are left out.
var chances = []struct {
	of   float64
	some []string
}{
	{0.6, []string{"rs:fit:380:300", "rs:fill:100:300", "rs:fill:300:20", "rs:fill-down:900:90", "rs:force:300:900", "rs:auto:20:100", "w:10", "w:150", "h:90"}},
	{0.15, []string{"g:sm", "g:no", "g:soea", "g:fp:0.3:0.7"}},
	{0.2, []string{"sh:0.5", "sh:2", "sh:10"}},
	{0.2, []string{"bl:0.5", "bl:3", "bl:20", "bl:200"}},
	{0.1, []string{"pix:2", "pix:9", "pix:100"}},
	{0.15, []string{"rot:90", "rot:180", "rot:270"}},
	{0.1, []string{"fl:1:0"}},
	{0.1, []string{"pd:5", "pd:60"}},
	{0.15, []string{"rc:5", "rc:60"}},
	{0.05, []string{"mk:circle", "mk:ellipse"}},
	{0.1, []string{"bg:ff0000"}},
	{0.1, []string{"c:0.3:0.8:ce", "c:0.8:0.3:sm"}},
	{0.15, []string{"mb:500", "mb:3000", "mb:20000"}},
	{0.1, []string{"q:5", "q:60", "q:95"}},
	{0.1, []string{"el:1"}},
	{0.1, []string{"ex:1"}},
	{0.1, []string{"wm:0.5:re:10:10", "wm:1"}},
	{0.05, []string{"a:10:1.2:1.3"}},
	{0.05, []string{"mc:0.7"}},
	{0.1, []string{"dpr:0.5", "dpr:2"}},
	{0.05, []string{"scp:0"}},
	{0.05, []string{"ph:1"}},
	{0.05, []string{"linear:1"}},
	{0.05, []string{"sm:0"}},
	{1, []string{"f:jpg", "f:jpg/jpgo:1", "f:jpg/jpgo:0:1", "f:png", "f:png/pngo:1", "f:png/pngo:0:1", "f:gif",
		"f:avif", "f:avif/avifo:off:1", "f:avif/avifo:::1",
		"f:webp", "f:webp/webpo::1", "f:webp/webpo:lossless", "f:webp/webpo:lossless:0:text:5", "f:webp/webpo:near_lossless", "f:webp/webpo::::5"}},
}

// randomJob draws a source of one of these forms and widths, and what to make
// of it.
func randomJob(t *testing.T, r *rand.Rand, of []string, widths []int) calibration {
	t.Helper()
	var options []string
	for _, c := range chances {
		if r.Float64() < c.of {
			options = append(options, c.some[r.IntN(len(c.some))])
		}
	}
	req, err := signedurl.ParseUnsigned("/" + strings.Join(options, "/") + "/plain/x")
	if err != nil {
		t.Fatal(err)
	}
	width := widths[r.IntN(len(widths))]
	return calibration{source{of[r.IntN(len(of))], width, width * 2 / 3}, req.Params}
}

// Whatever is asked for at once is made within its estimate: a job that takes
// more is ended, and its URL an error for good.
func TestRandomJobsStayWithinTheirEstimate(t *testing.T) {
	calibrates(t)
	needs(t, "vips")
	jobs, of, widths := 80, []string{"jpeg", "png-alpha", "png-16", "webp-alpha", "gif", "avif-alpha"}, []int{60, 300,
		600}
	if os.Getenv(calibrateAll) != "" {
		jobs, of, widths = 3000, slices.Sorted(maps.Keys(forms)), []int{60, 300, 800, 1500}
	}
	p, err := worker.New(worker.Config{Command: []string{workerProgram()}, Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	set := newPictures(t)
	for i := range jobs {
		// Each has a seed of its own, so that one can be run again.
		c := randomJob(t, rand.New(rand.NewPCG(1, uint64(i))), of, widths)
		body := set.file(c.source)
		info, err := container.Sniff(body)
		if err != nil {
			t.Fatal(err)
		}
		_, estimate := estimateOf(info, c.params)
		set.transform(p, body, estimate, c.params)
		if t.Failed() {
			t.Fatalf("job %d: %v", i, c)
		}
	}
}
