package proxy

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/pictor-proxy/pictor/cache"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// WarmRequest is the body of POST /warm.
type WarmRequest struct {
	// URLs are image URLs or paths, signed, as clients ask for them.
	URLs []string `json:"urls,omitempty"`
	// Sources are URLs of sources. The server signs a URL for each, in each of the
	// Widths, in pixels, and each of the Formats ("webp", or "auto" for f:auto), with
	// Options as in a path ("rs:fill:300:200/q:80"). A height in Options keeps the
	// proportions that it has to the width there.
	Sources []string `json:"sources,omitempty"`
	Widths  []int    `json:"widths,omitempty"`
	Formats []string `json:"formats,omitempty"`
	Options string   `json:"options,omitempty"`
	// Accept are the Accept headers to warm negotiated URLs for; empty for all results
	// that negotiation may choose.
	Accept []string `json:"accept,omitempty"`
}

const (
	maxWarmBody = 256 << 10
	// maxWarmURLs is how many URLs a request may name, those signed for sources included.
	maxWarmURLs   = 1000
	maxWarmAccept = 10
	// maxAcceptBytes is the length of an Accept header, which each line of the response repeats.
	maxAcceptBytes = 1 << 10
)

// errWarm: a request to warm cannot be done.
var errWarm = errors.New("bad request to warm")

// countURLs is how many URLs the request names, those that are signed for sources included.
func (ask WarmRequest) countURLs() int {
	return len(ask.URLs) + len(ask.Sources)*max(len(ask.Widths), 1)*max(len(ask.Formats), 1)
}

// checkBounds refuses a request that names nothing or too much.
func (ask WarmRequest) checkBounds() error {
	switch {
	case len(ask.URLs)+len(ask.Sources) == 0:
		return fmt.Errorf("%w: nothing to warm; give urls or sources", errWarm)
	case ask.countURLs() > maxWarmURLs:
		return fmt.Errorf("%w: more than %d URLs at once (sources count for each width and format); "+
			"send several requests", errWarm, maxWarmURLs)
	case len(ask.Accept) > maxWarmAccept:
		return fmt.Errorf("%w: more than %d values of accept", errWarm, maxWarmAccept)
	case len(ask.Sources) == 0 && (len(ask.Widths)+len(ask.Formats) > 0 || ask.Options != ""):
		return fmt.Errorf("%w: widths, formats and options are for sources; a URL has its own", errWarm)
	}
	for _, accept := range ask.Accept {
		if len(accept) > maxAcceptBytes {
			return fmt.Errorf("%w: a value of accept has more than %d bytes", errWarm, maxAcceptBytes)
		}
	}
	for _, width := range ask.Widths {
		if width < 1 {
			return fmt.Errorf("%w: width %d is not above 0", errWarm, width)
		}
	}
	return nil
}

// mintedURLs signs the URLs of a source, one after the other. The error of a URL is what
// is wrong with it.
func (s *Server) mintedURLs(ask WarmRequest, source string) iter.Seq2[string, error] {
	b := &signedurl.Builder{Keyring: s.cfg.inForce.Load().Keyring, Server: s.cfg.inForce.Load().PathPrefix}
	all := b.Source(source)
	if ask.Options != "" {
		all = all.Options(ask.Options)
	}
	widths, formats := ask.Widths, ask.Formats
	if len(widths) == 0 {
		widths = []int{0}
	}
	if len(formats) == 0 {
		formats = []string{""}
	}
	return func(yield func(string, error) bool) {
		for _, width := range widths {
			for _, format := range formats {
				u := all
				if width > 0 {
					u = u.Width(width)
				}
				if f, ok := transform.ParseOutput(format); ok {
					u = u.Format(f) // of a list in the options the one to pick
				} else if format != "" {
					u = u.Options("f:" + format)
				}
				if !yield(u.URL()) {
					return
				}
			}
		}
	}
}

// checkMinting refuses options that no URL of this server can have, by those of the first
// source. What is wrong with a source itself is found with its own URLs.
func (s *Server) checkMinting(ask WarmRequest) error {
	if len(ask.Sources) == 0 {
		return nil
	}
	for target, err := range s.mintedURLs(ask, ask.Sources[0]) {
		var req signedurl.Request
		if err == nil {
			req, err = s.readRequest(target)
		}
		if err == nil && req.Source != ask.Sources[0] {
			err = fmt.Errorf("this server reads URLs in another way than they are signed for sources "+
				"(it takes %s for the source); give urls instead", transform.Quote(req.Source))
		}
		if err != nil {
			return fmt.Errorf("%w: source %s with options %s: %w", errWarm, transform.Quote(ask.Sources[0]),
				transform.Quote(ask.Options), err)
		}
	}
	return nil
}

// warmURLs are all URLs of a request to warm.
func (s *Server) warmURLs(ask WarmRequest) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, target := range ask.URLs {
			if !yield(strings.TrimSpace(target), nil) {
				return
			}
		}
		for _, source := range ask.Sources {
			for target, err := range s.mintedURLs(ask, source) {
				if err != nil {
					target = source
				}
				if !yield(target, err) {
					return
				}
			}
		}
	}
}

// warmVariant is a result to warm, and the Accept header by which clients get it; "" where
// the format is not negotiated.
type warmVariant struct {
	cacheRequest
	accept string
}

// warmVariants are the results that clients with these Accept headers get by a URL, each
// once. Without headers they are all that negotiation may choose.
func (s *Server) warmVariants(m *Mount, req signedurl.Request, accept []string) (variants []warmVariant) {
	if len(accept) == 0 {
		accept = s.acceptOfBrowsers(m)
	}
	seen := map[cache.Key]bool{}
	for _, header := range accept {
		one := req
		negotiated := s.negotiateFormat(m, &one, []string{header})
		v := warmVariant{s.newCacheRequest(one), header}
		v.background = true
		switch {
		case !negotiated:
			v.accept = ""
			return []warmVariant{v}
		case !seen[v.key]:
			seen[v.key] = true
			variants = append(variants, v)
		}
	}
	return variants
}
