package origin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// maxHops bounds Via and CDN-Loop of a request, each, in bytes: some sixty proxies.
// Hops must not be left out, so a longer header is taken for a loop.
const maxHops = 2 << 10

// Hops is the way that a request has come, by its headers: Via (RFC 9110 §7.6.3)
// and CDN-Loop (RFC 8586). A fetch that is made for the request passes it on, with
// the Fetcher's own ID behind it. Hops can be compared; zero for none.
type Hops struct{ via, loop string }

const useOriginal = "use the URL of the original image as the source"

// Hops reads the way of a request. It is ErrLoop where the request comes, by
// whatever way, from a fetch of this Fetcher.
func (f *Fetcher) Hops(h http.Header) (Hops, error) {
	via, loop := h["Via"], h["Cdn-Loop"]
	if len(via) == 0 && len(loop) == 0 {
		return Hops{}, nil
	}
	hops := Hops{strings.Join(via, ", "), strings.Join(loop, ", ")}
	switch {
	case strings.Contains(hops.via, f.cfg.ID), strings.Contains(hops.loop, f.cfg.ID):
		return Hops{}, fmt.Errorf("%w: this request comes from a fetch of this server; %s", ErrLoop, useOriginal)
	case len(hops.via) > maxHops, len(hops.loop) > maxHops:
		return Hops{}, fmt.Errorf("%w: this request has come through too many proxies", ErrLoop)
	}
	return hops, nil
}

// loopError is ErrLoop for requests that have come by one way.
type loopError struct {
	error
	hops Hops
}

// Unwrap is the error without the way.
func (e *loopError) Unwrap() error { return e.error }

// withHops adds the hops of the request to an error that is ErrLoop.
func (h Hops) withHops(err error) error {
	if errors.Is(err, ErrLoop) {
		return &loopError{err, h}
	}
	return err
}

// Elsewhere says whether an error is a loop of a request that came by another way,
// which need not be one for a request that came by this one. A loop that there is
// without any way is one for all.
func (h Hops) Elsewhere(err error) bool {
	var e *loopError
	return errors.As(err, &e) && e.hops != Hops{} && e.hops != h
}

// setHeaders writes Via and CDN-Loop: the hops of before, and the ID as the last one.
func (h Hops) setHeaders(header http.Header, id string) {
	header["Via"] = []string{appendHop(h.via, "1.1 "+id)}
	header["Cdn-Loop"] = []string{appendHop(h.loop, id)}
}

func appendHop(way, last string) string {
	if way = strings.Trim(way, ", \t"); way == "" {
		return last
	}
	return way + ", " + last
}

// LoopDetail is what the Cache-Status of a response with ErrLoop has as its detail
// (RFC 9211 §2.8). Hosts use status 508 for other things, too.
const LoopDetail = "loop-detected"

// isLoop says whether a response is another instance's, about a loop.
func isLoop(resp *http.Response) bool {
	said := strings.Join(resp.Header["Cache-Status"], ", ")
	return resp.StatusCode == http.StatusLoopDetected && isPictor(resp) && strings.Contains(said, "detail="+LoopDetail)
}

// isPictor says whether a pictor was asked for a response, by its name in
// Cache-Status, which caches behind it keep (RFC 9211 §2).
func isPictor(resp *http.Response) bool {
	for member := range strings.SplitSeq(strings.Join(resp.Header["Cache-Status"], ","), ",") {
		name, _, _ := strings.Cut(member, ";")
		if strings.TrimSpace(name) == "pictor" {
			return true
		}
	}
	return false
}
