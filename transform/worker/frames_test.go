package worker

import (
	"errors"
	"image"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// A worker must not give more frames than were asked for. Fewer are right: encoders join equal ones.
func TestFramesOfAResultAreChecked(t *testing.T) {
	movie := func(n int) []byte {
		m := picturetest.GIFMovie{Width: 2, Height: 2, Palette: picturetest.Cube()}
		for i := range n {
			m.Parts = append(m.Parts, picturetest.GIFPart{At: image.Rect(0, 0, 2, 2), Pix: []byte{byte(i), 2, 3, 4},
				Transparent: -1})
		}
		return m.Encode()
	}
	info := transform.Info{Format: transform.GIF, Width: 2, Height: 2, Orientation: 1, Frames: 5, Bands: 3, Bits: 8}
	for _, tc := range []struct {
		out    transform.Params
		frames int
		wrong  bool
	}{
		{transform.Params{}, 5, false}, {transform.Params{}, 3, false}, {transform.Params{}, 1, false},
		{transform.Params{}, 6, true},
		{transform.Params{MaxFrames: 3}, 3, false}, {transform.Params{MaxFrames: 3}, 4, true},
		{transform.Params{Still: true}, 1, false}, {transform.Params{Still: true}, 2, true},
		{transform.Params{Page: 2}, 2, true},
	} {
		tc.out.Format = transform.GIF
		job := transform.Job{Info: info, Outputs: []transform.Params{tc.out}}
		delivered := 0
		a := newAssignment(job, func(int, transform.Picture) { delivered++ })
		a.jobRequest()
		_, err := a.handleResponse(response{Kind: kindPicture}, movie(tc.frames))
		if errors.Is(err, errDied) != tc.wrong || (delivered == 0) != tc.wrong {
			t.Errorf("%+v, %d frames: %v, delivered %d times", tc.out, tc.frames, err, delivered)
		}
	}
}
