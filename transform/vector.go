package transform

// VectorInfo is what an SVG says of its size, and what it takes to draw it. It is zero for
// images of pixels.
type VectorInfo struct {
	// Width and Height are its natural size in pixels, which need not be whole. Info has them rounded.
	Width, Height float64
	// Bytes is the length of the document.
	Bytes int64 `json:",omitzero"`
	// Elements is how many elements there are inside of the root.
	Elements int `json:",omitzero"`
	// Primitives is how many steps its longest filter has.
	Primitives int `json:",omitzero"`
	// Layers says that something is drawn apart before it is laid on the rest: by opacity, a mask or a filter.
	Layers bool `json:",omitzero"`
	// TextBytes is what text elements hold, in bytes.
	TextBytes int64 `json:",omitzero"`
	// ImagePixels are those of all images inside, PNG or JPEG.
	ImagePixels int64 `json:",omitzero"`
}
