package proxy

import (
	"context"

	"github.com/pictor-proxy/pictor/proxy/facts"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/proxy/sources"
	"github.com/pictor-proxy/pictor/transform"
)

// placeholderType is the media type of placeholders, which are ASCII.
const placeholderType = "text/plain"

// needsOnlyHeader says whether the header of the source is all that a request needs.
func needsOnlyHeader(req signedurl.Request) bool {
	if req.IsInfo() {
		return facts.NeedsOnlyHeader(req.Meta.Facts) && req.Params.Page == 0
	}
	return req.Meta.Form == imaginaryForm
}

// tellFacts tells facts about a source, of which pixels are nil where no fact needs them. It decodes nothing, and takes
// no memory that grows with the image.
func tellFacts(
	ctx context.Context, src *sources.Source, info transform.Info, pixels *facts.Pixels, asked signedurl.Facts,
) ([]byte, error) {
	source := facts.Source{Info: info, Size: src.Meta().Size, Pixels: pixels}
	if facts.NeedsBytes(asked) {
		b, err := src.Data().Bytes()
		if err != nil {
			return nil, err
		}
		defer src.Data().Release()
		source.Bytes = b
	}
	return facts.Tell(ctx, source, asked)
}
