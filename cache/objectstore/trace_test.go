package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// calls are Objects of which each call ends with an error, or when its context does.
type calls struct{ err error }

var errHangs = errors.New("hangs")

func (c *calls) call(ctx context.Context) error {
	if errors.Is(c.err, errHangs) {
		<-ctx.Done()
		return ctx.Err()
	}
	return c.err
}

func (c *calls) Open(ctx context.Context, _ string) (io.ReadCloser, int64, error) {
	return io.NopCloser(strings.NewReader("object")), 6, c.call(ctx)
}

func (c *calls) Write(ctx context.Context, _ string, _ *io.SectionReader, _ bool) error {
	return c.call(ctx)
}

func (c *calls) Remove(ctx context.Context, _ string) error { return c.call(ctx) }

// seen is what a Trace was told.
type seen struct{ all []string }

func (s *seen) BeginCall(method, bucket, name string) func(string, bool) {
	return func(result string, failed bool) {
		s.all = append(s.all, fmt.Sprint(method, " ", bucket+name, " ", result, " ", failed))
	}
}

// Each call is told of once, with what it came to, and those that are not made are not. A read for a request is told
// of to that request alone.
func TestTraceOfCalls(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	declined := &Declined{Err: errors.New("purged")}
	for _, test := range []struct {
		ctx      context.Context
		objects  error
		read     error
		reads    string // how a read went
		writes   string // how writes went
		isFailed bool
	}{
		{t.Context(), nil, nil, "ok", "ok", false},
		{t.Context(), ErrNone, nil, "none", "", false},
		{t.Context(), ErrExists, nil, "", "exists", false},
		{t.Context(), nil, declined, "refused", "", false},
		{t.Context(), errHangs, nil, "slow", "slow", true},
		{t.Context(), io.ErrUnexpectedEOF, nil, "failed", "failed", true},
		{gone, errHangs, nil, "left", "left", false},
	} {
		background, request := &seen{}, &seen{}
		s := New(Config{Objects: &calls{test.objects}, Trace: background, URL: "s3://b/p/",
			Patience: 5 * time.Millisecond, WriteTimeout: 5 * time.Millisecond})
		if test.reads == "slow" { // no other verdict must depend on the time
			test.ctx = t.Context()
		} else {
			s.cfg.Patience, s.cfg.WriteTimeout = time.Minute, time.Minute
		}
		read := func(context.Context, io.Reader, int64) ([]byte, func(), error) { return nil, func() {}, test.read }
		want := func(method, result string) []string {
			return []string{fmt.Sprintf("%s s3://b/p/r/1 %s %v", method, result, test.isFailed)}
		}
		if test.reads != "" {
			_, _ = s.Get(test.ctx, "r/1", request, read)
			if !slices.Equal(request.all, want("GET", test.reads)) || len(background.all) != 0 {
				t.Errorf("%v: %q, %q", test.objects, request.all, background.all)
			}
		}
		if test.writes != "" {
			_ = s.Put(test.ctx, "r/1", io.NewSectionReader(strings.NewReader(""), 0, 0), true)
			_ = s.Remove(test.ctx, "r/1")
			if !slices.Equal(background.all, append(want("PUT", test.writes), want("DELETE", test.writes)...)) {
				t.Errorf("%v: %q", test.objects, background.all)
			}
		}
		if n := len(background.all); test.isFailed {
			for range 2 * maxFailures { // until the breaker is open
				_ = s.Remove(test.ctx, "r/1")
			}
			if got := len(background.all); got >= n+2*maxFailures {
				t.Errorf("%d calls are told of, also those that are not made", got)
			}
		}
	}
}
