package proxy

import (
	"fmt"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// formatAccess is what may be read and written at the moment.
func (s *Server) formatAccess() transform.FormatAccess {
	if s.cfg.Formats == nil {
		return transform.AllFormats()
	}
	return s.cfg.Formats()
}

// checkReadable refuses sources of a format that may not be read here, or not for the request.
func (s *Server) checkReadable(req signedurl.Request, info transform.Info) error {
	if req.Terms.Refused.Has(info.Format) {
		return fmt.Errorf("%w: the source is %s, which such URLs may not have", transform.ErrUnsupported,
			info.Format.Title())
	}
	if s.formatAccess().Read.Has(info.Format) {
		return nil
	}
	return fmt.Errorf("%w: this server does not read %s", transform.ErrUnsupported, info.Format.Title())
}

// checkWritable refuses results of a format that may not be written here.
func (s *Server) checkWritable(f transform.Format) error {
	if s.formatAccess().Write.Has(f) {
		return nil
	}
	return fmt.Errorf("%w: this server does not write %s; request another format", transform.ErrUnsupported, f.Title())
}

// checkPassthrough refuses to serve a source unchanged that is a document with scripts and links rather than an image.
func (s *Server) checkPassthrough(info transform.Info) error {
	if info.Format != transform.SVG || s.cfg.inForce.Load().AllowSVGPassthrough {
		return nil
	}
	return fmt.Errorf("%w: this server does not serve an SVG unchanged (--allow-svg-passthrough); request it without "+
		"raw and skip_processing", transform.ErrUnsupported)
}

// fallbackFormat is the format of a result where the URL names none and negotiation chose
// none: that of the source if it may be written and, in a negotiation, every client can read it.
// Else it is JPEG, or PNG for transparency.
func (s *Server) fallbackFormat(req signedurl.Request, info transform.Info) transform.Format {
	everybodyReads := info.Format == transform.JPEG || info.Format == transform.PNG || info.Format == transform.GIF
	switch {
	case (!req.Auto || everybodyReads) && s.formatAccess().Write.Has(info.Format):
		return info.Format
	case info.Alpha:
		return transform.PNG
	}
	return transform.JPEG
}
