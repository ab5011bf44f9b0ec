package transform

import "time"

// The CPU time that work may take, in seconds for each megapixel. The figures are
// at least ten times those that photographs took on one core of 2020, so that slow
// processors and odd images pass. A job that takes more is an attack on a decoder,
// or a mistake of pictor.
const (
	cpuFloor   = 3.0  // of any job, however small
	cpuDecode  = 1.0  // 0.07 measured of a PNG of 16 bits
	cpuScan    = 0.1  // of each scan of a JPEG
	cpuByte    = 1e-7 // of each byte of a source, as metadata has no pixels
	cpuPixel   = 2.0  // of the pipeline
	cpuAround  = 4.0  // of sharpening and pixelating
	cpuSigma   = 0.2  // of each pixel of a blur's sigma
	cpuSqueeze = 9    // as many encodes, to fit into a number of bytes
	cpuCompare = 4.0  // of a comparison with the original
	cpuFrame   = 0.01 // of each frame, however small
)

// cpuAVIF is by the effort of the encoder, 0 to 9.
var cpuAVIF = [10]float64{5, 6, 8, 12, 40, 50, 120, 200, 250, 600}

// cpuJXL is by the effort of the encoder, 1 to 9.
var cpuJXL = [9]float64{6, 6, 6, 6, 10, 15, 20, 60, 250}

// CPUTime is the most CPU time that a job may take, of all threads of its
// worker together: by the pixels of source and results, and what is done to them.
func CPUTime(job Job) time.Duration {
	seconds := cpuFloor + cpuSource(job.Info)
	if job.Source != nil {
		seconds += cpuByte * float64(job.Source.Size())
	}
	for _, p := range job.Outputs {
		g := NewGeometry(job.Info, p)
		frames, read := float64(ResultFrames(job.Info, p)), float64(p.LastPage()+1)
		each := cpuFrame + cpuSource(job.Info) + cpuPipeline(g, p)
		if job.Info.Format == SVG {
			seconds += cpuDrawing(job, g)
		}
		if p.Watermark.On() {
			each += cpuPixel * megapixels(g.Width, g.Height)
		}
		if frames > 1 && p.Squeezes() {
			each *= cpuSqueeze // frames are made anew for each
		}
		seconds += frames*(each+cpuEncode(g, p)) + (read-1)*(cpuFrame+cpuSource(job.Info.OnePage()))
		if p.Watermark.On() {
			seconds += cpuSource(job.WatermarkInfo)
		}
	}
	const most = 1 << 30 // longer than any request waits, and no overflow
	return time.Duration(min(seconds, most) * float64(time.Second))
}

func megapixels(width, height int) float64 { return float64(width) * float64(height) / 1e6 }

// cpuSource is for reading a source once, turned into its own size or less.
func cpuSource(info Info) float64 {
	if info.Format == SVG {
		return 0
	}
	return megapixels(info.Width, info.Height) * (cpuDecode + cpuScan*float64(info.Scans))
}

func cpuPipeline(g Geometry, p Params) float64 {
	work := max(megapixels(g.LoadWidth, g.LoadHeight), megapixels(g.ScaledWidth, g.ScaledHeight),
		megapixels(g.Width, g.Height))
	each := cpuPixel
	if p.readsNeighbours() {
		each += cpuAround + cpuSigma*p.Blur
	}
	if p.PreserveHDR {
		each *= 2
	}
	return work * each
}

// cpuEncode is for all that is written.
func cpuEncode(g Geometry, p Params) float64 {
	each := 4.0
	switch p.Format {
	case JPEG:
		each = 1
	case GIF:
		each = 8
	case PNG:
		if p.PNG.Palette || p.PNG.Effort > 6 {
			each = 10
		}
	case WebP:
		if p.WebP.Compression != Lossy {
			each = 15
		}
	case JXL:
		each = cpuJXL[min(max(p.JXL.LevelOfEffort(), 1), len(cpuJXL))-1]
	case AVIF:
		each = cpuAVIF[min(max(p.AVIF.Speed(), 0), len(cpuAVIF)-1)]
	}
	encodes := 1.0
	if p.Squeezes() {
		encodes = cpuSqueeze
	}
	if p.Searches(1) {
		encodes += MostEncodes
		each += cpuDecode + cpuCompare
	}
	each *= encodes
	if p.PreserveHDR {
		each *= 2
	}
	return megapixels(g.Width, g.Height) * each
}
