package transform

import (
	"slices"
	"testing"
	"time"
)

// A choice between formats leaves out those that would take it over its CPU time, the dearest first, but never all.
func TestBestKeepsToItsCPUTime(t *testing.T) {
	every := FormatSetOf(bestOrder)
	info := Info{Format: PNG, Width: 1200, Height: 900, Frames: 1, Bands: 3, Bits: 8}
	formats := func(cpu time.Duration) (all []Format) {
		p := Params{Best: every, Width: 800}
		for _, out := range p.BestOutputs(info, Limits{MaxOutputSide: 8192, Best: BestBounds{CPU: cpu}}, every) {
			all = append(all, out.Format)
		}
		return all
	}
	if got := formats(0); !slices.Equal(got, bestOrder) {
		t.Errorf("without a setting: %v", got)
	}
	if got := formats(time.Nanosecond); !slices.Equal(got, bestOrder[:1]) {
		t.Errorf("in no time: %v", got)
	}
	some := formats(1500 * time.Millisecond)
	if len(some) < 2 || len(some) == len(bestOrder) || !slices.Equal(some, bestOrder[:len(some)]) {
		t.Errorf("in 1.5 s: %v", some)
	}
}

// The lossless kinds are tried of drawings alone, and where there is time.
func TestBestTriesLosslessForDrawings(t *testing.T) {
	every := FormatSetOf(bestOrder)
	exact := func(every FormatSet, info Info, sourceBytes int64, limits Limits) (all []Format) {
		p := Params{Best: every, Width: 400}
		for _, out := range WithLossless(p.BestOutputs(info, limits, every), info, sourceBytes, limits) {
			if out.WebP.Compression == Lossless || out.JXL.Lossless {
				all = append(all, out.Format)
				if out.AutoQuality.On() {
					t.Errorf("%v: there is no quality to search for", out)
				}
			}
		}
		return all
	}
	limits := Limits{MaxOutputSide: 8192}
	image := Info{Format: PNG, Width: 1200, Height: 900, Frames: 1, Bands: 3, Bits: 8}
	photo := image
	photo.Format = JPEG
	drawing := Info{Format: SVG, Width: 1200, Height: 900, Frames: 1, Bands: 4, Bits: 8, Alpha: true}
	for _, tc := range []struct {
		name  string
		info  Info
		bytes int64
		tried bool
	}{
		{"a screenshot", image, 100_000, true}, {"a photograph as a PNG", image, 1_500_000, false},
		{"a small JPEG", photo, 100_000, false}, {"a drawing", drawing, 5_000_000, true},
	} {
		want := []Format{WebP}
		if !tc.tried {
			want = nil
		}
		if got := exact(every, tc.info, tc.bytes, limits); !slices.Equal(got, want) {
			t.Errorf("%s: %v without loss, want %v", tc.name, got, want)
		}
	}
	if got := exact(FormatSetOf([]Format{JPEG, JXL}), image, 100_000, limits); !slices.Equal(got, []Format{JXL}) {
		t.Errorf("without WebP: %v", got)
	}
	limits.Best.CPU = time.Nanosecond
	if got := exact(every, image, 100_000, limits); got != nil {
		t.Errorf("in no time: %v", got)
	}
}

// A result that misses the score is no choice beside one that reaches it, however small it is.
func TestBestReachesItsScore(t *testing.T) {
	search := AutoQuality{Method: BySSIMULACRA2, Target: 78}
	of := func(bytes int, score float64) Picture {
		return Picture{Body: make([]byte, bytes), Searched: Searched{Encodes: 5, Score: score}}
	}
	lossless := Picture{Body: make([]byte, 900)}
	for _, c := range []struct {
		better, worse Picture
	}{
		{of(800, 77.6), of(700, 77.4)}, {of(700, 77.6), of(701, 95)}, {of(10, 30), of(20, 60)}, {lossless, of(10, 60)},
		{of(100, 78), lossless},
	} {
		if !search.Beats(c.better, c.worse) || search.Beats(c.worse, c.better) {
			t.Errorf("%d bytes of %+v beside %d of %+v", len(c.better.Body), c.better.Searched, len(c.worse.Body),
				c.worse.Searched)
		}
	}
	if byDSSIM := (AutoQuality{Method: ByDSSIM, Target: 0.02}); !byDSSIM.Beats(of(9, 0.021), of(8, 0.03)) {
		t.Error("a DSSIM above the target was chosen")
	}
}
