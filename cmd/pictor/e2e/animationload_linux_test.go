package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// animationRequests is how many images are asked for, two animations among each ten.
const animationRequests = 210

// A burst of photographs and animations stays under its limit, kills nothing, and nearly all of it is
// answered.
func TestMixedLoadWithAnimations(t *testing.T) {
	long(t, "load in a memory cgroup")
	needs(t, "vips")
	const limit = 256 * mib
	requests := loadFor(t, animationRequests)
	origin := newSite(t)
	origin.put("/movie.gif", picturetest.PhotoMovie(480, 270, 40).Encode())
	g := newCgroup(t, limit)
	s := serveIn(t, g, promptly...)
	photographs := mixedPaths(t, s, origin)
	paths := func(i int) string {
		format := map[int]string{3: "webp", 8: "gif"}[i%10]
		if format == "" {
			return photographs(i)
		}
		return fmt.Sprintf("/insecure/w:240/f:%s/plain/%s/v/%d/movie.gif", format, origin.URL, i)
	}
	stop, others := g.watch(), watchContention(t)
	l := s.burst(64, requests, paths)
	quiet := others.quiet() && requests == animationRequests
	if !quiet { // a busy machine may let a job or a wait run into its timeout
		delete(l.status, http.StatusGatewayTimeout)
	}
	under(t, g, l, stop(), limit)
	if n := l.status[http.StatusOK]; n == 0 || quiet && n < 200 {
		t.Errorf("%d of %d were answered", n, requests)
	}
	s.counted(`pictor_workers_ended_total{why="overran"} 0`)
}
