package worker

import (
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// FuzzAnswer: whatever a worker that was broken into sends, only an image of the
// format and size that was asked for is delivered, and each output once.
func FuzzAnswer(f *testing.F) {
	job := transform.Job{Info: transform.Info{Format: transform.PNG, Width: 8, Height: 6, Orientation: 1, Frames: 1,
		Bands: 3, Bits: 8},
		Outputs: []transform.Params{{Format: transform.PNG, Width: 4, Placeholder: transform.MeanColour}, {Format: transform.PNG}}}
	small, whole := picturetest.PNG(picturetest.Chart(4, 3)), picturetest.PNG(picturetest.Chart(8, 6))
	f.Add(string(kindPicture), 0, 4, 3, small, "", "")
	f.Add(string(kindPicture), 1, 8, 6, whole, "", "")
	f.Add(string(kindPicture), 0, 4, 3, small, "", "#00ff00")
	f.Add(string(kindPicture), 0, 4, 3, small, "", "#00ff00\r\nSet-Cookie: a=b")
	f.Add(string(kindPicture), 1, 8, 6, small, "", "")
	f.Add(string(kindPicture), -1, 1, 1, []byte("x"), "", "")
	f.Add(string(kindFailed), 0, 0, 0, []byte(nil), "memory", "text")
	f.Add(string(kindDone), 9, 9, 9, whole, "x", "\x00")
	f.Fuzz(func(t *testing.T, kind_ string, index, width, height int, body []byte, class, text string) {
		delivered := map[int]int{}
		a := newAssignment(job, func(i int, p transform.Picture) {
			delivered[i]++
			g := transform.NewGeometry(job.Info, job.Outputs[i])
			info, err := container.Sniff(p.Body)
			if err != nil || info.Width != g.Width || info.Height != g.Height || info.Format != transform.PNG ||
				delivered[i] > 1 {
				t.Fatalf("output %d: %+v, %v, %d times", i, info, err, delivered[i])
			}
			if p.Searched != (transform.Searched{}) && !p.Searched.Possible() {
				t.Fatalf("output %d: no search comes to %+v", i, p.Searched)
			}
			if p.Placeholder != "" && (i != 0 || strings.Trim(p.Placeholder, "#0123456789abcdef") != "") {
				t.Fatalf("output %d: placeholder %q", i, p.Placeholder)
			}
		})
		a.jobRequest()
		resp := response{Kind: kind(kind_), Index: index, Width: width, Height: height, Class: class, Text: text,
			Detail: text, Placeholder: text, Searched: transform.Searched{Quality: width, Encodes: height, Score: float64(index)}}
		for range 2 {
			last, err := a.handleResponse(resp, body)
			if last && err == nil && len(delivered) != len(job.Outputs) {
				t.Fatalf("%+v ends the job with %v", resp, delivered)
			}
		}
	})
}
