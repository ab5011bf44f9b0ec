package e2e

import (
	"bytes"
	"fmt"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// damagedSources are small pictures in formats whose decoders are large and young.
func damagedSources(t *testing.T) map[string][]byte {
	t.Helper()
	reads, writes := savedFormats(t)
	list := map[string][]byte{}
	if slices.Contains(writes, transform.JXL) {
		chart, glass := picturetest.PNG(picturetest.Chart(160, 128)), picturetest.PNG(picturetest.Glass(100, 80))
		list["jxl"] = saved(t, chart, "jxl", "Q=90")
		list["jxl-exact"] = saved(t, chart, "jxl", "lossless")
		list["jxl-alpha"] = saved(t, glass, "jxl", "Q=60")
		list["jxl-photo"] = saved(t, picturetest.PNG(picturetest.Photo(300, 280, 1)), "jxl", "Q=50")
	}
	for _, name := range []string{"chart", "chart-10", "chart-alpha", "tile"} {
		if !slices.Contains(reads, transform.HEIC) {
			break
		}
		b, err := os.ReadFile(filepath.Join("../../../transform/vips/testdata/heic", name+".heic"))
		if err != nil {
			t.Fatal(err)
		}
		list["heic-"+name] = b
	}
	if len(list) == 0 {
		t.Skip("this libvips has neither JPEG XL nor HEIC")
	}
	return list
}

// damaged are copies of a file, each cut off somewhere or with a bit flipped, by what was done to it. There are about
// so many of either kind, besides each place in the first 64 bytes.
func damaged(whole []byte, about int) (cuts, flips map[string][]byte) {
	cuts, flips = map[string][]byte{}, map[string][]byte{}
	step := max(1, len(whole)/about)
	for at := 0; at < len(whole); at++ {
		if at >= 64 && at%step != 0 {
			continue
		}
		flipped := slices.Clone(whole)
		flipped[at] ^= 1 << (at * 5 % 8)
		flips[fmt.Sprint("flipped at ", at)] = flipped
		if at > 0 {
			cuts[fmt.Sprint("cut at ", at)] = whole[:at]
		}
	}
	for n := 1; n <= 4; n++ {
		cuts[fmt.Sprint("without the last ", n)] = whole[:len(whole)-n]
	}
	return cuts, flips
}

// A damaged JPEG XL or HEIC ends in a clear refusal, or in a picture where its decoder makes one of it; no worker dies
// of it. One that is cut off is never served, unless what is missing is no part of the picture.
func TestDamagedPictures(t *testing.T) {
	t.Parallel() // one image after the other
	site := newSite(t)
	s := serveLocal(t, "--insecure", "--allow-networks", "127.0.0.0/8")
	for name, whole := range damagedSources(t) {
		want := s.get("/insecure/f:png/plain/" + site.put("/"+name, whole))
		if want.status != 200 {
			t.Fatalf("%s: %v", name, want)
		}
		cuts, flips := damaged(whole, 60)
		served := askDamaged(t, s, site, name, cuts)
		for what, body := range served {
			if !bytes.Equal(body, want.body) {
				t.Errorf("%s %s is served, as another picture", name, what)
			}
		}
		shown := askDamaged(t, s, site, name, flips)
		t.Logf("%s, %d bytes: of %d that are cut %d are served, of %d with a flipped bit %d", name, len(whole),
			len(cuts), len(served), len(flips), len(shown))
	}
	for _, why := range []string{"crashed", "killed", "overran", "overtime"} {
		if n := ended(t, s, why); n > 0 {
			t.Errorf("%d workers %s", n, why)
		}
	}
}

// askDamaged asks for all of them, some at once, and gives the bodies of those that are served.
func askDamaged(t *testing.T, s *server, site *site, name string, files map[string][]byte) map[string][]byte {
	t.Helper()
	todo := make(chan string)
	served := map[string][]byte{}
	var lock sync.Mutex
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for what := range todo {
				source := site.put("/"+name+"/"+strings.ReplaceAll(what, " ", "-"), files[what])
				a := s.get("/insecure/f:png/plain/" + source)
				switch {
				case a.status == 200:
					if _, err := png.Decode(bytes.NewReader(a.body)); err != nil {
						t.Errorf("%s %s: %v", name, what, err)
					}
					lock.Lock()
					served[what] = a.body
					lock.Unlock()
				case a.status != 415 && a.status != 422:
					t.Errorf("%s %s: %v", name, what, a)
				}
			}
		})
	}
	for _, what := range slices.Sorted(maps.Keys(files)) {
		todo <- what
	}
	close(todo)
	all.Wait()
	return served
}
