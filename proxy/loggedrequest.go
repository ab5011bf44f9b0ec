package proxy

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/accesslog"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// wantsServerTiming says whether a response is to say where its time went. Where it is, a hit takes all of the steps.
func (s *Server) wantsServerTiming(r *http.Request) bool {
	token := s.cfg.inForce.Load().RequestLog.TimingToken
	if token == "" || s.cfg.FullErrors {
		return s.cfg.FullErrors
	}
	given := r.Header[TimingHeader]
	return len(given) == 1 && subtle.ConstantTimeCompare([]byte(given[0]), []byte(token)) == 1
}

// logAccess writes the line of a request that took all of the steps.
func (s *Server) logAccess(rec *responseRecord, r *http.Request) {
	l := &s.cfg.inForce.Load().RequestLog
	if l.Access == nil {
		return
	}
	line := accesslog.Line{Status: rec.status, Code: rec.code, Sent: rec.sent, Outcome: rec.outcome, Tier: rec.tier}
	if line.Status == 0 {
		line.Status = statusClientLeft
	}
	if l.OnlyErrors && line.Status < http.StatusBadRequest {
		return
	}
	times := rec.phases.read()
	for p, d := range times {
		line.Duration += d
		line.Phases = append(line.Phases, accesslog.Phase{Name: phaseNames[p], Time: d})
	}
	line.Target, line.RequestID = s.loggedTarget(rec, r), requestIDOf(rec)
	line.Trace = rec.trace.ID()
	l.write(&line, rec.began, r)
}

// loggedTarget is the target of a request for logs.
func (s *Server) loggedTarget(rec *responseRecord, r *http.Request) string {
	if rec != nil && rec.asked != nil {
		return s.targetOf(r.RequestURI, *rec.asked)
	}
	if rec == nil {
		return loggedAdminPath(signedurl.PathOf(r.RequestURI))
	}
	return s.loggedUnread(r.RequestURI)
}

// withoutQuery is a text without the query of a source, which may be signed: causes quote what an origin, or the
// client of a bucket, says.
func withoutQuery(text, source string) string {
	if _, query, ok := strings.Cut(source, "?"); ok && query != "" {
		text = strings.ReplaceAll(text, query, leftOut)
	}
	return text
}

// targetOf is the target of a request that was read, for logs: in one spelling for all dialects, and without
// signature, keys, the query of its source, and a source that clients do not see.
func (s *Server) targetOf(target string, req signedurl.Request) string {
	rules := s.cfg.inForce.Load()
	if !req.IsHidden() {
		req.Source = rules.RequestLog.redactSource(req.Source)
		if hidesSource(target, req) {
			req.Source = leftOut
		}
	}
	return rules.PathPrefix + "/" + leftOut + req.Path(true)
}

// hidesSource says whether clients do not see the source of a request that was read.
func hidesSource(target string, req signedurl.Request) bool {
	return req.IsHidden() || strings.Contains(target, "/enc/")
}

// loggedSource is the source of a request for logs. concealed says that clients do not see it.
func (s *Server) loggedSource(req signedurl.Request, concealed bool) string {
	switch {
	case req.IsHidden():
		return req.SourceHash.String()
	case concealed:
		return leftOut
	}
	return s.cfg.inForce.Load().RequestLog.redactSource(req.Source)
}

// loggedUnread is a target that was not read, for logs: nothing is known of where in it a secret may stand. Options
// of the native grammar stay, which have a colon, and what is plainly the place of a source.
func (s *Server) loggedUnread(target string) string {
	path, _, _ := strings.Cut(target, "?")
	if slices.Contains(ownPaths, path) {
		return path
	}
	if m, _ := s.mountOf(target); m != nil {
		return strings.TrimSuffix(m.Prefix, "/") + "/" + leftOut
	}
	rules := s.cfg.inForce.Load()
	if rules.Thumbor != nil && rules.ThumborPath != "/" && strings.HasPrefix(path, rules.ThumborPath) {
		return strings.TrimSuffix(rules.ThumborPath, "/") + "/" + leftOut
	}
	own := signedurl.WithoutPrefix(path, rules.PathPrefix)
	segments := strings.Split(strings.TrimPrefix(own, "/"), "/")
	kept := rules.PathPrefix + "/" + leftOut
	for i, segment := range segments[1:] {
		if segment == "plain" {
			return kept + "/plain/" + rules.RequestLog.unreadSource(strings.Join(segments[i+2:], "/"))
		}
		if !isOption(segment) {
			break
		}
		kept += "/" + segment
	}
	return kept + "/" + leftOut
}

// The characters of the hosts and paths of sources that are logged unread. Others may begin what a secret is in: a
// query, credentials, or another encoding of them.
const (
	inLoggedHost = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.:[]"
	inLoggedPath = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"
)

// unreadSource is what logs say of a source that was not read, by what follows "plain/" in its target: the host, and
// as much of the path as is nothing but a path.
func (l *RequestLog) unreadSource(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	scheme, rest, isURL := strings.Cut(text, "://")
	if !isURL {
		scheme, rest = "", text
	}
	end := strings.IndexByte(rest, '/')
	if host := rest[:max(end, 0)]; isURL && (host == "" || strings.Trim(host, inLoggedHost) != "") {
		return leftOut
	}
	from := 0
	if isURL {
		scheme, from = scheme+"://", end
	}
	path := rest[from:]
	if i := strings.IndexFunc(path, func(r rune) bool { return !strings.ContainsRune(inLoggedPath, r) }); i >= 0 {
		path = path[:i]
	}
	return l.redactSource(scheme + rest[:from] + path)
}

// isOption says whether a segment looks like an option, and like no source.
func isOption(segment string) bool {
	name := segment[:max(strings.IndexByte(segment, ':'), 0)]
	if name == "" || len(name) > 40 || strings.Contains(segment, ":%2") ||
		slices.Contains([]string{"http", "https", "local", "s3", "gs", "abs"}, name) {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") == ""
}
