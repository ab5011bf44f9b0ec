//go:build !race

package vips

import (
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// An effect behind another one must not have the other done anew for each row
// that it reads: together they take about what they take one by one.
func TestEffectsTogetherTakeWhatTheyTakeAlone(t *testing.T) {
	file := picturetest.PNG(picturetest.Photo(1500, 1000, 1))
	taken := func(options string) (least time.Duration) {
		for range 2 {
			before := cpuTime(t)
			run(t, file, parse(t, options+"/f:jpg"))
			if d := cpuTime(t) - before; least == 0 || d < least {
				least = d
			}
		}
		return least
	}
	alone := map[string]time.Duration{}
	for _, effects := range [][]string{
		{"bl:20", "sh:10"}, {"bl:40", "sh:3"}, {"bl:20", "pix:5"}, {"bl:20", "pix:100"}, {"sh:10", "pix:2"}, {"sh:10", "pix:50"},
		{"bl:20", "sh:10", "pix:5"},
	} {
		var one time.Duration
		all := ""
		for _, e := range effects {
			if alone[e] == 0 {
				alone[e] = taken(e)
			}
			one += alone[e]
			all += "/" + e
		}
		if together := taken(all[1:]); together > one*3/2 {
			t.Errorf("%s take %v of CPU together, and %v one by one", all[1:], together, one)
		}
	}
}
