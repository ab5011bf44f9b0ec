package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// PurgeRequest is the body of POST /purge.
type PurgeRequest struct {
	// URLs are those of pictures, in any spelling, with any signature or none
	// that holds. Sources are URLs of sources: all that was made of them. Tags
	// are those of URLs (ct:) and of origins. Prefixes are what URLs of sources
	// begin with, Hosts what they name.
	URLs     []string `json:"urls,omitempty"`
	Sources  []string `json:"sources,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	Prefixes []string `json:"prefixes,omitempty"`
	Hosts    []string `json:"hosts,omitempty"`
	All      bool     `json:"all,omitempty"`
	// Mode is "hard": it is not served any more; or "soft": it is stale, and
	// made anew when it is asked for. The default is hard, but soft of all.
	Mode string `json:"mode,omitempty"`
}

// PurgeAnswer is what POST /purge answers: the purge is on disk, and in force.
type PurgeAnswer struct {
	Sequence uint64 `json:"sequence"`
	// Applied is when, in RFC 3339.
	Applied string `json:"applied"`
	Mode    string `json:"mode"`
	// CDNTags is what to purge at the CDN now, by the tags in its header.
	CDNTags []string `json:"cdn_tags"`
}

const (
	maxPurgeBody    = 1 << 20
	maxPurgeTargets = 10_000
)

// errPurge: a purge asks for what cannot be.
var errPurge = errors.New("bad purge")

// purge answers POST /purge.
func (s *Server) purge(w http.ResponseWriter, r *http.Request) {
	noStore(w.Header())
	// A page in an operator's browser can send text without asking, JSON not.
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		http.Error(w, "bad-argument: Send JSON, as Content-Type: application/json.", http.StatusUnsupportedMediaType)
		return
	}
	var ask PurgeRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPurgeBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&ask); err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			http.Error(w, "too-large: A purge has at most 1 MiB; send several.", http.StatusRequestEntityTooLarge)
			return
		}
		http.Error(w, "bad-argument: The body is not JSON such as {\"sources\": [\"https://example.com/a.jpg\"]}: "+err.Error()+".", http.StatusBadRequest)
		return
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		http.Error(w, "bad-argument: There is something behind the JSON.", http.StatusBadRequest)
		return
	}
	answer, err := s.Purge(ask)
	switch {
	case errors.Is(err, errPurge), errors.Is(err, purge.ErrBadTarget):
		http.Error(w, "bad-argument: "+sentence(strings.TrimPrefix(err.Error(), errPurge.Error()+": ")), http.StatusBadRequest)
		return
	case err != nil:
		s.log.Error("purge failed: nothing was purged", "err", err)
		http.Error(w, "internal: The purge could not be written to its log, so nothing was purged; see the server's log.", http.StatusInternalServerError)
		return
	}
	s.log.Info("purged", "sequence", answer.Sequence, "mode", answer.Mode, "targets", len(answer.CDNTags))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // fails where the client has left
}

// Purge purges. When it returns nothing of what is named is served any more,
// be it in a tier or on its way there.
func (s *Server) Purge(ask PurgeRequest) (PurgeAnswer, error) {
	mode, err := ask.mode()
	if err != nil {
		return PurgeAnswer{}, err
	}
	targets, err := s.targets(ask)
	if err != nil {
		return PurgeAnswer{}, err
	}
	receipt, err := s.cfg.Cache.Purge(mode, targets)
	if err != nil {
		return PurgeAnswer{}, err
	}
	answer := PurgeAnswer{Sequence: receipt.Sequence, Applied: receipt.Applied.UTC().Format("2006-01-02T15:04:05.000Z07:00"), Mode: mode.String()}
	for _, t := range targets {
		answer.CDNTags = append(answer.CDNTags, tagOf(t))
	}
	slices.Sort(answer.CDNTags)
	answer.CDNTags = slices.Compact(answer.CDNTags)
	return answer, nil
}

func (ask PurgeRequest) mode() (purge.Mode, error) {
	switch {
	case ask.Mode == "hard", ask.Mode == "" && !ask.All:
		return purge.Hard, nil
	case ask.Mode == "soft", ask.Mode == "":
		return purge.Soft, nil
	}
	return 0, fmt.Errorf("%w: mode is hard or soft", errPurge)
}

// targets are what a purge names, as entries are known.
func (s *Server) targets(ask PurgeRequest) (targets []purge.Target, err error) {
	if n := len(ask.URLs) + len(ask.Sources) + len(ask.Tags) + len(ask.Prefixes) + len(ask.Hosts); n > maxPurgeTargets {
		return nil, fmt.Errorf("%w: it names %d things, and may name %d at once", errPurge, n, maxPurgeTargets)
	}
	add := func(kind purge.Kind, value string) {
		targets = append(targets, purge.Target{Kind: kind, Value: value})
	}
	if ask.All {
		targets = append(targets, purge.Target{Kind: purge.All})
	}
	for _, u := range ask.URLs {
		keys, err := s.keysOf(u)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			add(purge.URL, cache.PurgeName(k))
		}
	}
	for _, source := range ask.Sources {
		if err := s.cfg.Origin.Check(source); err != nil {
			return nil, fmt.Errorf("%w: source %s: %w", errPurge, transform.Quote(source), err)
		}
		add(purge.Source, s.identity(source))
	}
	for _, t := range ask.Tags {
		if strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' }) {
			return nil, fmt.Errorf("%w: tag %s: tags have neither blanks nor commas, and are ASCII", errPurge, transform.Quote(t))
		}
		add(purge.Tag, strings.ToLower(t))
	}
	for _, p := range ask.Prefixes {
		add(purge.Prefix, s.cfg.Origin.Identity(p))
	}
	for _, h := range ask.Hosts {
		if strings.ContainsAny(h, "/@? ") {
			return nil, fmt.Errorf("%w: host %s: name it as in example.com or example.com:8080", errPurge, transform.Quote(h))
		}
		add(purge.Host, strings.ToLower(h))
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("%w: it names nothing; say urls, sources, tags, prefixes, hosts, or all", errPurge)
	}
	return targets, nil
}

// keysOf are all that a picture's URL may have put into the cache, whatever its
// signature: one that holds no more, or that was cut off, names the picture
// all the same.
func (s *Server) keysOf(target string) (keys []cache.Key, err error) {
	reads := []func(string) (signedurl.Request, error){s.readUnsigned, s.readUnsignedThumbor}
	for _, read := range reads {
		req, failed := read(target)
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		for _, variant := range s.variants(req) {
			keys = append(keys, s.identify(variant).key)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: %s is no URL of a picture here: %w", errPurge, transform.Quote(target), err)
	}
	return keys, nil
}

// errOther: a path is of another dialect.
var errOther = errors.New("not of this dialect")

func (s *Server) readUnsigned(target string) (signedurl.Request, error) {
	path := signedurl.PathOf(signedurl.WithoutPrefix(target, s.cfg.PathPrefix))
	_, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok {
		return signedurl.Request{}, fmt.Errorf("%w: a picture's path is /SIGNATURE/OPTIONS/SOURCE", signedurl.ErrMalformed)
	}
	return s.permitted(s.cfg.Dialect.Parse(signedurl.Repair("/" + rest)))
}

func (s *Server) readUnsignedThumbor(target string) (signedurl.Request, error) {
	path, ok := s.ofThumbor(target)
	if !ok {
		return signedurl.Request{}, errOther
	}
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if first == "meta" {
		rest = first + "/" + rest
	}
	return s.permitted(s.cfg.Thumbor.Parse(rest))
}

// permitted refuses what no URL here can have put into the cache.
func (s *Server) permitted(req signedurl.Request, err error) (signedurl.Request, error) {
	if err == nil {
		err = s.permit(req)
	}
	return req, err
}

// variants are the requests that one may become by negotiation.
func (s *Server) variants(req signedurl.Request) []signedurl.Request {
	open := req
	if !s.negotiate(&open, nil) {
		return []signedurl.Request{req}
	}
	all := []signedurl.Request{open}
	for _, f := range s.offered() {
		one := req
		s.negotiate(&one, []string{f.MIME()})
		all = append(all, one)
	}
	return all
}

// fromHere lets only those in who name the server by an address of this
// machine: a page that an operator looks at could otherwise have its own name
// lead here, and be taken by the browser for the same site.
func fromHere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if !strings.EqualFold(host, "localhost") && (err != nil || !ip.Unmap().IsLoopback()) {
			noStore(w.Header())
			http.Error(w, "wrong-host: Without a token the admin port is used as localhost or 127.0.0.1; set --admin-token to use it by another name.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
