package proxy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// defaultAutoFormats are the formats to negotiate where none are configured, the preferred
// one first.
var defaultAutoFormats = []transform.Format{transform.AVIF, transform.WebP}

// negotiated is what negotiation comes to. The source is not known then, and need not be for a
// hit, so that it has two parts: the format of the result, and the one where the source is an
// animation, if the format holds none. The zero value is for a client that accepts no
// offered format; see fallbackFormat.
type negotiated struct {
	format, animated transform.Format
	// accepted are all offered formats that the client accepts, for f:best.
	accepted transform.FormatSet
}

// negotiateFormat chooses the format of a request that leaves it open: of the offered
// formats the one with the largest weight in Accept, of equal ones the first. It reports
// whether the response depends on Accept, and so needs Vary.
func (s *Server) negotiateFormat(m *Mount, req *signedurl.Request, accept []string) (varies bool) {
	if !s.leavesFormatOpen(m, req) {
		return false
	}
	s.acceptedFormats(m, accept).applyTo(req)
	return true
}

// leavesFormatOpen says whether the format of a request is negotiated, and marks it so.
func (s *Server) leavesFormatOpen(m *Mount, req *signedurl.Request) bool {
	if req.Params.BestIsOpen() {
		return true
	}
	always := len(s.cfg.inForce.Load().AutoFormats) > 0 && (m == nil || m.Formats == nil)
	if !req.Auto && (!always || req.NamesFormat()) {
		return false
	}
	req.Auto = true
	return true
}

// applyTo settles the format of a request. One of a format that holds animations is from then on
// the same as one that names the format, and so is one of a still image.
func (n negotiated) applyTo(req *signedurl.Request) {
	if req.Params.BestIsOpen() {
		n.applyToBest(req)
		return
	}
	if n.format == transform.FormatUnknown {
		return
	}
	req.Params.Format, req.Auto = n.format, false
	if !req.Params.Still {
		req.AnimatedFormat = n.animated
	}
}

// applyToBest settles what the smallest result is chosen from: what the client accepts, and what every client reads.
func (n negotiated) applyToBest(req *signedurl.Request) {
	req.Params.Best = n.accepted | transform.FormatSetOf([]transform.Format{transform.JPEG, transform.PNG})
	switch {
	case req.Params.Still:
	case n.accepted.Has(transform.WebP):
		req.AnimatedFormat = transform.WebP
	default:
		req.AnimatedFormat = transform.GIF
	}
}

// acceptedFormats is what negotiation comes to. It is on the path of hits.
func (s *Server) acceptedFormats(m *Mount, accept []string) negotiated {
	return s.acceptedOf(m, accept, s.formatAccess().Write)
}

// acceptedOf is what negotiation comes to where these formats may be written.
func (s *Server) acceptedOf(m *Mount, accept []string, writes transform.FormatSet) (chosen negotiated) {
	best, bestAnimated := 0.0, 0.0
	for _, f := range s.offeredFormats(m) {
		if !writes.Has(f) {
			continue
		}
		w := weightOf(accept, f.MIME())
		if w > 0 {
			chosen.accepted |= 1 << f
		}
		if w > best {
			best, chosen.format = w, f
		}
		if w > bestAnimated && f.Animates() {
			bestAnimated, chosen.animated = w, f
		}
	}
	switch {
	case chosen.format == transform.FormatUnknown || chosen.format.Animates():
		chosen.animated = transform.FormatUnknown
	case chosen.animated != transform.FormatUnknown:
	case writes.Has(transform.WebP) && weightOf(accept, transform.WebP.MIME()) > 0:
		chosen.animated = transform.WebP
	default:
		chosen.animated = transform.GIF // every client reads it
	}
	return chosen
}

// allNegotiated is all that negotiation may come to, or may have come to with other formats
// that may be written.
func (s *Server) allNegotiated(m *Mount) []negotiated {
	animated := []transform.Format{transform.WebP, transform.GIF}
	for _, f := range s.offeredFormats(m) {
		if f.Animates() && !slices.Contains(animated, f) {
			animated = append(animated, f)
		}
	}
	all := []negotiated{{}}
	for _, f := range s.offeredFormats(m) {
		if f.Animates() {
			all = append(all, negotiated{format: f})
			continue
		}
		for _, other := range animated {
			all = append(all, negotiated{format: f, animated: other})
		}
	}
	return all
}

// allAccepted is the same for f:best: each set of offered formats.
func (s *Server) allAccepted(m *Mount) []negotiated {
	all := []negotiated{{}}
	for _, f := range s.offeredFormats(m) {
		for _, n := range all {
			n.accepted |= 1 << f
			all = append(all, n)
		}
	}
	return all
}

// acceptOfBrowsers are Accept headers as clients send them, one for each offered format and one
// without any: a client that accepts a newer format accepts WebP, too.
func (s *Server) acceptOfBrowsers(m *Mount) (headers []string) {
	for _, f := range s.offeredFormats(m) {
		header := f.MIME()
		if !f.Animates() {
			header += "," + transform.WebP.MIME() + ";q=0.9"
		}
		headers = append(headers, header)
	}
	return append(headers, "*/*")
}

// offeredFormats are the formats to choose from.
func (s *Server) offeredFormats(m *Mount) []transform.Format {
	switch {
	case m != nil && m.Formats != nil:
		return m.Formats
	case len(s.cfg.inForce.Load().AutoFormats) == 0:
		return defaultAutoFormats
	}
	return s.cfg.inForce.Load().AutoFormats
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
