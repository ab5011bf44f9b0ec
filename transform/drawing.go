package transform

// The factors that libvips' svgload takes.
const (
	leastVectorScale = 0.001
	mostVectorScale  = 100_000
)

// planDrawing has an SVG drawn at the size of the result, or where that has other proportions at the larger
// factor of both.
func (g *Geometry) planDrawing(info Info, factor float64) {
	g.Scale = min(max(factor, leastVectorScale), mostVectorScale)
	natural := info.drawnSize(orientation{})
	g.LoadWidth, g.LoadHeight = scaledSide(natural.w, g.Scale), scaledSide(natural.h, g.Scale)
}

// sideLengths are of an area whose sides need not be whole pixels.
type sideLengths struct{ w, h float64 }

// drawnSize is the natural size of an SVG, turned by o.
func (info Info) drawnSize(o orientation) sideLengths {
	s := sideLengths{info.Vector.Width, info.Vector.Height}
	if !(s.w > 0 && s.h > 0) {
		s = sideLengths{float64(info.Width), float64(info.Height)}
	}
	if o.swapsSides() {
		s.w, s.h = s.h, s.w
	}
	return s
}

// drawingTile is the side of the tiles in which libvips draws an SVG, in pixels. It goes through the whole
// document for each.
const drawingTile = 2000

// drawingTiles is how many tiles there are.
func drawingTiles(width, height int) (across, down float64) {
	return float64(width/drawingTile + 1), float64(height/drawingTile + 1)
}
