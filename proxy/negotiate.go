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
	weights := weightsOf(accept)
	best := 0.0
	for _, f := range s.offeredFormats() {
		if w := weights[f.MIME()]; w > best {
			best = w
			req.Params.Format = f
		}
	}
	// From here on the request is the same as one that names the format.
	req.Auto = best == 0
	return true
}

// offeredFormats are the formats to choose from.
func (s *Server) offeredFormats() []transform.Format {
	if len(s.cfg.AutoFormats) == 0 {
		return defaultAutoFormats
	}
	return s.cfg.AutoFormats
}

// weightsOf reads Accept (RFC 9110 §12.5.1): the weight of each type, without parameters.
// Media ranges with a star say nothing: browsers that know a new format name it, and those
// that do not send a star, too.
func weightsOf(lines []string) map[string]float64 {
	weights := map[string]float64{}
	for part := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		name, params, _ := strings.Cut(part, ";")
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
		weights[strings.ToLower(strings.TrimSpace(name))] = weight
	}
	return weights
}

// fallbackFormat is the format of a result where negotiation chose none: that of the source
// if every client can read it, else JPEG, or PNG for transparency.
func fallbackFormat(req signedurl.Request, info transform.Info) transform.Format {
	switch {
	case !req.Auto, info.Format == transform.JPEG, info.Format == transform.PNG, info.Format == transform.GIF:
		return info.Format
	case info.Alpha:
		return transform.PNG
	}
	return transform.JPEG
}
