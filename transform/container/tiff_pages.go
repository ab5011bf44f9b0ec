package container

import (
	"bytes"
	"fmt"

	"github.com/pictor-proxy/pictor/transform"
)

// tiffAlike are the tags in which pages must not differ that libvips reads as one high image, and what counts
// without them. It takes palette and profile of the first page for all.
var tiffAlike = []struct {
	tag     uint16
	without uint64
	name    string
}{
	{tiffWidth, 0, "width"}, {tiffHeight, 0, "height"}, {tiffSamples, 1, "number of samples"}, {tiffBits, 1, "depth"},
	{tiffPhotometric, 0, "kind of samples"}, {tiffCompression, 1, "compression"}, {tiffPlanes, 1, "order of samples"},
	{tiffSampleFormat, 1, "form of samples"}, {tiffExtraSamples, 0, "kind of alpha"},
	{tiffTileWidth, 0, "size of tiles"}, {tiffTileHeight, 0, "size of tiles"},
	{exifTagOrientation, 1, "orientation"}, {tiffPalette, 0, "palette"}, {tiffICC, 0, "colour profile"},
}

// unlike is in what two pages differ; "" where they are alike.
func (d *tiffDirectory) unlike(other *tiffDirectory) string {
	for _, a := range tiffAlike {
		one, two := d.field(a.tag), other.field(a.tag)
		listed := one.count > 1 && two.count > 1 && !bytes.Equal(one.values, two.values)
		if one.count != two.count && max(one.count, two.count) > 1 || listed ||
			d.first(a.tag, a.without) != other.first(a.tag, a.without) {
			return a.name
		}
	}
	height := d.first(tiffHeight, 0)
	rows := func(d *tiffDirectory) uint64 { return min(d.first(tiffRowsPerStrip, height), height) }
	if !d.has(tiffTileWidth) && rows(d) != rows(other) {
		return "height of strips"
	}
	return ""
}

// SniffPages is SniffPage of the first one of n pages that are to be stacked, or of as many as there are from it on.
// Those behind it must be readable and like it; errors are as of Sniff.
func SniffPages(b []byte, info transform.Info, page, n int) (transform.Info, error) {
	first, err := SniffPage(b, info, page)
	if err != nil || n < 2 || info.Format != transform.TIFF {
		return first, err
	}
	list, err := tiffPages(b, page, min(n, first.Frames-page))
	if err != nil {
		return first, err
	}
	if len(list) > 1 && list[0].separate() {
		// libvips takes lines of one page for those of the next.
		return first, notRead("pages of separate planes cannot be stacked; request them one by one (page)")
	}
	for i, d := range list[1:] {
		other := transform.Info{Format: info.Format, Orientation: 1, Frames: 1, Bits: 8}
		if err := d.describe(&other); err != nil {
			return first, err
		}
		if name := list[0].unlike(d); name != "" {
			return first, notRead(fmt.Sprintf("pages that differ cannot be stacked: page %d has another %s than "+
				"page %d; request them one by one (page)", page+i+1, name, page))
		}
		first.PartBytes = max(first.PartBytes, other.PartBytes)
		first.PackedBytes = max(first.PackedBytes, other.PackedBytes)
		first.CoefficientBytes = max(first.CoefficientBytes, other.CoefficientBytes)
	}
	return first, nil
}

// tiffPages reads the directories of n pages, from one on.
func tiffPages(b []byte, page, n int) (list []*tiffDirectory, err error) {
	f, at, err := openTIFF(b)
	if err != nil {
		return nil, err
	}
	for i := range page + n {
		d, err := f.directory(at)
		if err != nil {
			return nil, err
		}
		if i >= page {
			list = append(list, d)
		}
		at = d.next
	}
	return list, nil
}
