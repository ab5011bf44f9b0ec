package proxy

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// mountOf is MountOf by the rules in force.
func (s *Server) mountOf(target string) (m *Mount, rest string) {
	return MountOf(s.cfg.inForce.Load().Mounts, target)
}

// knownName is the name of a target in the table of known ones. Only mounts read the query.
func (s *Server) knownName(target string) string {
	if m, _ := s.mountOf(target); m != nil {
		return target
	}
	path, _, _ := strings.Cut(target, "?")
	return path
}

// parseMounted reads what follows the prefix of a mount.
func (s *Server) parseMounted(m *Mount, rest string) (signedurl.Request, error) {
	req, err := m.Parse(rest)
	if err == nil {
		err = m.CheckSource(s.cfg.inForce.Load().Origin, req.Source)
	}
	if err != nil {
		return signedurl.Request{}, err
	}
	return req, nil
}

// CheckSource refuses a source that targets of the mount may not name.
func (m *Mount) CheckSource(fetcher *origin.Fetcher, source string) error {
	if m.Sources == nil || fetcher.IsAmong(source, m.Sources) {
		return nil
	}
	return fmt.Errorf("%w: %s", origin.ErrSourceNotAllowed, cmp.Or(m.Refusal, "the source is not listed"))
}
