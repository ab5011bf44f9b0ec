package transform

// Bytes and CPU time of drawing an SVG, as measured with librsvg 2.54 (make calibrate).
const (
	svgElementBytes = 2000 // of an element, with its attributes and styles
	svgTextBytes    = 600  // of a byte of text: each glyph is laid out
	svgByteBytes    = 12   // of a byte of the file: paths become numbers, and there is a copy
	svgImageBytes   = 9    // of a pixel of an image inside: it is decoded, and converted
	svgLayers       = 4    // surfaces of a tile's size: groups, masks and clips one inside of the other

	cpuSVGByte  = 1e-6 // of a byte of the file, for each tile
	cpuSVGPixel = 2.0  // of a megapixel
)

// drawingBytes is what an SVG takes while it is drawn: its elements, the tiles of two rows that libvips keeps,
// and surfaces of the size of a tile.
func drawingBytes(info Info, g Geometry) float64 {
	v := info.Vector
	across, _ := drawingTiles(g.LoadWidth, g.LoadHeight)
	width, height := min(g.LoadWidth, drawingTile), min(g.LoadHeight, drawingTile)
	tile := 4 * float64(width) * float64(height)
	b := 2*across*tile + svgLayers*tile + float64(v.Elements)*svgElementBytes + float64(v.TextBytes)*svgTextBytes +
		float64(v.ImagePixels)*svgImageBytes
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
