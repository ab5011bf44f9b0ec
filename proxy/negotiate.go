package proxy

import (
	"strconv"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// defaultAutoFormats are the formats to negotiate where none are configured, the preferred
// one first.
var defaultAutoFormats = []transform.Format{transform.AVIF, transform.WebP}

// negotiateFormat chooses the format of a request that leaves it open: of the offered
// formats the one with the largest weight in Accept, of equal ones the first. Where the
// client accepts none of them the format stays open until the source is known; see
// fallbackFormat. It reports whether the response depends on Accept, and so needs Vary.
func (s *Server) negotiateFormat(req *signedurl.Request, accept []string) (varies bool) {
	if !req.Auto {
		hasFormat := req.Params.Format != transform.FormatUnknown || req.Params.Raw || req.Meta != ""
		if len(s.cfg.AutoFormats) == 0 || hasFormat {
			return false
		}
		req.Auto = true
	}
	if f := s.acceptedFormat(accept); f != transform.FormatUnknown {
		// From here on the request is the same as one that names the format.
		req.Params.Format, req.Auto = f, false
	}
	return true
}

// acceptedFormat is the format to which negotiation comes; FormatUnknown for none.
func (s *Server) acceptedFormat(accept []string) (chosen transform.Format) {
	best := 0.0
	writes := s.formatAccess().Write
	for _, f := range s.offeredFormats() {
		if !writes.Has(f) {
			continue
		}
		if w := weightOf(accept, f.MIME()); w > best {
			best, chosen = w, f
		}
	}
	return chosen
}

// offeredFormats are the formats to choose from.
func (s *Server) offeredFormats() []transform.Format {
	if len(s.cfg.AutoFormats) == 0 {
		return defaultAutoFormats
	}
	return s.cfg.AutoFormats
}

// weightOf reads the weight of a type, without parameters, in Accept (RFC 9110 §12.5.1): 0 to
// 1, of several the last one. Media ranges with a star say nothing: browsers that know a new
// format name it, and those that do not send a star, too. It is on the path of hits, and
// keeps nothing.
func weightOf(lines []string, mime string) (weight float64) {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(part, ";")
			if strings.ToLower(strings.TrimSpace(name)) == mime {
				weight = qualityOf(params)
			}
		}
	}
	return weight
}

// qualityOf is the weight that the parameters of a media range give it; 0 for a bad one.
func qualityOf(params string) float64 {
	weight := 1.0
	for p := range strings.SplitSeq(params, ";") {
		if q, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(p)), "q="); ok {
			v, err := strconv.ParseFloat(q, 64)
			if err != nil || !(v >= 0 && v <= 1) {
				v = 0
			}
			weight = v
		}
	}
	return weight
}
