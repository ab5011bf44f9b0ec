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

// neededPart is the part of the source that a request needs.
func neededPart(req signedurl.Request) sources.Part {
	asked := req.Meta.Facts
	switch {
	case req.Meta.Form == imaginaryForm:
		return sources.Header
	case !req.IsInfo() || req.Params.Page != 0 || !facts.NeedsOnlyHeader(asked):
		return sources.Whole
	case asked.Asked&signedurl.MetadataFacts != 0:
		return sources.HeaderAndMetadata
	}
	return sources.Header
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
