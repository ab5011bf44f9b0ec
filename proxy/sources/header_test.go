package sources

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/jpeg"
	"io"
	"testing"

	"github.com/pictor-proxy/pictor/transform/memfile"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// A fetch that others may take for one of the whole source is one. Requests for the header alone share theirs.
func TestFlightsOfHeaders(t *testing.T) {
	sources := newTestStore(t)
	header, whole := Request{Identity: "a", Needs: Header}, Request{Identity: "a"}
	keys := map[string]bool{}
	for _, part := range []Part{Whole, Header, HeaderAndMetadata} {
		key, w := sources.flightOf(Request{Identity: "a", Needs: part})
		if (key == whole.ID()) != (part == Whole) || w.Needs != part {
			t.Errorf("%v: %q, %v", part, key, w.Needs)
		}
		keys[key] = true
	}
	if len(keys) != 3 {
		t.Error(keys)
	}
	work := hangingWork{make(chan struct{})}
	defer close(work.end)
	sources.flights.Start(whole.ID(), work)
	if key, w := sources.flightOf(header); key != whole.ID() || w.Needs != Whole {
		t.Errorf("header beside a fetch of the whole: %q, %v", key, w.Needs)
	}
	other := Request{Identity: "a", CacheBuster: "1", Needs: Header}
	if key, w := sources.flightOf(other); key == whole.ID() || w.Needs != Header {
		t.Errorf("header of another source: %q, %v", key, w.Needs)
	}
}

// Of two files with the same header the version differs where their metadata do, wherever in the part these end.
func TestVersionsOfHeaders(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	const segment = 50_000
	for _, filling := range []int{0, 10, 18, 19, 20} { // the last ends just before the part does
		version := func(metadata bool, comment string) string {
			file := b.Bytes()
			for range filling {
				file = picturetest.WithSegment(file, 9, make([]byte, segment))
			}
			file = picturetest.WithSegment(file, 13, []byte(comment))
			file = append(bytes.Clone(file), make([]byte, 2<<20)...)
			src := &Source{store: newTestStore(t), meta: Meta{}}
			src.meta.Size = int64(len(file))
			var err error
			if src.data, err = memfile.New(); err != nil {
				t.Fatal(err)
			}
			defer src.close()
			sum := sha256.New()
			header := newHeaderWriter(io.MultiWriter(src.data, sum), metadata)
			for rest := file; !header.known; rest = rest[32<<10:] {
				if header.Part() == 0 || len(rest) < 32<<10 {
					t.Fatalf("%d segments: the header is not known", filling)
				}
				_, _ = header.Write(rest[:32<<10])
			}
			if err := src.takeHeader(header, sum); err != nil {
				t.Fatal(err)
			}
			return src.meta.Version
		}
		if a, b := version(true, "one"), version(true, "two"); a == b || a != version(true, "one") {
			t.Errorf("%d segments: %s and %s", filling, a, b)
		}
		if a, b := version(false, "one"), version(false, "two"); a != b {
			t.Errorf("%d segments, without metadata: %s and %s", filling, a, b)
		}
	}
}
