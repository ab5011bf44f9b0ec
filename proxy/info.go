package proxy

import "github.com/pictor-proxy/pictor/proxy/signedurl"

// parseInfo verifies and reads the part of a target behind signedurl.InfoMark.
func (s *Server) parseInfo(rules *rulesInForce, target string) (read reading, err error) {
	if path, ok := signedurl.CutUnsigned(target); ok && rules.Unsigned != nil {
		read.Request, err = s.cfg.Hidden.withSource(rules.Dialect.ParseInfoUnderRules(path, rules.Unsigned.Rules))
		if err == nil {
			err = rules.Unsigned.CheckSource(s.cfg.inForce.Load().Origin, read.Source)
		}
		return read, err
	}
	verified, err := rules.Keyring.Verify(target)
	if err != nil {
		return read, err
	}
	read, err = rules.parseInfo(verified)
	read.Request, err = s.cfg.Hidden.withSource(read.Request, err)
	return read, err
}

// parseUnsignedInfo reads the part of a path of facts behind its signature, for purges.
func (s *Server) parseUnsignedInfo(path string) (signedurl.Request, error) {
	return s.cfg.Hidden.withSource(s.cfg.inForce.Load().Dialect.ParseUnsignedInfo("/" + path))
}
