package proxy

import (
	"log/slog"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// A result that lost a gain map says so in the log, once; the source itself, which has it, does not.
func TestADroppedGainMapIsLogged(t *testing.T) {
	var l errorLog
	r := newRig(t, logged(&l, slog.LevelDebug, &watch{}))
	plain := picturetest.JPEG(picturetest.Chart(400, 300), 90)
	for _, tc := range []struct {
		picture []byte
		options string
		want    int
	}{
		{plain, "w:10", 0},
		{picturetest.WithSegment(plain, 2, []byte("urn:iso:std:iso:ts:21496:-1\x00\x00\x00\x00\x00")), "w:20/cb:2", 1},
		{picturetest.WithSegment(plain, 2, []byte("urn:iso:std:iso:ts:21496:-1\x00\x00\x00\x00\x00")), "raw:1/cb:3", 1},
	} {
		r.picture = tc.picture
		resp, err := r.Client().Get(r.URL + r.path(tc.options))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if n := len(l.lines(t, "gain map dropped: the result is in SDR")); resp.StatusCode != 200 || n != tc.want {
			t.Errorf("%s: %d, %d lines, want %d", tc.options, resp.StatusCode, n, tc.want)
		}
	}
}
