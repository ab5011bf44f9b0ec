//go:build !race

package vips

import (
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// animationAgainstBare is the CPU time of an animation at half size over that of the bare loop.
func animationAgainstBare(t testing.TB, m picturetest.GIFMovie, from, to transform.Format, runs int,
) (ratio float64, ours time.Duration) {
	t.Helper()
	file := m.Encode()
	if from != transform.GIF {
		file = run(t, file, transform.Params{Format: from}).Body
	}
	p := transform.Params{Width: m.Width / 2, Format: to}
	return inTurns(t, startBare(t, "bare_animation.c", file, from, to, m.Width/2, m.Height/2), file, p, runs)
}

var animatedWays = [][2]transform.Format{{transform.GIF, transform.GIF}, {transform.GIF, transform.WebP},
	{transform.WebP, transform.WebP}}

// A rough bound, as for still images; the real one is in the benchmark.
func TestCPUOfAnAnimationAgainstBareLibvips(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	m := picturetest.PhotoMovie(480, 270, 40)
	for _, way := range animatedWays {
		ratio, ours := animationAgainstBare(t, m, way[0], way[1], 4)
		t.Logf("%v to %v: %.2f times the CPU time of bare libvips calls, %v", way[0], way[1], ratio, ours)
		if ratio > 1.5 {
			t.Errorf("%v to %v: %.2f times the CPU time of bare libvips calls, want at most 1.5", way[0], way[1], ratio)
		}
	}
}

func BenchmarkAnimationAgainstBareLibvips(b *testing.B) {
	m := picturetest.PhotoMovie(480, 270, 250)
	for _, way := range animatedWays {
		b.Run(way[0].String()+"-"+way[1].String(), func(b *testing.B) {
			var ratio float64
			var ours time.Duration
			for b.Loop() {
				ratio, ours = animationAgainstBare(b, m, way[0], way[1], 4)
			}
			b.ReportMetric(ratio, "times-bare")
			b.ReportMetric(float64(ours.Microseconds())/1000, "CPU-ms/animation")
			if ratio > 1.10 {
				b.Errorf("%.2f times the CPU time of bare libvips calls, want at most 1.10", ratio)
			}
		})
	}
}

// 250 frames of 480 by 270 at half size: 0.8 and 0.2 at most. With the race detector it would take minutes.
func TestEveryFrameOfALongGIF(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	m := picturetest.PhotoMovie(480, 270, 250)
	for options, most := range map[string]float64{"w:240/f:gif": 2, "w:240/f:webp": 0.5} {
		looksAlike(t, m, options, most)
	}
}
