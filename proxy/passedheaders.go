package proxy

import (
	"net/http"

	"github.com/pictor-proxy/pictor/proxy/origin"
)

// variant is what the result of a path depends on in the header of a request: Accept, where the format is
// negotiated, and headers that go on to the origin.
type variant struct {
	negotiated
	passed origin.Variant
}

// variantOf is the variant that a request asks for.
func (s *Server) variantOf(u urlFacts, h http.Header) (v variant) {
	if u.varies {
		v.negotiated = s.acceptedFormats(u.mount, h["Accept"])
	}
	if u.passed != nil {
		v.passed = origin.PassedOf(u.passed, h).Variant()
	}
	return v
}

// passHeaders takes headers with these names from the request of a client. They are a part of the key, by a hash:
// the result may be for that client alone. Purges do not know them, and name all variants.
func (a *cacheRequest) passHeaders(names []string, h http.Header) {
	if names == nil {
		return
	}
	a.passed = origin.PassedOf(names, h)
	if v := a.passed.Variant().String(); v != "" {
		a.key = a.key.OfVariant(v)
	}
}
