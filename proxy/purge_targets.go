package proxy

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/thumbor"
	"github.com/pictor-proxy/pictor/transform"
)

// targetSet collects the targets of a purge, each once.
type targetSet struct {
	targets  []purge.Target
	seen     map[purge.Target]bool
	prefixes int
}

func (n *targetSet) add(kind purge.Kind, value string) {
	t := purge.Target{Kind: kind, Value: value}
	if n.seen[t] {
		return
	}
	n.seen[t] = true
	n.targets = append(n.targets, t)
	if kind == purge.Prefix {
		n.prefixes++
	}
}

var (
	errManyTargets = fmt.Errorf("%w: more than %d targets at once (each format of a URL and each value to pick "+
		"counts); send several purges", errPurge, maxPurgeTargets)
	errManyPrefixes = fmt.Errorf("%w: more than %d prefixes at once (a host with port 80 or 443 counts as one); "+
		"send several purges", errPurge, maxPurgePrefixes)
)

// checkBounds refuses more targets than the clock can remember exactly at once.
func (n *targetSet) checkBounds() error {
	switch {
	case n.prefixes > maxPurgePrefixes:
		return errManyPrefixes
	case len(n.targets) > maxPurgeTargets:
		return errManyTargets
	}
	return nil
}

// targetsOf are the targets that a request to purge names, in the spelling of entries.
func (s *Server) targetsOf(ask PurgeRequest) ([]purge.Target, error) {
	others := len(ask.URLs) + len(ask.Sources) + len(ask.Tags) + len(ask.Prefixes) + len(ask.Hosts)
	switch {
	case ask.All && others > 0:
		return nil, fmt.Errorf("%w: all cannot be combined with other targets", errPurge)
	case ask.All:
		return []purge.Target{{Kind: purge.All}}, nil
	case others > maxPurgeTargets: // before memory is spent on them
		return nil, errManyTargets
	case others == 0:
		return nil, fmt.Errorf("%w: nothing to purge; give urls, sources, tags, prefixes, hosts or all", errPurge)
	}
	n := &targetSet{seen: map[purge.Target]bool{}}
	for _, kind := range []struct {
		values []string
		name   func(*targetSet, string) error
	}{
		{ask.URLs, s.addURL}, {ask.Sources, s.addSource}, {ask.Tags, addTag},
		{ask.Prefixes, s.addPrefix}, {ask.Hosts, s.addHost},
	} {
		for _, value := range kind.values {
			err := kind.name(n, value)
			if err == nil {
				err = n.checkBounds()
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return n.targets, nil
}

func (s *Server) addURL(n *targetSet, target string) error {
	keys, err := s.keysOf(target)
	for _, k := range keys {
		n.add(purge.URL, cache.PurgeName(k))
	}
	return err
}

func (s *Server) addSource(n *targetSet, source string) error {
	if err := s.cfg.inForce.Load().Origin.Check(source); err != nil {
		return fmt.Errorf("%w: source %s: %w", errPurge, transform.Quote(source), err)
	}
	id, _ := s.sourceIdentity(source)
	n.add(purge.Source, id)
	return nil
}

func addTag(n *targetSet, tag string) error {
	if strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' }) {
		return fmt.Errorf("%w: tag %s: tags must be ASCII without blanks and commas", errPurge, transform.Quote(tag))
	}
	n.add(purge.Tag, strings.ToLower(tag))
	return nil
}

func (s *Server) addPrefix(n *targetSet, text string) error {
	p, err := s.cfg.inForce.Load().Origin.Prefix(text)
	if err != nil {
		return fmt.Errorf("%w: prefix %s: %w", errPurge, transform.Quote(text), err)
	}
	if name, ok := s.ignoredParamIn(p); ok {
		return fmt.Errorf("%w: prefix %s: sources are stored without the parameter %s (--source-key-ignore)",
			errPurge, transform.Quote(text), transform.Quote(name))
	}
	if len(s.cfg.inForce.Load().SourceKeyIgnore) > 0 && strings.HasPrefix(p, "http") {
		// The parameters after the prefix may be left out of an identity, and then the
		// separator before them is, too.
		p = strings.TrimRight(p, "?&")
	}
	n.add(purge.Prefix, p)
	return nil
}

// ignoredParamIn finds a parameter in a prefix that the identities of all sources with the
// prefix leave out. The name of the last parameter may be cut off where it has no value:
// then only a pattern can match it.
func (s *Server) ignoredParamIn(prefix string) (name string, ok bool) {
	_, query, asks := strings.Cut(prefix, "?")
	if !asks || !strings.HasPrefix(prefix, "http") {
		return "", false
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		name, _, whole := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if s.isIgnoredParam(name, whole || i < len(parts)-1) {
			return name, true
		}
	}
	return "", false
}

// addHost adds a host in the spelling of identities, which leave out the default port:
// example.com:443 is port 443 of http, and all of https.
func (s *Server) addHost(n *targetSet, text string) error {
	host, err := s.cfg.inForce.Load().Origin.HostName(text)
	if err != nil {
		return fmt.Errorf("%w: host %s: %w; write example.com or example.com:8080",
			errPurge, transform.Quote(text), err)
	}
	spellings := []string{host}
	// The name with a dot at its end is the same host, and another source: an origin may
	// tell them apart.
	bare, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i > 0 && !strings.HasSuffix(host, "]") {
		bare, port = host[:i], host[i:]
	}
	if dotless, ok := strings.CutSuffix(bare, "."); ok {
		spellings = append(spellings, dotless+port)
	}
	for _, spelling := range spellings {
		n.add(purge.Host, spelling)
		for suffix, scheme := range map[string]string{":80": "http", ":443": "https"} {
			if h, ok := strings.CutSuffix(spelling, suffix); ok && port == suffix {
				n.add(purge.Prefix, scheme+"://"+h+"/")
			}
		}
	}
	return nil
}

// keysOf are the keys of all entries that an image URL may have made, whatever its
// signature: a URL whose signature is no longer valid, or was cut off, still names them. One
// with signed lists and no choice of them names all that clients may pick.
func (s *Server) keysOf(target string) (keys []cache.Key, err error) {
	m, rest := s.mountOf(target)
	var reqs []signedurl.Request
	if m != nil {
		reqs, err = s.requestsOfMount(m, rest)
	} else {
		reqs, err = s.requestsOf(target)
	}
	for _, req := range reqs {
		for _, variant := range s.negotiatedVariants(m, req) {
			keys = append(keys, s.newCacheRequest(variant).key)
			if quick, what := s.withoutSearch(variant); what != "" {
				keys = append(keys, s.newCacheRequest(quick).key)
			}
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: %s is not an image URL of this server: %w", errPurge, transform.Quote(target), err)
	}
	return keys, nil
}

// requestsOf are all requests that a URL may be in the dialects that the server has itself.
func (s *Server) requestsOf(target string) ([]signedurl.Request, error) {
	own := signedurl.PathOf(signedurl.WithoutPrefix(target, s.cfg.inForce.Load().PathPrefix))
	rules := s.cfg.inForce.Load()
	dialect := rules.Dialect
	if path, ok := signedurl.CutInfo("/" + strings.TrimPrefix(own, "/")); ok {
		return s.parseSpellings(signedurl.Spellings(path), onlyOne(s.parseUnsignedInfo))
	}
	reqs, err := s.parseSpellings(signedurl.Spellings("/"+strings.TrimPrefix(own, "/")), s.parseCandidates)
	if choice, rest := dialect.CutChoice(own); choice != (signedurl.Choice{}) {
		chosen := func(path string) (signedurl.Request, error) {
			return s.cfg.Hidden.withSource(dialect.ParseUnsignedChoice("/"+path, choice))
		}
		more, failed := s.parseSpellings(signedurl.Spellings(rest), onlyOne(chosen))
		reqs, err = append(reqs, more...), failed
	}
	if path, ok := rules.thumborPath(target); ok {
		more, failed := s.parseSpellings(thumbor.Spellings(path), onlyOne(rules.Thumbor.ParseUnsigned))
		reqs, err = append(reqs, more...), errors.Join(err, failed)
	}
	return reqs, err
}

// requestsOfMount are those of a URL of a mount.
func (s *Server) requestsOfMount(m *Mount, rest string) ([]signedurl.Request, error) {
	parse := m.Parse
	if m.ParseUnsigned != nil {
		parse = m.ParseUnsigned
	}
	return s.onlyPermitted(onlyOne(parse)(rest))
}

// parser reads what a path may stand for; at least one request where there is no error.
type parser func(path string) ([]signedurl.Request, error)

// parseCandidates is the parser of the native dialect.
func (s *Server) parseCandidates(path string) ([]signedurl.Request, error) {
	return s.cfg.Hidden.withSources(s.cfg.inForce.Load().Dialect.Candidates("/" + path))
}

// onlyOne is the parser of a dialect in which a path stands for one request.
func onlyOne(parse func(string) (signedurl.Request, error)) parser {
	return func(path string) ([]signedurl.Request, error) {
		req, err := parse(path)
		return []signedurl.Request{req}, err
	}
}

// parseSpellings parses all spellings of a path: without a valid signature, it is not known
// which of them was signed. The error is that of the first spelling.
func (s *Server) parseSpellings(spellings []string, parse parser) (reqs []signedurl.Request, err error) {
	for i, path := range spellings {
		more, failed := s.parseWithoutSignature(path, parse)
		if i == 0 {
			err = failed
		}
		for _, req := range more {
			if !slices.Contains(reqs, req) {
				reqs = append(reqs, req)
			}
		}
	}
	return reqs, err
}

// parseWithoutSignature parses a path after its first segment, and also as a whole, because
// there may be no signature before the options. Where there is one, a source that begins
// with it does not count.
func (s *Server) parseWithoutSignature(path string, parse parser) (reqs []signedurl.Request, err error) {
	path = strings.TrimPrefix(path, "/")
	first, rest, ok := strings.Cut(path, "/")
	if !ok {
		err = fmt.Errorf("%w: an image path looks like /SIGNATURE/OPTIONS/SOURCE", signedurl.ErrMalformed)
	} else {
		var signed []signedurl.Request
		if signed, err = s.onlyPermitted(parse(rest)); err == nil {
			reqs = append(reqs, signed...)
		}
	}
	whole, failed := s.onlyPermitted(parse(path))
	if failed == nil {
		failed = s.cfg.inForce.Load().Origin.Check(whole[0].Source)
	}
	if failed == nil && (err != nil || whole[0].Source == reqs[0].Source || !couldSign(first)) {
		reqs = append(reqs, whole...)
	}
	return reqs, err
}

// couldSign says that a segment may be a signature of either dialect.
func couldSign(segment string) bool {
	if plain, err := url.PathUnescape(segment); err == nil { // its = may be escaped
		segment = plain
	}
	const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+="
	return strings.Trim(segment, base64) == ""
}

// onlyPermitted refuses requests that cannot have made an entry on this server. Those of one path differ in
// nothing that needs a permission.
func (s *Server) onlyPermitted(reqs []signedurl.Request, err error) ([]signedurl.Request, error) {
	if err == nil {
		err = s.checkPermissions(reqs[0])
	}
	if err != nil {
		return nil, err
	}
	return reqs, nil
}

// negotiatedVariants are the requests that one may become by negotiation.
func (s *Server) negotiatedVariants(m *Mount, req signedurl.Request) []signedurl.Request {
	if !s.leavesFormatOpen(m, &req) {
		return []signedurl.Request{req}
	}
	var all []signedurl.Request
	outcomes := s.allNegotiated(m)
	if req.Params.BestIsOpen() {
		outcomes = s.allAccepted(m)
	}
	for _, formats := range outcomes {
		one := req
		formats.applyTo(&one)
		all = append(all, one)
	}
	return all
}
