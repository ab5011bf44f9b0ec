package proxy

import (
	"fmt"

	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// UnsignedAccess is what paths without a signature may ask for.
type UnsignedAccess struct {
	Rules signedurl.UnsignedRules
	// Sources are those that such paths may name.
	Sources []origin.SourceRule
}

// parseUnsigned reads the part of a path behind signedurl.UnsignedMark.
func (s *Server) parseUnsigned(path string) (signedurl.Request, error) {
	req, err := s.cfg.Dialect.ParseUnderRules(path, s.cfg.Unsigned.Rules)
	if err == nil && !s.cfg.Origin.IsAmong(req.Source, s.cfg.Unsigned.Sources) {
		err = fmt.Errorf("%w: the source is not listed (--unsigned-sources)", signedurl.ErrUnsigned)
	}
	if err != nil {
		return signedurl.Request{}, err
	}
	return req, nil
}
