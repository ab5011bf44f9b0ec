package vips

import (
	"bytes"
	"fmt"
	"image"
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// photographs are ten images with the detail of photographs.
func photographs() (all [][]byte) {
	for seed := range uint64(10) {
		all = append(all, picturetest.JPEG(picturetest.Photo(600+40*int(seed), 450, seed), 95))
	}
	return all
}

// scoreOf decodes a result and compares it with the same image without loss.
func scoreOf(t *testing.T, method transform.Method, source []byte, options string, pic transform.Picture) float64 {
	t.Helper()
	original := pixels(t, run(t, source, parse(t, options+"/f:png")))
	decoded := pixels(t, run(t, pic.Body, parse(t, "f:png")))
	score, err := Score(method, pixelsOf(toNRGBA(original)), pixelsOf(toNRGBA(decoded)))
	if err != nil {
		t.Fatal(err)
	}
	return score
}

func toNRGBA(m image.Image) *image.NRGBA {
	out := image.NewNRGBA(m.Bounds())
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			out.Set(x, y, m.At(x, y))
		}
	}
	return out
}

// A score that is asked for is reached within 2 % or one step of the quality, in at most five encodes, and it is that
// of the bytes that are delivered.
func TestAutoQualityReachesItsTarget(t *testing.T) {
	figures := map[string]*searchFigures{}
	for i, photo := range photographs() {
		for _, f := range []string{"jpg", "webp", "avif"} {
			target := []float64{70, 75, 80}[i%3]
			before := usedCPU(t)
			pic := run(t, photo, parse(t, fmt.Sprintf("w:300/f:%s/aq:ssimulacra2:%v", f, target)))
			s, searched := pic.Searched, usedCPU(t)
			near := math.Abs(s.Score-target) <= 0.02*target || isLeast(t, photo, f, s, target)
			if s.Encodes < 1 || s.Encodes > transform.MostEncodes || !near {
				t.Errorf("photograph %d, %s: %+v for %v", i, f, s, target)
			}
			same := run(t, photo, parse(t, fmt.Sprintf("w:300/f:%s/q:%d", f, s.Quality)))
			plain := usedCPU(t) - searched
			if !bytes.Equal(same.Body, pic.Body) {
				t.Errorf("photograph %d, %s: quality %d gives another result", i, f, s.Quality)
			}
			if got := scoreOf(t, transform.BySSIMULACRA2, photo, "w:300", pic); math.Abs(got-s.Score) > 0.01 {
				t.Errorf("photograph %d, %s: the score is %.2f, not %.2f", i, f, got, s.Score)
			}
			if figures[f] == nil {
				figures[f] = &searchFigures{}
			}
			figures[f].add(s, target, searched-before, plain)
		}
	}
	for f, sum := range figures {
		t.Logf("%s: %v", f, sum)
	}
}

// isLeast says whether the next lower quality misses the target. One step may be more than 2 %: libaom has fewer of
// them than there are qualities.
func isLeast(t *testing.T, photo []byte, format string, s transform.Searched, target float64) bool {
	t.Helper()
	pic := run(t, photo, parse(t, fmt.Sprintf("w:300/f:%s/q:%d", format, s.Quality-1)))
	return s.Score >= target && scoreOf(t, transform.BySSIMULACRA2, photo, "w:300", pic) < target-0.5
}

// searchFigures are sums over searches: what docs/performance.md has of them.
type searchFigures struct {
	searches, encodes, most int
	off, worst              float64
	searched, plain         time.Duration
}

// add counts a search, the CPU time of its job, and that of a job with the quality that it found.
func (f *searchFigures) add(s transform.Searched, target float64, searched, plain time.Duration) {
	f.searches, f.encodes = f.searches+1, f.encodes+s.Encodes
	f.most = max(f.most, s.Encodes)
	off := math.Abs(s.Score-target) / target * 100
	f.off, f.worst = f.off+off, max(f.worst, off)
	f.searched, f.plain = f.searched+searched, f.plain+plain
}

func (f *searchFigures) String() string {
	n := float64(f.searches)
	return fmt.Sprintf("%.1f encodes (at most %d), %.2f %% off (at most %.2f), %.1f ms of CPU, %.1f without",
		float64(f.encodes)/n, f.most, f.off/n, f.worst, f.searched.Seconds()*1000/n, f.plain.Seconds()*1000/n)
}

func usedCPU(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestAutoQualityByOtherTargets(t *testing.T) {
	photo := photographs()[3]
	full := size(t, photo, "w:300/f:jpg")
	for _, f := range []string{"jpg", "webp", "avif", "jxl"} {
		s := run(t, photo, parse(t, "w:300/aq:dssim:0.02/f:"+f)).Searched
		if s.Encodes > transform.MostEncodes || math.Abs(s.Score-0.02) > 0.002 {
			t.Errorf("%s: DSSIM %+v", f, s)
		}
		most := full / 2
		pic := run(t, photo, parse(t, fmt.Sprintf("w:300/aq:size:%d/f:%s", most, f)))
		if n := len(pic.Body); n > most || n < most*9/10 || pic.Searched.Encodes > transform.MostEncodes {
			t.Errorf("%s: %d bytes for %d, %+v", f, n, most, pic.Searched)
		}
	}
	if n := size(t, photo, "w:300/f:jpg/aq:size:1000000"); n != full {
		t.Errorf("%d bytes where the size is met anyway, %d is usual", n, full)
	}
	for options, quality := range map[string]int{
		"aq:size:10": 10, "aq:size:10:40": 40, "aq:ssimulacra2:100": 95, "aq:ssimulacra2:99::77": 77,
		"aq:ssimulacra2:1:30": 30, "aq:dssim:1:55:60": 55,
	} {
		if s := run(t, photo, parse(t, "w:300/f:jpg/"+options)).Searched; s.Quality != quality {
			t.Errorf("%s: %+v, want quality %d", options, s, quality)
		}
	}
	pic := run(t, photo, parse(t, fmt.Sprintf("w:300/f:jpg/aq:ssimulacra2:90/mb:%d", full)))
	if len(pic.Body) > full {
		t.Errorf("%d bytes where %d are allowed", len(pic.Body), full)
	}
}

// A search that begins where another one has ended takes one encode.
func TestAutoQualityBeginsWhereItIsTold(t *testing.T) {
	photo := photographs()[1]
	job := transform.Job{Source: source(t, photo), Info: sniffed(t, photo),
		Outputs: []transform.Params{parse(t, "w:300/f:webp/aq:ssimulacra2:60")}}
	from := func(quality int) (found transform.Searched) {
		job.Starts = []int{quality}
		err := New().Transform(t.Context(), job, func(_ int, pic transform.Picture) { found = pic.Searched })
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	far := from(15)
	if near := from(far.Quality); far.Encodes < 2 || near.Encodes != 1 || near.Score != far.Score {
		t.Errorf("%+v after %+v", near, far)
	}
}

// What is transparent counts on a dark and on a bright ground.
func TestAutoQualityOfTransparentImages(t *testing.T) {
	glass := picturetest.PNG(picturetest.Glass(400, 300))
	for _, f := range []string{"webp", "avif", "jxl"} {
		pic := run(t, glass, parse(t, "f:"+f+"/aq:ssimulacra2:75"))
		got := scoreOf(t, transform.BySSIMULACRA2, glass, "w:0", pic)
		if math.Abs(got-pic.Searched.Score) > 0.1 {
			t.Errorf("%s: the score is %.2f, not %+v", f, got, pic.Searched)
		}
		if pic.Searched.Score < 74.5 && pic.Searched.Quality < 95 {
			t.Errorf("%s: %+v does not reach 75", f, pic.Searched)
		}
	}
}

// Sizes without means, other samples, and results without a quality are no errors.
func TestAutoQualityOfOddImages(t *testing.T) {
	photo := picturetest.JPEG(picturetest.Photo(300, 200, 3), 92)
	for _, f := range []string{"jpg", "webp", "avif", "jxl"} {
		for _, options := range []string{"rs:force:1:1", "rs:force:7:7", "rs:force:8:8", "rs:force:300:9",
			"rs:force:3:200", "mc:1", "bl:3/rot:90", "sm:0/scp:0"} {
			if pic := run(t, photo, parse(t, options+"/aq:ssimulacra2:70/f:"+f)); pic.Searched.Encodes > 5 {
				t.Errorf("%s: %+v", options, pic.Searched)
			}
		}
	}
	if run(t, photo, parse(t, "rs:force:7:200/aq:ssimulacra2:70/f:jpg")).Searched.Encodes != 0 {
		t.Error("an image that is too small to be compared was searched for")
	}
	for _, options := range []string{"f:png", "f:webp/webpo:lossless", "f:gif", "f:avif/avifo:auto:1:1"} {
		with, without := run(t, photo, parse(t, options+"/aq:ssimulacra2:70")), run(t, photo, parse(t, options))
		if !bytes.Equal(with.Body, without.Body) {
			t.Errorf("%s has no quality to search for", options)
		}
	}
	deep := picturetest.RawPNG(90, 60, 16, 2, bytes.Repeat([]byte{3, 99, 140, 7, 80, 1, 200, 9}, 90*60*6/8))
	for _, f := range []string{"jpg", "avif", "jxl"} {
		if run(t, deep, parse(t, "ph:1/aq:ssimulacra2:70/f:"+f)).Searched.Encodes == 0 {
			t.Errorf("%s: no quality was searched for with samples of 16 bits", f)
		}
	}
	movie := picturetest.PhotoMovie(64, 48, 3).Encode()
	if !bytes.Equal(run(t, movie, parse(t, "f:webp/aq:size:100")).Body, run(t, movie, parse(t, "f:webp")).Body) {
		t.Error("the quality of an animation was searched for")
	}
}
