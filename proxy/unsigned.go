package proxy

import (
	"fmt"

	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// UnsignedAccess is what paths without a signature may ask for.
type UnsignedAccess struct {
	Rules signedurl.UnsignedRules
	// Sources are those that such paths may name.
	Sources []origin.SourceRule
}

// CheckSource refuses a source that such paths may not name: signedurl.ErrUnsigned, with the name of the rule.
func (u *UnsignedAccess) CheckSource(f *origin.Fetcher, source string) error {
	if f.IsAmong(source, u.Sources) {
		return nil
	}
	return fmt.Errorf("%w: the source is not listed (--unsigned-sources)", signedurl.ErrUnsigned)
}
