package proxy

import (
	"strconv"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// negotiable are the formats that are chosen by Accept where nothing else is
// configured, the favourite first.
var defaultAutoFormats = []transform.Format{transform.AVIF, transform.WebP}

// negotiate chooses the format of a request that leaves it open, by what the
// client says it takes: of those on offer the one with the largest weight, of
// equal ones the first. Where none is taken the format stays open, for base to
// decide when the source is known. It reports whether Accept mattered, which
// the answer has to say by Vary.
func (s *Server) negotiateFormat(req *signedurl.Request, accept []string) (varies bool) {
	if !req.Auto {
		if len(s.cfg.AutoFormats) == 0 || req.Params.Format != transform.FormatUnknown || req.Params.Raw || req.Meta != "" {
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
	// From here on it is the same request as one that names the format.
	req.Auto = best == 0
	return true
}

// offered are the formats to choose from.
func (s *Server) offeredFormats() []transform.Format {
	if len(s.cfg.AutoFormats) == 0 {
		return defaultAutoFormats
	}
	return s.cfg.AutoFormats
}

// weightsOf reads Accept (RFC 9110 §12.5.1): the weight of each type that is
// named, without parameters. Ranges with a star are no news: browsers that know
// a new format name it, and old ones send a star, too.
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

// base is the format of a result that was left open: the source's, if every
// client reads it, else the nearest that every client does.
func fallbackFormat(req signedurl.Request, info transform.Info) transform.Format {
	switch {
	case !req.Auto, info.Format == transform.JPEG, info.Format == transform.PNG, info.Format == transform.GIF:
		return info.Format
	case info.Alpha:
		return transform.PNG
	}
	return transform.JPEG
}
