package proxy

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"strconv"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// jpegOf is a JPEG of 40 by 30 pixels with a profile of so many bytes before its frame, and more behind its end.
func jpegOf(t *testing.T, profile, trailing int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewRGBA(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	jpg := b.Bytes()
	const segment = 60_000
	for ; profile > 0; profile -= segment {
		jpg = picturetest.WithSegment(jpg, 2, make([]byte, min(profile, segment)))
	}
	return append(picturetest.WithEXIF(jpg, 6, ""), make([]byte, trailing)...)
}

// stalls makes the origin declare a length and send the beginning of its picture alone. It waits with the rest until
// the client has gone.
func (r *rig) stalls(length, sent int) {
	ended := make(chan context.Context, 1)
	r.gate = func(req *http.Request) { ended <- req.Context() }
	r.answers(func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", strconv.Itoa(length))
		w.Write(r.picture[:sent])
		w.(http.Flusher).Flush()
		select {
		case <-(<-ended).Done():
		case <-r.over:
		}
	})
}

// Facts of the header end the fetch of a large source as soon as they are known, and it takes but a part of the memory
// for sources.
func TestFactsOfTheHeaderNeedItAlone(t *testing.T) {
	const large = 40 << 20 // there is less memory for sources
	want := map[string]any{"size": float64(large), "format": "jpeg", "mime_type": "image/jpeg", "width": 30.0,
		"height": 40.0, "orientation": 6.0, "colorspace": "srgb", "bands": 3.0, "sample_format": "uchar",
		"pages_number": 1.0, "alpha": false}
	for _, kept := range []int{0, 100_000, 900_000} {
		t.Run(fmt.Sprint(kept, " bytes before the size"), func(t *testing.T) {
			r := newRig(t, nil)
			r.picture = jpegOf(t, kept, 200_000)
			r.stalls(large, len(r.picture))
			got := r.facts(r.infoPath("cs:1/b:1/sf:1/pn:1/a:1", "/a.jpg"))
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v instead of %v", got, want)
			}
			if n := r.server.sources.Stats().FetchedBytes; n < uint64(kept) || n > uint64(len(r.picture)) {
				t.Errorf("%d bytes are counted", n)
			}
			if n := r.asked.Load(); n != 1 {
				t.Errorf("%d fetches", n)
			}
		})
	}
}

// The metadata of a JPEG stand in its header, and are told without the rest.
func TestMetadataOfTheHeader(t *testing.T) {
	const large = 40 << 20
	const options = "exif:1:1/xmp:1/iptc:1/icc:1"
	r := newRig(t, nil)
	whole := jpegOf(t, 0, 0)
	packet := `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` +
		`<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg"/></rdf:RDF></x:xmpmeta>`
	whole = picturetest.WithSegment(whole, 1, []byte("http://ns.adobe.com/xap/1.0/\x00"+packet))
	r.picture = whole
	want := r.facts(r.infoPath(options, "/small.jpg"))
	if want["exif"] == nil || want["xmp"] == nil {
		t.Fatal(want)
	}
	r.picture = append(bytes.Clone(whole), make([]byte, 200_000)...)
	r.stalls(large, len(r.picture))
	want["size"] = float64(large)
	if got := r.facts(r.infoPath(options, "/large.jpg")); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v instead of %v", got, want)
	}
}

// Those of other formats may stand behind the image.
func TestMetadataOfOtherFormatsNeedTheWholeSource(t *testing.T) {
	r := newRig(t, nil)
	r.picture = append(picturetest.PNG(picturetest.Chart(400, 300)), make([]byte, 3<<20)...)
	r.header.Set("Content-Length", strconv.Itoa(len(r.picture)))
	if got := r.facts(r.infoPath("exif:1", "/a.png")); got["width"] != 400.0 {
		t.Error(got)
	}
	if n := r.server.sources.Stats().FetchedBytes; n != uint64(len(r.picture)) {
		t.Errorf("%d of %d bytes are counted", n, len(r.picture))
	}
}

// A source is fetched whole where its header is not enough, or not found where it should be, and where it is small.
func TestFactsThatNeedTheWholeSource(t *testing.T) {
	for name, tc := range map[string]struct {
		options           string
		profile, trailing int
		chunked           bool
	}{
		"hashsum":           {options: "chs:md5", trailing: 3 << 20},
		"pixels":            {options: "avg:1", trailing: 3 << 20},
		"a late header":     {profile: 2 << 20, trailing: 3 << 20},
		"no length":         {trailing: 3 << 20, chunked: true},
		"a small source":    {trailing: 500_000},
		"just a whole part": {trailing: 1<<20 - len(jpegOf(t, 0, 0))},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, onDisk(t, &watch{}, t.TempDir(), t.TempDir()))
			r.picture = jpegOf(t, tc.profile, tc.trailing)
			if !tc.chunked {
				r.header.Set("Content-Length", strconv.Itoa(len(r.picture)))
			}
			got := r.facts(r.infoPath(tc.options, "/a.jpg"))
			if got["width"] != 30.0 || got["size"] != float64(len(r.picture)) {
				t.Errorf("%v", got)
			}
			if n := r.server.sources.Stats().FetchedBytes; n != uint64(len(r.picture)) {
				t.Errorf("%d of %d bytes are counted", n, len(r.picture))
			}
			r.quiet()
			resp, body := r.must(r.pathOf("w:10", "/a.jpg"))
			if n := r.asked.Load(); resp.StatusCode != http.StatusOK || n != 1 {
				t.Errorf("%d %q, %d fetches", resp.StatusCode, body, n)
			}
		})
	}
}

// A source that has to be fetched whole after all waits for memory like others.
func TestFactsWaitForTheMemoryOfTheWhole(t *testing.T) {
	r := newRig(t, nil)
	r.picture = append(picturetest.PNG(picturetest.Chart(400, 300)), make([]byte, 3<<20)...)
	r.header.Set("Content-Length", strconv.Itoa(len(r.picture)))
	b := r.server.memory.Budgets.Sources
	others, err := b.Acquire(context.Background(), b.Stats().Capacity-2<<20)
	if err != nil {
		t.Fatal(err)
	}
	path := r.infoPath("exif:1", "/a.png")
	status := make(chan int, 1)
	go func() {
		resp, _, err := r.get(context.Background(), path)
		if err != nil {
			status <- 0
			return
		}
		status <- resp.StatusCode
	}()
	r.until("the fetch waits for memory, and holds none", func() bool {
		return b.Stats().Waiting == 1 && b.Stats().InUse == others.Bytes() || len(status) > 0
	})
	others.Release()
	if got := <-status; got != http.StatusOK {
		t.Errorf("status %d", got)
	}
}

// A header that was fetched alone is no source of images, and a whole source is one of facts.
func TestImagesAfterFactsOfTheHeader(t *testing.T) {
	r := newRig(t, onDisk(t, &watch{}, t.TempDir(), t.TempDir()))
	r.picture = jpegOf(t, 0, 3<<20)
	r.header.Set("Content-Length", strconv.Itoa(len(r.picture)))
	r.facts(r.infoPath("", "/a.jpg"))
	if n := r.server.sources.Stats().FetchedBytes; n > 1<<20 {
		t.Errorf("%d bytes are counted", n)
	}
	if resp, body := r.must(r.pathOf("w:10", "/a.jpg")); resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %q", resp.StatusCode, body)
	}
	r.quiet()
	r.facts(r.infoPath("a:1", "/a.jpg"))
	if st := r.server.sources.Stats(); st.Fetched != 2 || st.Stored != 1 || r.asked.Load() != 2 {
		t.Errorf("%d fetches, %+v", r.asked.Load(), st)
	}
}
