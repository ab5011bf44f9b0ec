package vips

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// used is the CPU time of this process.
func used(t *testing.T) time.Duration {
	t.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// Metadata that nobody needs costs a decoder nothing, and changes no pixel.
func TestMetadataThatIsABomb(t *testing.T) {
	const side, most = 64, 1500 * time.Millisecond
	src := picturetest.PNG(picturetest.Photo(side, side, 3))
	encoded := func(p transform.Params) []byte { return run(t, src, p).Body }
	bombs := picturetest.Bombs(encoded(transform.Params{Format: transform.WebP}),
		encoded(transform.Params{Format: transform.JPEG, JPEG: transform.JPEGOptions{Progressive: true}}),
		encoded(transform.Params{Format: transform.AVIF}))
	for _, b := range bombs {
		t.Run(b.Name, func(t *testing.T) {
			want := pixels(t, run(t, b.Plain, transform.Params{Format: transform.PNG}))
			for _, p := range []transform.Params{{}, {DropCopyright: true}, {KeepMetadata: true}} {
				p.Format = transform.PNG
				before := used(t)
				info, err := container.Sniff(b.Bytes)
				if errors.Is(err, transform.ErrMalformed) {
					return // the other way out
				}
				if err != nil {
					t.Fatal(err)
				}
				pic, err := runInfo(t, b.Bytes, info, p)
				if errors.Is(err, transform.ErrLimit) && info.Format == transform.AVIF {
					return // libheif 1.19 and later have limits of their own
				}
				if took := used(t) - before; took > most {
					t.Errorf("%+v took %v of CPU time", p, took)
				}
				if err != nil {
					t.Fatal(err)
				}
				if d := picturetest.Distance(pixels(t, pic), want); d > 0 {
					t.Errorf("pixels differ by %v", d)
				}
			}
		})
	}
}
