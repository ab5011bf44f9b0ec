package proxy

import (
	"fmt"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// Watermark is the image that URLs may have drawn over results.
type Watermark struct {
	Source *memfile.Source
	// Info is what container.Sniff found.
	Info transform.Info
	// Version differs for each file, and so do the cache keys of results with it.
	Version string
}

// errNoWatermark is of a URL that asks for a watermark where none is configured.
var errNoWatermark = fmt.Errorf("%w: option wm: this server has no watermark (--watermark)", signedurl.ErrBadArgument)
