package origin

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"testing/fstest"
)

// partOf has enough of a source after some bytes; 0 for never.
type partOf struct {
	bytes.Buffer
	part, enough int64
	// hopeless is after how many bytes no part will be enough.
	hopeless int64
}

func (p *partOf) Part() int64 {
	if p.hopeless > 0 && int64(p.Len()) >= p.hopeless {
		return 0
	}
	return p.part
}

func (p *partOf) Received() (int64, bool) {
	return int64(p.Len()), p.enough > 0 && int64(p.Len()) >= p.enough
}

// Of a source whose length is known no more is reserved than a PartWriter may need, and the rest where that was not
// enough. Meta and report tell the length and what was received.
func TestPartOfASource(t *testing.T) {
	const size, buffer = 1 << 20, 32 << 10
	whole := make([]byte, size)
	for name, tc := range map[string]struct {
		part, enough  int64
		reserved      []int64
		least, most   int64
		withoutLength bool
		hopeless      int64
	}{
		"enough at once":      {part: 256 << 10, enough: 1, reserved: []int64{256 << 10}, least: 1, most: buffer},
		"enough later":        {part: 256 << 10, enough: 200_000, reserved: []int64{256 << 10}, least: 200_000, most: 200_000 + buffer},
		"not in the part":     {part: 256 << 10, enough: 600_000, reserved: []int64{256 << 10, 768 << 10}, least: size, most: size},
		"never":               {part: 256 << 10, reserved: []int64{256 << 10, 768 << 10}, least: size, most: size},
		"hopeless":            {part: 256 << 10, hopeless: 1, reserved: []int64{256 << 10, 768 << 10}, least: size, most: size},
		"no more than a part": {part: size, enough: 1, reserved: []int64{size}, least: size, most: size},
		"unknown length": {part: 256 << 10, enough: 1, reserved: []int64{reserveStep}, least: size, most: size,
			withoutLength: true},
	} {
		t.Run(name, func(t *testing.T) {
			site := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if !tc.withoutLength {
					w.Header().Set("Content-Length", strconv.Itoa(size))
				}
				w.Write(whole)
			})
			f := newFetcher(t, Config{AllowNetworks: loopback, Local: fstest.MapFS{"a": &fstest.MapFile{Data: whole}}})
			var reports []FetchReport
			f.Watch(func(r FetchReport) { reports = append(reports, r) })
			sources := []string{site + "/a"}
			if !tc.withoutLength {
				sources = append(sources, "local:///a")
			}
			for _, source := range sources {
				w := partOf{part: tc.part, enough: tc.enough, hopeless: tc.hopeless}
				var reserved []int64
				meta, err := f.Fetch(context.Background(), source, &w, func(n int64) error {
					reserved = append(reserved, n)
					return nil
				})
				if err != nil || meta.Size != size || !slices.Equal(reserved, tc.reserved) {
					t.Errorf("%s: %d bytes, %v; reserved %v, want %v", source, meta.Size, err, reserved, tc.reserved)
				}
				received, last := int64(w.Len()), reports[len(reports)-1]
				if received < tc.least || received > tc.most || last.Bytes != received || last.Result != "ok" {
					t.Errorf("%s: %d bytes received, want %d to %d, %+v", source, received, tc.least, tc.most, last)
				}
			}
			if n := len(reports); n != len(sources) {
				t.Error(fmt.Sprint(n, " reports"))
			}
		})
	}
}
