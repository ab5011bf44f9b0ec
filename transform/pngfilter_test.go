package transform

import "testing"

func TestPNGCompression(t *testing.T) {
	for _, tc := range []struct {
		name     string
		o        PNGOptions
		info     Info
		bytes    int64
		filtered bool
		level    int
	}{
		{"JPEG", PNGOptions{}, Info{Format: JPEG}, 1000, true, 3},
		{"photograph", PNGOptions{}, Info{Format: PNG}, 15000, true, 3},
		{"graphic", PNGOptions{}, Info{Format: PNG}, 1000, false, 6},
		{"graphic with a large profile", PNGOptions{}, Info{Format: PNG, AncillaryBytes: 9000}, 10000, false, 6},
		{"lossless WebP", PNGOptions{}, Info{Format: WebP, Lossless: true}, 1000, false, 6},
		{"lossy WebP", PNGOptions{}, Info{Format: WebP}, 1000, true, 3},
		{"animation", PNGOptions{}, Info{Format: GIF, Frames: 20}, 20000, false, 6},
		{"palette", PNGOptions{Palette: true}, Info{Format: JPEG}, 1000, false, 6},
		{"level", PNGOptions{Effort: 9}, Info{Format: JPEG}, 1000, true, 9},
	} {
		tc.info.Width, tc.info.Height = 100, 100
		if filtered, level := tc.o.Compression(tc.info, tc.bytes); filtered != tc.filtered || level != tc.level {
			t.Errorf("%s: filtered %v at level %d, want %v at %d", tc.name, filtered, level, tc.filtered, tc.level)
		}
	}
}
