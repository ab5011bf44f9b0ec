package transform

import "math"

// Rect is an area of an image in pixels, from its left top corner.
type Rect struct{ Left, Top, Width, Height int }

// Window is an area whose edges may lie inside of pixels, from the left top corner
// of what it is an area of.
type Window struct{ Left, Top, Width, Height float64 }

// Geometry is the plan of one result's sizes, made from what is known before
// any pixel is decoded, so that the estimate and the pipeline follow the same
// numbers. The steps, in their order: decode (Load), cut (Cut), resize
// (Scaled), crop (Crop), turn (Angle, then Flip), giving Picture's size, and
// laying that on a canvas (Picture on Width by Height). All before the turn
// is in the orientation in which the image is stored: the turn comes late
// because it needs the whole frame in memory, and by then the frame is small.
type Geometry struct {
	// Shrink is the reduction that the JPEG decoder does itself: 1, 2, 4 or 8.
	Shrink int
	// Scale is the reduction that the WebP decoder does itself, in (0, 1].
	Scale float64
	// LoadWidth and LoadHeight are what the decoder yields, rounded down as
	// libvips does after a shrink (its loader drops blocks that are not whole).
	LoadWidth, LoadHeight int
	// Frame is the part of the loaded image inside of a trimmed border, all
	// of it where nothing is trimmed. Cut is the part of the loaded image
	// that is worked on; SmartCut leaves it to what is seen where in Frame an
	// area of Cut's size lies.
	Frame, Cut Rect
	SmartCut   bool
	// Window is what of Cut becomes the scaled image. Decoders reduce to whole
	// pixels, the window keeps the true edges: it may end inside of pixels, and
	// outside of Cut by less than one.
	Window                    Window
	ScaledWidth, ScaledHeight int
	// Crop is inside the scaled image; all of it when nothing is cut.
	// SmartCrop leaves its place to what is seen.
	Crop      Rect
	SmartCrop bool
	// Angle is clockwise: 0, 90, 180 or 270. Flip mirrors left and right after it.
	Angle int
	Flip  bool
	// Picture is where the turned image lies in the result.
	Picture Rect
	// Width and Height are the result's.
	Width, Height int
	// DPR is the one that is really applied: without Enlarge it stops where the
	// source ends. It multiplies what is in pixels besides width and height.
	DPR float64
}

// Turns says whether pixels change places, which needs the frame in memory.
func (g Geometry) Turns() bool { return g.Angle != 0 || g.Flip }

// Extends says whether the image lies on a larger canvas.
func (g Geometry) Extends() bool { return g.Picture != Rect{0, 0, g.Width, g.Height} }

// Cuts says whether a part of the loaded image is worked on.
func (g Geometry) Cuts() bool { return g.Cut != Rect{0, 0, g.LoadWidth, g.LoadHeight} }

// NewGeometry plans p for an image. The arithmetic, rounding included, is
// imgproxy's documented one, so that its users get the sizes they know.
func NewGeometry(info Info, p Params) Geometry { return newGeometry(info, p, 0) }

// newGeometry is NewGeometry where scale, unless 0, is the one that the WebP decoder is told.
func newGeometry(info Info, p Params, scale float64) Geometry {
	info = info.Used(p)
	p.Gravity = p.Gravity.ofSource(info)
	p.Crop.Gravity = p.Crop.Gravity.ofSource(info)
	stored := orientation{}
	if !p.IgnoreOrientation {
		stored = orientationOfEXIF(info.Orientation)
	}
	all := stored.then(p.requestedTurn())
	content := info.uprightContent(p.Trim, stored)
	srcW, srcH := content.Width, content.Height
	if all.swapsSides() {
		srcW, srcH = srcH, srcW
	}
	exact := sideLengths{}
	if info.Format == SVG {
		p.Enlarge = true // it has no pixels that would be enlarged
		if content == (Rect{0, 0, info.Width, info.Height}) {
			exact = info.drawnSize(all)
		}
	}
	s := newSizes(srcW, srcH, exact, p)
	g := Geometry{Shrink: 1, Scale: 1, Angle: all.angle, Flip: all.flip, DPR: s.dpr,
		ScaledWidth: s.scaledW, ScaledHeight: s.scaledH}
	if all.swapsSides() {
		g.ScaledWidth, g.ScaledHeight = s.scaledH, s.scaledW
	}
	g.placeOnCanvas(s, p)
	crop := Rect{Width: g.Picture.Width, Height: g.Picture.Height}
	crop.Left, crop.Top = p.Gravity.placeBox(s.scaledW, s.scaledH, crop.Width, crop.Height, s.dpr, false)
	g.Crop = all.toStored(crop, s.scaledW, s.scaledH)
	g.SmartCrop = p.Gravity.Anchor == Smart && (crop.Width < s.scaledW || crop.Height < s.scaledH)

	gravity := p.Crop.effectiveGravity(p)
	area := Rect{Width: s.areaW, Height: s.areaH}
	area.Left, area.Top = gravity.placeBox(srcW, srcH, area.Width, area.Height, 1, false)
	area = all.toStored(area, srcW, srcH)
	area.Left, area.Top = area.Left+content.Left, area.Top+content.Top
	g.SmartCut = gravity.Anchor == Smart && (s.areaW < srcW || s.areaH < srcH)
	g.LoadWidth, g.LoadHeight = info.Width, info.Height
	switch {
	case info.Format == SVG:
		g.planDrawing(info, max(s.sx, s.sy))
	case !p.Linear: // decoders shrink in the light of the file
		g.planLoad(info, area, scale)
	}
	g.Frame = g.toLoaded(info, content)
	g.Cut = g.toLoaded(info, area).movedInto(g.Frame)
	g.Window = g.windowOf(info, area)
	g.turnLate(all, orientation{angle: p.LateRotate})
	return g
}

// turnLate turns what is planned, canvas and all.
func (g *Geometry) turnLate(all, late orientation) {
	total := all.then(late)
	g.Angle, g.Flip = total.angle, total.flip
	g.Picture = late.toTurned(g.Picture, g.Width, g.Height)
	if late.swapsSides() {
		g.Width, g.Height = g.Height, g.Width
	}
}

// uprightContent is the part of the stored image that a trim leaves; o makes it
// upright.
func (info Info) uprightContent(t Trim, o orientation) Rect {
	whole := Rect{0, 0, info.Width, info.Height}
	if !t.On || !info.Content.inside(whole) {
		return whole
	}
	w, h := info.Width, info.Height
	if o.swapsSides() {
		w, h = h, w
	}
	return o.toStored(t.equalBorders(o.toTurned(info.Content, info.Width, info.Height), w, h), w, h)
}

// inside says whether r has an area and lies in whole.
func (r Rect) inside(whole Rect) bool {
	return r.Left >= whole.Left && r.Top >= whole.Top && r.Width > 0 && r.Height > 0 &&
		r.Width <= whole.Width-(r.Left-whole.Left) && r.Height <= whole.Height-(r.Top-whole.Top)
}

// In says whether r has an area and lies in an image of w by h.
func (r Rect) In(w, h int) bool { return r.inside(Rect{0, 0, w, h}) }

// movedInto is r moved and cut so that it lies in whole.
func (r Rect) movedInto(whole Rect) Rect {
	r.Width, r.Height = min(r.Width, whole.Width), min(r.Height, whole.Height)
	r.Left = max(whole.Left, min(r.Left, whole.Left+whole.Width-r.Width))
	r.Top = max(whole.Top, min(r.Top, whole.Top+whole.Height-r.Height))
	return r
}

// placeOnCanvas puts the cropped and turned image into the result: extended to the
// asked size, extended to the asked proportions, padded.
func (g *Geometry) placeOnCanvas(s sizes, p Params) {
	g.Width, g.Height = s.croppedSize()
	g.Picture = Rect{0, 0, g.Width, g.Height}
	if p.Extend.On {
		g.extendCanvas(s.targetW, s.targetH, p.Extend.Gravity)
	}
	if p.ExtendRatio.On && s.ratioW > 0 {
		g.extendCanvas(s.ratioW, s.ratioH, p.ExtendRatio.Gravity)
	}
	pad := s.scaledPadding(p.Padding)
	g.Picture.Left += pad.Left
	g.Picture.Top += pad.Top
	g.Width += pad.Left + pad.Right
	g.Height += pad.Top + pad.Bottom
}

func (g *Geometry) extendCanvas(w, h int, gravity Gravity) {
	w, h = max(w, g.Width), max(h, g.Height)
	left, top := gravity.placeBox(w, h, g.Width, g.Height, g.DPR, false)
	g.Picture.Left += left
	g.Picture.Top += top
	g.Width, g.Height = w, h
}

// headroom is how many loaded pixels there are at least for one of the result, along
// a side, where a decoder shrinks: what it does is a plain mean, and the rest of the
// factor is left to the kernel. With less the mean shows, with more decoding costs
// up to twice the CPU time. docs/performance.md has the measured table.
const headroom = 1.6

// largestWebPScale is the largest scale that the WebP decoder is told: to scale costs it
// more than what the pixels between cost the kernel.
const largestWebPScale = 0.8

// planLoad picks what the decoder can do by itself: the largest power of two
// that leaves headroom (JPEG), or the factor that leaves it (WebP).
func (g *Geometry) planLoad(info Info, area Rect, scale float64) {
	fw := float64(area.Width) / float64(g.ScaledWidth)
	fh := float64(area.Height) / float64(g.ScaledHeight)
	factor := math.Min(fw, fh) / headroom
	switch info.Format {
	case JPEG:
		for g.Shrink < 8 && float64(g.Shrink*2) <= factor {
			g.Shrink *= 2
		}
		g.LoadWidth, g.LoadHeight = max(1, info.Width/g.Shrink), max(1, info.Height/g.Shrink)
	case WebP:
		// Frames of an animation may be smaller than the canvas, and then
		// the decoder refuses to scale. With alpha it scales colours of transparent
		// pixels into edges.
		if factor*largestWebPScale >= 1 && info.Frames == 1 && !info.Alpha {
			g.Scale = 1 / factor
			if scale > 0 {
				g.Scale = scale
			}
			g.LoadWidth = scaledSide(info.Width, g.Scale)
			g.LoadHeight = scaledSide(info.Height, g.Scale)
		}
	}
}

// loadedPixel is how much of a loaded pixel's width and height one of the stored
// image takes.
func (g *Geometry) loadedPixel(info Info) (x, y float64) {
	if g.Shrink > 1 {
		return 1 / float64(g.Shrink), 1 / float64(g.Shrink)
	}
	return float64(g.LoadWidth) / float64(info.Width), float64(g.LoadHeight) / float64(info.Height)
}

// windowOf is an area of the stored image as it lies in Cut. A smart cut is found
// among whole pixels, and the window lies around its middle.
func (g *Geometry) windowOf(info Info, r Rect) Window {
	x, y := g.loadedPixel(info)
	w := Window{Left: float64(r.Left)*x - float64(g.Cut.Left), Top: float64(r.Top)*y - float64(g.Cut.Top),
		Width: float64(r.Width) * x, Height: float64(r.Height) * y}
	if g.SmartCut {
		w.Left, w.Top = (float64(g.Cut.Width)-w.Width)/2, (float64(g.Cut.Height)-w.Height)/2
	}
	return w
}

// toLoaded is an area of the stored image as it lies in the loaded one. Where
// it falls between pixels it is rounded inwards, so that nothing of a trimmed
// border shines in.
func (g *Geometry) toLoaded(info Info, r Rect) Rect {
	if (r == Rect{0, 0, info.Width, info.Height}) {
		return Rect{0, 0, g.LoadWidth, g.LoadHeight}
	}
	x, y := g.loadedPixel(info)
	left, width := roundInwards(r.Left, r.Width, x, g.LoadWidth)
	top, height := roundInwards(r.Top, r.Height, y, g.LoadHeight)
	return Rect{left, top, width, height}
}

func roundInwards(start, length int, by float64, side int) (int, int) {
	const within = 1e-9 // of a pixel is on it
	from := int(math.Ceil(float64(start)*by - within))
	end := int(math.Floor(float64(start+length)*by + within))
	from = min(from, side-1)
	return from, max(1, min(end, side)-from)
}
