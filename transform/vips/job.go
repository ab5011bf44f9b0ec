package vips

/*
#include <stdlib.h>
#include "pipeline.h"
*/
import "C"

import (
	"unsafe"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

// newJob translates a task for one output, which is made of what is shared unless that is nil. Sources are
// mapped memory, not the Go heap, so C may hold their addresses. free is to be called when the job is done.
func newJob(
	source []byte, task transform.Job, p transform.Params, shared *sharedDecode,
) (job C.PictorJob, free func(), err error) {
	info := task.Info
	g := transform.NewGeometry(info, p)
	if shared != nil {
		g = shared.plan.Geometry(info, p)
		job.shared, job.halvings = shared.images, C.int(shared.plan.HalvingsOf(g))
	}
	job.source = newSource(source, info, p)
	job.source.shrink, job.source.scale = C.int(g.Shrink), C.double(g.Scale)
	job.source.load_width, job.source.load_height = C.int(g.LoadWidth), C.int(g.LoadHeight)
	freeFrames, err := setFrames(&job, source, info, g, p)
	if err != nil {
		return job, nil, err
	}
	job.keep_profile, job.deep = cBool(keepsProfile(info, p)), cBool(p.Deep(info))
	job.keep_hdr, job.small = cBool(keepsHDR(info, p)), cBool(p.Placeholder.On())
	setGeometry(&job, g)
	setEffects(&job, p)
	job.linear = cBool(p.Linear)
	setCanvas(&job, g, p)
	setEncoder(&job, p)
	if p.Searches(int(max(job.frames, 1))) && job.keep_hdr == 0 {
		job.search = newSearch(p)
	}
	if p.Format == transform.PNG || p.Format == transform.ICO {
		job.format = C.PICTOR_PNG // Run puts it into an ICO
		setPNG(&job, p.PNG, info, int64(len(source)))
	}
	closeMark := func() {}
	if p.Watermark.On() && task.Watermark != nil {
		mark, err := openDecodable(task.Watermark, task.WatermarkInfo, container.Needed{Frames: 1})
		if err != nil {
			freeFrames()
			return job, nil, err
		}
		closeMark = mark.close
		setWatermark(&job, mark.b, task.WatermarkInfo, g, p)
	}
	job.keep_metadata, job.keep_copyright = cBool(p.KeepMetadata), cBool(!p.DropCopyright)
	// A HEIF is turned by its container: its EXIF and XMP are no longer true once it is decoded.
	job.turned = cBool(g.Turns() || p.TurnsUpright(info) || info.Format.IsHEIF())
	unneeded := func() {}
	switch {
	case info.AncillaryBytes == 0:
	case p.KeepMetadata && (job.turned != 0 || info.GainMap):
		kept := func(packet []byte) []byte { return container.KeptXMP(packet, info, job.turned != 0) }
		unneeded = rewriteMetadata(&job, kept, func([]byte) []byte { return nil })
	case !p.KeepMetadata && !p.DropCopyright:
		unneeded = rewriteMetadata(&job, container.CopyrightXMP, container.CopyrightIPTC)
	}
	return job, func() { unneeded(); closeMark(); freeFrames() }, nil
}

func cBool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

func cRect(r transform.Rect) C.PictorRect {
	return C.PictorRect{C.int(r.Left), C.int(r.Top), C.int(r.Width), C.int(r.Height)}
}

// newSource describes a file at its full size, or the thumbnail in it.
func newSource(b []byte, info transform.Info, p transform.Params) C.PictorSource {
	used := info.Used(p)
	source := C.PictorSource{
		bytes: unsafe.Pointer(unsafe.SliceData(b)), size: C.size_t(len(b)),
		format: C.int(info.Coding()), width: C.int(used.Width), height: C.int(used.Height), shrink: 1, scale: 1,
		thumbnail: cBool(used != info),
		bits:      C.int(sampleBits(info)), grey: cBool(info.Format.IsHEIF() && !info.Colour()),
		narrow: cBool(info.NarrowGrey && !widensGrey()), bands: C.int(info.Bands),
		premultiplied: cBool(info.Premultiplied && info.Format != transform.TIFF),
		partial:       cBool(info.Partial), frame: cRect(info.Frame), hdr: newHDR(info.Declared),
		load_width: C.int(used.Width), load_height: C.int(used.Height),
		alpha: cBool(info.Alpha), profiled: cBool(info.Profile), stacked: C.int(info.Stacked),
	}
	// Decoders of HEIF give colour, even of grey.
	profile := container.DeclaredProfile(info.Declared, info.Colour() || info.Format.IsHEIF())
	to := unsafe.Slice((*byte)(unsafe.Pointer(&source.profile)), len(source.profile))
	source.profile_size = C.size_t(copy(to, profile))
	return source
}

// sampleBits are those that a loader fills: libvips brings ten and twelve of an AVIF to the
// upper end of sixteen, and libjxl widens any number of them to sixteen.
func sampleBits(info transform.Info) int {
	if info.Format == transform.JXL && info.Bits > 8 {
		return 16
	}
	return max(info.Bits, 8)
}

func setGeometry(job *C.PictorJob, g transform.Geometry) {
	job.cuts, job.smart_cut = cBool(g.Cuts()), cBool(g.SmartCut)
	job.frame, job.cut = cRect(g.Frame), cRect(g.Cut)
	job.window = C.PictorWindow{C.double(g.Window.Left), C.double(g.Window.Top), C.double(g.Window.Width),
		C.double(g.Window.Height)}
	job.scaled_width, job.scaled_height = C.int(g.ScaledWidth), C.int(g.ScaledHeight)
	job.smart_crop, job.crop = cBool(g.SmartCrop), cRect(g.Crop)
	job.angle, job.flip = C.int(g.Angle), cBool(g.Flip)
}

func setEffects(job *C.PictorJob, p transform.Params) {
	job.contrast = C.double(p.Contrast.Value())
	for i, v := range p.Shift {
		job.lift[i] = C.double(p.Brightness + v)
	}
	job.saturation, job.monochrome = C.double(p.Saturation.Value()), C.double(p.Monochrome.Intensity)
	for i, v := range p.Monochrome.Color {
		job.monochrome_colour[i] = C.double(v) / 255
	}
	job.blur, job.sharpen = C.double(p.Blur), C.double(p.Sharpen)
	job.pixelate = C.int(p.Pixelate)
}

func setCanvas(job *C.PictorJob, g transform.Geometry, p transform.Params) {
	job.width, job.height = C.int(g.Width), C.int(g.Height)
	job.picture = cRect(g.Picture)
	colour, opaque := p.Background.Under(p.Format)
	job.has_background, job.opaque = cBool(p.Background.On || opaque), cBool(opaque)
	for i, v := range colour {
		job.background[i] = C.double(v)
	}
	job.background_alpha = 1
	if p.Background.Sheer {
		job.background_alpha = C.double(p.Background.Alpha)
	}
	job.radius, job.mask = C.double(transform.CornerRadius(g, p)), C.int(p.Mask)
}

func setWatermark(job *C.PictorJob, mark []byte, info transform.Info, g transform.Geometry, p transform.Params) {
	job.mark = newSource(mark, info, transform.Params{})
	w, h := transform.MarkSize(info, g, p)
	left, top, gapX, gapY := transform.PlaceMark(g, p, w, h)
	job.mark_opacity = C.double(p.Watermark.Opacity)
	job.mark_width, job.mark_height = C.int(w), C.int(h)
	job.mark_left, job.mark_top = C.int(left), C.int(top)
	job.mark_replicate = cBool(p.Watermark.Position.Anchor == transform.Replicate)
	job.mark_gap_x, job.mark_gap_y = C.int(gapX), C.int(gapY)
}

// setEncoder sets the options of the format's encoder.
func setEncoder(job *C.PictorJob, p transform.Params) {
	job.format, job.quality = C.int(p.Format), C.int(p.EffectiveQuality())
	if p.Squeezes() {
		job.max_bytes, job.least_quality = C.size_t(p.MaxBytes), transform.LeastQuality
	}
	switch p.Format {
	case transform.JPEG:
		job.interlaced, job.full_chroma = cBool(p.JPEG.Progressive), cBool(p.JPEG.FullChroma)
	case transform.WebP:
		job.compression, job.smart_subsample = C.int(p.WebP.Compression), cBool(p.WebP.SmartSubsample)
		job.preset, job.effort = C.int(p.WebP.Preset), C.int(p.WebP.Method())
	case transform.AVIF:
		if p.DefaultQuality() && C.pictor_tunes_for_images() != 0 {
			job.quality = transform.TunedAVIFQuality
		}
		job.effort, job.lossless = C.int(p.AVIF.Speed()), cBool(p.AVIF.Lossless)
		job.half_chroma, job.full_chroma = cBool(p.AVIF.Subsampling == transform.SubsampleOn),
			cBool(p.AVIF.Subsampling == transform.SubsampleOff)
	case transform.JXL:
		job.effort, job.lossless = C.int(p.JXL.LevelOfEffort()), cBool(p.JXL.Lossless)
	}
}

func newSearch(p transform.Params) C.PictorSearch {
	a := p.AutoQuality
	least, most := p.QualityRange()
	return C.PictorSearch{method: C.int(a.Method), target: C.double(a.Target), error: C.double(a.AllowedError()),
		least: C.int(least), most: C.int(most)}
}

func setPNG(job *C.PictorJob, o transform.PNGOptions, info transform.Info, sourceBytes int64) {
	filtered, level := o.Compression(info, sourceBytes)
	job.filtered, job.effort = cBool(filtered), C.int(level)
	job.interlaced = cBool(o.Interlaced)
	if o.Palette {
		job.palette_bits = C.int(o.PaletteBits())
	}
}

// rewriteMetadata puts into the job the XMP and IPTC that replace those of the
// source. A source that does not open fails in the run, not here.
func rewriteMetadata(job *C.PictorJob, newXMP, newIPTC func([]byte) []byte) (free func()) {
	var xmp, iptc unsafe.Pointer
	var xmpSize, iptcSize C.size_t
	if C.pictor_copy_metadata(&job.source, &xmp, &xmpSize, &iptc, &iptcSize) != C.PICTOR_OK {
		C.vips_error_clear()
		return func() {}
	}
	defer C.g_free(C.gpointer(xmp))
	defer C.g_free(C.gpointer(iptc))
	kept := [2][]byte{
		newXMP(unsafe.Slice((*byte)(xmp), int(xmpSize))),
		newIPTC(unsafe.Slice((*byte)(iptc), int(iptcSize))),
	}
	job.xmp, job.xmp_size = C.CBytes(kept[0]), C.size_t(len(kept[0]))
	job.iptc, job.iptc_size = C.CBytes(kept[1]), C.size_t(len(kept[1]))
	return func() {
		C.free(unsafe.Pointer(job.xmp))
		C.free(unsafe.Pointer(job.iptc))
	}
}
