package proxy

import (
	"context"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// A choice that has run out of time ends with what is made, or else with the first result.
func TestBestEndsInItsTime(t *testing.T) {
	ended := 0
	pic := func(n int) transform.Picture { return transform.Picture{Body: make([]byte, n)} }
	newChoice := func() *smallest {
		ended = 0
		return &smallest{made: func(int, transform.Picture) {}, enough: func() { ended++ }}
	}
	early := newChoice()
	early.deliver(0, pic(9))
	early.deliver(1, pic(7))
	if early.end(); ended != 1 || len(early.picture.Body) != 7 {
		t.Errorf("two results, then the end: %d, %d bytes", ended, len(early.picture.Body))
	}
	late := newChoice()
	if late.end(); ended != 0 {
		t.Error("the job has ended without a result")
	}
	if late.deliver(0, pic(9)); ended != 1 || len(late.picture.Body) != 9 {
		t.Errorf("the end, then a result: %d, %d bytes", ended, len(late.picture.Body))
	}
	two := transform.Job{Outputs: make([]transform.Params, 2)}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if left := bestTime(ctx, two, 0); left < 40*time.Minute || left > 45*time.Minute {
		t.Errorf("of an hour: %v", left)
	}
	if left := bestTime(ctx, two, time.Second); left != time.Second {
		t.Errorf("a second: %v", left)
	}
	if left := bestTime(ctx, transform.Job{Outputs: two.Outputs[:1]}, time.Second); left != 0 {
		t.Errorf("with one format: %v", left)
	}
}
