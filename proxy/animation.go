package proxy

import (
	"errors"
	"fmt"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// planOutput settles the format and the frames of a result, once the source is known.
func (s *Server) planOutput(req signedurl.Request, info transform.Info) (transform.Params, error) {
	limits, out := s.limitsOf(req), req.Params
	if f := s.animatedFormat(req, info); f != transform.FormatUnknown {
		moving := out
		moving.Format = f
		moving, err := limits.PlanFrames(info, moving)
		if err != nil || transform.ResultFrames(info, moving) > 1 {
			return moving, err
		}
	}
	if out.Best != 0 {
		outputs := out.BestOutputs(info, limits, s.formatAccess().Write)
		if len(outputs) == 0 {
			return out, out.NoBestFormat()
		}
		best := out.Best
		out = outputs[0] // they differ in nothing but the encoder
		out.Best = best
		return limits.PlanFrames(info, out)
	}
	if out.Format == transform.FormatUnknown {
		out.Format = s.fallbackFormat(req, info)
	}
	if err := s.checkWritable(out.Format); err != nil {
		return out, err
	}
	return limits.PlanFrames(info, out)
}

// animatedFormat is the format of the result of a negotiation where the source is an
// animation, if it can be kept; FormatUnknown where that is the format in any case.
func (s *Server) animatedFormat(req signedurl.Request, info transform.Info) transform.Format {
	f := req.AnimatedFormat
	if req.Auto {
		f = transform.GIF
	}
	animated := info.Format.Animates() && (info.Frames > 1 || info.BrokenOff)
	if !animated || req.Params.Still || !s.formatAccess().Write.Has(f) {
		return transform.FormatUnknown
	}
	return f
}

// limitsOf are the limits of the server, with those that the URL may set itself. A source
// that is served unchanged (raw) needs none, because it is not decoded, nor do facts of the header.
func (s *Server) limitsOf(req signedurl.Request) transform.Limits {
	if req.Params.Raw {
		return transform.Limits{}
	}
	if req.IsInfo() && !req.Meta.Facts.NeedPixels() {
		return transform.Limits{MaxPixels: req.Limits.SourcePixels}
	}
	l := s.cfg.inForce.Load().Limits
	if n := req.Limits.SourcePixels; n > 0 {
		l.MaxPixels = n
	}
	l.MaxFramePixels = req.Limits.FramePixels
	if n := req.Limits.Frames; n > 0 {
		l.MaxFrames = int(min(n, transform.MaxFrames))
	}
	return l
}

// errAnimationTimeout is transform.ErrTimeout of an animation.
var errAnimationTimeout = errors.New("animation too slow")

// slowAnimation is an error of a job that makes so many frames; what it says of a timeout is how
// to ask for less.
func slowAnimation(err error, frames int) error {
	if frames < 2 || !errors.Is(err, transform.ErrTimeout) {
		return err
	}
	return &slowAnimationError{err, frames}
}

type slowAnimationError struct {
	cause  error
	frames int
}

func (e *slowAnimationError) Error() string {
	return fmt.Sprintf("%v: the animation of %d frames took too long to process; request a smaller size, fewer "+
		"frames (max_frames) or a still image (disable_animation)", errAnimationTimeout, e.frames)
}

func (e *slowAnimationError) Unwrap() []error { return []error{errAnimationTimeout, e.cause} }
