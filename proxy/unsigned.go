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

// CheckSource refuses a source that such paths may not name: signedurl.ErrUnsigned, with the name of the rule.
func (u *UnsignedAccess) CheckSource(f *origin.Fetcher, source string) error {
	if f.IsAmong(source, u.Sources) {
		return nil
	}
	return fmt.Errorf("%w: the source is not listed (--unsigned-sources)", signedurl.ErrUnsigned)
}

// parseUnsigned reads the part of a path behind signedurl.UnsignedMark.
func (s *Server) parseUnsigned(path string) (signedurl.Request, error) {
	req, err := s.cfg.Hidden.withSource(s.cfg.Dialect.ParseUnderRules(path, s.cfg.Unsigned.Rules))
	if err == nil {
		err = s.cfg.Unsigned.CheckSource(s.cfg.Origin, req.Source)
	}
	if err != nil {
		return signedurl.Request{}, err
	}
	return req, nil
}
