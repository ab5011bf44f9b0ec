package e2e

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"net/http"
	"sync"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// A page's srcset of a source that is not there yet is one job of eight results, which look like those of jobs of
// their own.
func TestSrcsetIsOneJob(t *testing.T) {
	site, s := newSite(t), serveLocal(t)
	photo := site.put("/photo.jpg", picturetest.JPEG(picturetest.Photo(1358, 1021, 4), 90))
	asked, release := make(chan struct{}), make(chan struct{})
	site.hold = func(path string) {
		if path == "/photo.jpg" {
			close(asked)
			<-release
		}
	}
	widths := []int{100, 160, 240, 320, 400, 480, 640, 800}
	together := make([]answer, len(widths))
	var all sync.WaitGroup
	for i, w := range widths {
		path := signed(t, fmt.Sprintf("/w:%d/plain/%s", w, photo))
		all.Go(func() { together[i], _ = s.try(http.MethodGet, path) })
	}
	<-asked
	s.counted(fmt.Sprintf(`pictor_sources_total{how="shared"} %d`, len(widths)-1))
	close(release)
	all.Wait()
	s.counted("pictor_batch_jobs_total 1")
	s.counted(fmt.Sprintf("pictor_batch_results_total %d", len(widths)))
	s.counted("pictor_jobs_total 1")
	for i, w := range widths {
		alone := s.get(signed(t, fmt.Sprintf("/w:%d/plain/%s/v/%d/photo.jpg", w, site.URL, w)))
		if together[i].status != http.StatusOK || alone.status != http.StatusOK {
			t.Fatalf("%d: %v, and alone %v", w, together[i], alone)
		}
		got, err := jpeg.Decode(bytes.NewReader(together[i].body))
		if err != nil {
			t.Fatal(err)
		}
		want, err := jpeg.Decode(bytes.NewReader(alone.body))
		if err != nil {
			t.Fatal(err)
		}
		if d := picturetest.Perceived(got, want); got.Bounds().Dx() != w || d > 2 { // which can just be seen
			t.Errorf("%d: it is %v, and looks %.2f away from the one alone", w, got.Bounds(), d)
		}
	}
	s.counted(fmt.Sprintf("pictor_jobs_total %d", 1+len(widths)))
}
