package vips

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// details is what a failing job leaves for the log.
func details(t *testing.T, b []byte, info transform.Info, look bool) string {
	t.Helper()
	p := transform.Params{Format: transform.PNG}
	p.Trim.On = look
	job := transform.Job{Source: source(t, b), Info: info, Outputs: []transform.Params{p}}
	var err error
	if look {
		_, err = New().FindTrim(context.Background(), job)
	} else {
		err = New().Transform(context.Background(), job, func(int, transform.Picture) {})
	}
	var failed *Error
	if !errors.As(err, &failed) || failed.Detail == "" {
		t.Fatalf("%v, want an error with details", err)
	}
	return failed.Detail
}

// libvips keeps one text of errors for the whole process, and decoders put
// their warnings there, too.
func TestDetailsAreOfOneJob(t *testing.T) {
	jpeg, png := picturetest.JPEG(picturetest.Chart(64, 64), 80), picturetest.PNG(picturetest.Chart(64, 64))
	end := len(jpeg) - 2
	extraneous := slices.Concat(jpeg[:end], []byte("extraneous"), jpeg[end:])
	info := func(b []byte) transform.Info {
		i, err := container.Sniff(b)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	lying := info(png)
	lying.Width++
	avif := run(t, png, transform.Params{Format: transform.AVIF}).Body
	truncated := png[:len(png)*2/3]
	before := map[string]func(){
		"an AVIF":           func() { run(t, avif, transform.Params{Format: transform.JPEG}) },
		"an AVIF result":    func() { run(t, png, transform.Params{Format: transform.AVIF}) },
		"a warning":         func() { run(t, extraneous, transform.Params{Format: transform.PNG}) },
		"a failed job":      func() { details(t, truncated, info(png), false) },
		"a failed look":     func() { details(t, truncated, info(png), true) },
		"formats are tried": func() { New().Probe() },
	}
	for name, first := range before {
		for _, look := range []bool{false, true} {
			first()
			const want = "pictor: decoder says 64 x 64, header said 65 x 64\n"
			if got := details(t, png, lying, look); got != want {
				t.Errorf("after %s, look %v: %q, want %q", name, look, got, want)
			}
		}
	}
}
