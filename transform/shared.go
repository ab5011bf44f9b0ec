package transform

// SharedDecode is the one decode of a job with several outputs. The source is decoded into memory
// at the reduction of the output that needs most of its pixels. For the others it is halved there,
// as often as their own decoder would have halved it beyond that, so that each is made of as many
// pixels as if it were alone.
type SharedDecode struct {
	// Output is the index of the output that needs most pixels; its plan's load is the shared one.
	Output int
	// Shrink, Scale, Width and Height are of what is decoded: see Geometry.
	Shrink        int
	Scale         float64
	Width, Height int
	// Halvings is how often it is halved for the smallest output.
	Halvings int
}

// smallestSharedCut is the part of the source that an output must be made of to share a decode. One of
// less is decoded alone: most of what the others need it does not, and it may need far more pixels.
const smallestSharedCut = 0.25

// SharesDecode says whether an output can be made of the same decode as others of its source.
func SharesDecode(info Info, p Params) bool {
	if ResultFrames(info, p) > 1 || p.LastPage() > 0 {
		return false // it has frames of its own
	}
	if p.Trim.On || info.Used(p) != info {
		return false // it has a source of its own: inside of a border, or the thumbnail
	}
	if info.Format == SVG {
		return false // it is drawn for each size
	}
	g := NewGeometry(info, p)
	if g.SmartCut || g.SmartCrop {
		return false // the crop follows details, which another reduction has others of
	}
	return float64(g.Cut.Width)*float64(g.Cut.Height) >= smallestSharedCut*loadPixels(g)
}

// ShareDecode plans the decode that the outputs of a job share. It reports false where each is decoded by
// itself: there is one, or SharesDecode is false of one.
func ShareDecode(info Info, outputs []Params) (d SharedDecode, ok bool) {
	if len(outputs) < 2 {
		return d, false
	}
	smallest := 0
	for i, p := range outputs {
		if !SharesDecode(info, p) {
			return d, false
		}
		g := NewGeometry(info, p)
		if i == 0 || loadPixels(g) > float64(d.Width)*float64(d.Height) {
			d = SharedDecode{Output: i, Shrink: g.Shrink, Scale: g.Scale, Width: g.LoadWidth, Height: g.LoadHeight}
		}
		smallest = max(smallest, g.Shrink)
	}
	for shrink := d.Shrink; shrink < smallest; shrink *= 2 {
		d.Halvings++
	}
	return d, true
}

// Geometry is the plan of an output that is made of the shared decode.
func (d SharedDecode) Geometry(info Info, p Params) Geometry { return newGeometry(info, p, d.Scale) }

// HalvingsOf is how often the shared decode is halved for an output of this plan.
func (d SharedDecode) HalvingsOf(g Geometry) (n int) {
	for shrink := d.Shrink; shrink < g.Shrink; shrink *= 2 {
		n++
	}
	return n
}

// frameBytes is what the decode takes in memory, and what it takes with its halves.
func (d SharedDecode) frameBytes(info Info) (whole, halved float64) {
	bands := bandsLoaded(info)
	if info.Alpha || info.Partial {
		bands = max(bands, 4)
	}
	whole = float64(d.Width) * float64(d.Height) * bands * depthBytes(info)
	if d.Halvings > 0 {
		return whole, whole * 4 / 3
	}
	return whole, whole
}

// JobWorkingSet is the WorkingSet of a job of one output, or of several that share a decode. The largest counts of
// what these take one after the other: the decoder beside the frame that it decodes, and each output beside that
// frame and its halves.
func JobWorkingSet(job Job) (bytes int64) {
	d, shared := ShareDecode(job.Info, job.Outputs)
	for _, p := range job.Outputs {
		g := NewGeometry(job.Info, p)
		n := WorkingSet(job.Info, g, p)
		if shared {
			g = d.Geometry(job.Info, p)
			n = d.outputBytes(job.Info, g, p)
		}
		if p.Watermark.On() && job.Watermark != nil {
			n += WatermarkWorkingSet(job.WatermarkInfo, g, p)
		}
		bytes = max(bytes, n)
	}
	if shared {
		bytes = max(bytes, d.decodingBytes(job))
	}
	return bytes
}

// decodingBytes is the working set while the source is decoded.
func (d SharedDecode) decodingBytes(job Job) int64 {
	info, p := job.Info, job.Outputs[d.Output]
	w := CostInput{info, d.Geometry(info, p), p}
	opening, held := decodeBytes(info, w.Plan)
	whole, _ := d.frameBytes(info)
	b := max(opening, held+loadedRowBytes(info, w.Plan)*w.sampleBytes()) + whole
	return wholeMebibytes(jobStart + margin*(b+metadataBytes(info)))
}

// outputBytes is the working set while an output is made. Where outputs do not agree on a profile each
// converts colour for itself.
func (d SharedDecode) outputBytes(info Info, g Geometry, p Params) int64 {
	_, halved := d.frameBytes(info)
	b := CostInput{info, g, p}.pipelineBytes(0) + halved + inkTableBytes(info) + metadataBytes(info)
	return wholeMebibytes(jobStart + margin*b)
}
