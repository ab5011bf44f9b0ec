package proxy

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// warmBody is the body of POST /warm.
var warmBody = adminBody{most: maxWarmBody, tooLarge: "A request to warm has at most 256 KiB. Send several requests.",
	example: `{"sources": ["https://example.com/a.jpg"], "widths": [320, 640]}`}

// serveWarm answers POST /warm: it makes the entries that clients would make by the same
// URLs, at the lowest priority, and sends a WarmLine for each that has ended. When the
// client leaves it stops.
func (s *Server) serveWarm(w http.ResponseWriter, r *http.Request) error {
	noStore(w.Header())
	leave, ok := s.warmer.enterList()
	if !ok {
		return refuse(http.StatusServiceUnavailable, "shed",
			fmt.Sprintf("%d lists are being warmed already. Try again when one of them has ended.", maxWarmLists))
	}
	defer leave()
	var ask WarmRequest
	if err := warmBody.decode(w, r, &ask); err != nil {
		return err
	}
	err := ask.checkBounds()
	if err == nil {
		err = s.checkMinting(ask)
	}
	if err != nil {
		return badBody(asSentence(strings.TrimPrefix(err.Error(), errWarm.Error()+": ")))
	}
	ctx, stop := context.WithCancelCause(r.Context())
	defer stop(nil)
	run := &warmRun{server: s, ask: ask, request: requestIDOf(w), stop: stop}
	steps := run.start(ctx, s.memory.BackgroundJobs())
	out := newWarmOutput(w, ask.countURLs())
	if err := out.sendAll(steps, &run.working); err != nil {
		stop(err) // the client has left, or does not read
		for range steps {
			continue // until all have ended
		}
	}
	end := out.summary(context.Cause(ctx))
	s.log.Info("warming has ended", "warmed", end.Warmed, "already", end.Already, "failed", end.Failed,
		"left", end.Left, "bytes", end.Bytes, "duration", time.Duration(end.Milliseconds)*time.Millisecond)
	_ = out.send(end) // an error says that the client has left
	return nil
}
