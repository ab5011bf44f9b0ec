package transform

// Bytes and CPU time of drawing an SVG, as measured with librsvg 2.54 and 2.63 (make calibrate).
const (
	svgElementBytes = 1800 // of an element, with its attributes and styles
	svgTextBytes    = 800  // of a byte of text: each glyph is laid out
	svgLineBytes    = 6000 // of a byte of the first text, which shapes it as one line
	svgLine         = 16 << 10
	svgByteBytes    = 8 // of a byte of the file: paths become numbers, and there is a copy
	// Of a pixel of an image inside. Newer librsvgs hold it as it was decoded, up to 8 bytes of 16-bit RGBA, as
	// 8-bit RGBA, and as a surface, all at once. librsvg 2.54 takes half of that.
	svgImageBytes = 16
	svgLayers     = 6 // surfaces of a tile's size: groups, masks and clips one inside of the other

	cpuSVGByte  = 1e-6 // of a byte of the file, for each tile
	cpuSVGPixel = 2.0  // of a megapixel
)

// drawingBytes is what an SVG takes while it is drawn: its elements, the tiles of two rows that libvips keeps,
// and surfaces of the size of a tile.
func drawingBytes(info Info, g Geometry) float64 {
	v := info.Vector
	tile := 4 * float64(min(g.LoadWidth, drawingTile)) * float64(min(g.LoadHeight, drawingTile))
	line := min(v.TextBytes, svgLine)
	b := 4*float64(g.LoadWidth)*float64(min(g.LoadHeight, 2*drawingTile)) + tile +
		float64(v.Elements)*svgElementBytes + float64(v.ImagePixels)*svgImageBytes +
		float64(line)*svgLineBytes + float64(v.TextBytes-line)*svgTextBytes
	if v.Layers {
		b += svgLayers * tile
	}
	if v.Primitives > 0 {
		b += float64(v.Primitives+2) * tile
	}
	return b + float64(v.Bytes)*svgByteBytes + 4*mib // the libraries' own tables
}

// cpuDrawing is for drawing an SVG, each tile by itself.
func cpuDrawing(job Job, g Geometry) float64 {
	across, down := drawingTiles(g.LoadWidth, g.LoadHeight)
	layers := float64(1 + job.Info.Vector.Primitives)
	return across*down*cpuSVGByte*float64(job.Info.Vector.Bytes) +
		cpuSVGPixel*layers*megapixels(g.LoadWidth, g.LoadHeight)
}
