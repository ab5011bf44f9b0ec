package vips

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image/png"
	"io"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// rowFilters counts the filters of a PNG's rows, of eight bits a sample.
func rowFilters(t *testing.T, b []byte, bands int) (counts [5]int) {
	t.Helper()
	config, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var data []byte
	for at := 8; at+12 <= len(b); {
		n := int(binary.BigEndian.Uint32(b[at:]))
		if string(b[at+4:at+8]) == "IDAT" {
			data = append(data, b[at+8:at+8+n]...)
		}
		at += 12 + n
	}
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(rows); at += 1 + config.Width*bands {
		counts[rows[at]]++
	}
	return counts
}

// Rows of photographs are filtered, those of flat graphics and palettes are not, which makes
// each smaller than the other way would.
func TestPNGFilters(t *testing.T) {
	photo := picturetest.Photo(600, 450, 3)
	jpeg, flat := picturetest.JPEG(photo, 92), picturetest.PNG(picturetest.Chart(600, 450))
	for _, tc := range []struct {
		name, options string
		source        []byte
		bands         int
		filtered      bool
	}{
		{"JPEG", "w:300/f:png", jpeg, 3, true},
		{"photograph in a PNG", "w:300/f:png", picturetest.PNG(photo), 3, true},
		{"photograph at its size", "f:png/bl:1", jpeg, 3, true},
		{"graphic", "w:300/f:png", flat, 3, false},
		{"palette", "w:300/f:png/pngo:0:1", jpeg, 1, false},
	} {
		body := run(t, tc.source, parse(t, tc.options)).Body
		counts := rowFilters(t, body, tc.bands)
		if filtered := counts[0] < (counts[0]+counts[1]+counts[2]+counts[3]+counts[4])/2; filtered != tc.filtered {
			t.Errorf("%s: %v rows by filter", tc.name, counts)
		}
		t.Logf("%s: %d bytes", tc.name, len(body))
	}
}
