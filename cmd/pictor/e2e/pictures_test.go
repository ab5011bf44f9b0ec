package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// saved is a picture as libvips' own tool saves it, with options of its saver
// such as "interlace,Q=80": forms that Go's encoders do not have.
func saved(t testing.TB, picture []byte, ext, options string) []byte {
	t.Helper()
	needs(t, "vips")
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out."+ext)
	if err := os.WriteFile(in, picture, 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command("vips", "copy", in, out+"["+options+"]").CombinedOutput(); err != nil {
		t.Fatalf("vips copy to %s[%s]: %v\n%s", ext, options, err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// mixed are pictures as a site has them, in seven forms and two sizes, made
// once: 6 MP (2816×2112) and 29 MP (6592×4400).
var mixed struct {
	sync.Mutex
	made map[string][]byte
}

func mixedPictures(t testing.TB) map[string][]byte {
	t.Helper()
	mixed.Lock()
	defer mixed.Unlock()
	if mixed.made != nil {
		return mixed.made
	}
	m := map[string][]byte{}
	small, big := picturetest.Photo(2816, 2112, 1), picturetest.JPEG(picturetest.Photo(6592, 4400, 2), 85)
	six := picturetest.JPEG(small, 85)
	m["6mp.jpg"], m["29mp.jpg"] = six, big
	m["29mp-exif6.jpg"] = picturetest.WithOrientation(big, 6)
	m["6mp-progressive.jpg"] = saved(t, six, "jpg", "interlace,Q=85")
	// Less grain: these would be larger than real ones.
	smooth := picturetest.JPEG(small, 50)
	m["6mp.png"] = saved(t, smooth, "png", "compression=6")
	m["6mp-lossless.webp"] = saved(t, smooth, "webp", "lossless,effort=0")
	m["29mp.webp"] = saved(t, big, "webp", "Q=80,effort=0")
	mixed.made = m
	return m
}

// mixedPaths puts the pictures on a site and gives the path of the i-th
// request: each of them in turn, under a name that is always new.
func mixedPaths(t testing.TB, s *server, origin *site) func(i int) string {
	t.Helper()
	var names []string
	for name, b := range mixedPictures(t) {
		origin.put("/"+name, b)
		names = append(names, name)
	}
	slices.Sort(names) // the first one is the same in every run
	return func(i int) string {
		return fmt.Sprintf("/insecure/rs:fit:720:0/plain/%s/v/%d/%s@jpg", origin.URL, i, names[i%len(names)])
	}
}
