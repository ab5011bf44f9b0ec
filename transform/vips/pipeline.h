// The pipeline: each step in a file of its own, in the order of pictor_run. A
// step takes an image and gives the next one. All steps are lazy: the encoder
// pulls rows through the chain. README.md says how a step is written.
//
// References: every step stores its images in the chain, and
// pictor_release_images drops them all at the end, so that no step has a
// clean-up path.

#ifndef PICTOR_PIPELINE_H
#define PICTOR_PIPELINE_H

// libvips 8.16 and newer else rename error_exit, of libjpeg's struct too, as libvips 7 had a function of that name.
#define VIPS_DISABLE_COMPAT
#include <vips/vips.h>

// The numbers are those of transform.Format.
enum {
	PICTOR_JPEG = 1, PICTOR_PNG, PICTOR_WEBP, PICTOR_GIF, PICTOR_AVIF, PICTOR_JXL, PICTOR_HEIC, PICTOR_SVG,
	PICTOR_TIFF, PICTOR_BMP, PICTOR_ICO
};

// The numbers are those of transform.Mask and transform.Compression.
enum { PICTOR_NO_MASK, PICTOR_CIRCLE, PICTOR_ELLIPSE };
enum { PICTOR_LOSSY, PICTOR_NEAR_LOSSLESS, PICTOR_LOSSLESS };

// What went wrong, for the caller to choose the error by.
enum {
	PICTOR_OK = 0,
	PICTOR_BROKEN,   // does not decode, or breaks off
	PICTOR_MISMATCH, // the decoder sees another size than the sniffed one
	PICTOR_INTERNAL, // a format without loader or saver: our own mistake
};

typedef struct {
	int left, top, width, height;
} PictorRect;

// An area whose sides may lie inside of pixels.
typedef struct {
	double left, top, width, height;
} PictorWindow;

// The numbers are those of ITU-T H.273.
enum { PICTOR_PQ = 16, PICTOR_HLG = 18 };

// The light of SDR's white in an HDR image, in cd/m² (ITU-R BT.2408 §2.1).
#define PICTOR_REFERENCE_WHITE 203.0

// How an image in HDR is shown in sRGB. Matrices are of linear light, by rows: to the primaries of
// ITU-R BT.2020, and from there to sRGB's.
typedef struct {
	int transfer; // 0: it is not in HDR
	double to_wide[9], to_srgb[9];
	double peak; // the brightest light, as a multiple of the reference white
} PictorHDR;
// The numbers are those of container.GIFDisposal.
enum { PICTOR_KEEP, PICTOR_CLEAR, PICTOR_RESTORE };

// A part of a file.
typedef struct {
	size_t from, size;
} PictorSpan;

// A frame of a GIF or WebP.
typedef struct {
	PictorRect place; // on the canvas, which that of a GIF may exceed
	int delay;        // in milliseconds
	int disposal;
	PictorSpan data; // GIF: LZW, from the size of its codes on; WebP: the chunks of its image
	int interlaced;
	int transparent;    // index, less than 0 without one
	PictorSpan colours; // its table, empty without one
	int blended;        // WebP: it is laid over what is there, else it takes its place
} PictorFrame;

// The metadata that a WebP has for all frames.
enum { PICTOR_WEBP_PROFILE, PICTOR_WEBP_EXIF, PICTOR_WEBP_XMP, PICTOR_WEBP_KINDS };

// A file and what its header says.
typedef struct {
	const void *bytes;
	size_t size;
	int format;
	int width, height; // as sniffed
	int shrink;        // JPEG: 1, 2, 4 or 8
	double scale;      // WebP: 0 to 1; SVG: any
	int load_width, load_height; // SVG: as planned
	int thumbnail;     // AVIF: the one inside
	char profile[1024]; // instead of its own, if profile_size is not 0
	size_t profile_size;
	int bits;          // of a sample: 8, 10, 12 or 16
	int grey;          // AVIF: without colour, though it is decoded to RGB
	int narrow;        // AVIF: grey of 16 to 235, which the decoder leaves so
	int premultiplied; // AVIF, JPEG XL: colours were multiplied by alpha
	int alpha, profiled; // JPEG XL: it has alpha; the profile that the loader gives counts
	PictorHDR hdr;
	int bands;         // BMP: of what is decoded. TIFF: of what is loaded; those beyond are dropped
	int partial;       // GIF: the frame leaves some of the canvas
	PictorRect frame;
	int page;          // of an animation, from 0 on
	int stacked;       // pages from there on that are the image, below each other; 1 or less: one
	const PictorFrame *frames; // NULL where they are not read one by one
	int frame_count;
	PictorSpan metadata[PICTOR_WEBP_KINDS]; // WebP, with frames: chunks, empty without one
	int opaque;        // with frames: nothing of the canvas shows through any
	int plays;         // with frames: how often all of them are shown, 0 without end
} PictorSource;

// Room for a decoded image and its halves.
#define PICTOR_MAX_SHARED 4

// What the outputs of a job are made of that share a decode.
typedef struct {
	VipsImage *images[PICTOR_MAX_SHARED]; // each of half the size of the one before
	int count;
	int converted; // by pictor_convert_colour
	int in_srgb, source_bits, source_grey; // as in PictorChain
} PictorShared;

// How the quality of a result is searched for.
typedef struct {
	int method; // 0: it is not searched for
	double target, error;
	int least, most;
	int start; // a quality to begin with, 0 without one
} PictorSearch;

typedef struct {
	PictorSource source;
	const PictorShared *shared; // NULL: the source is decoded for this output alone
	int halvings;               // of what is shared
	int frames;       // of the result
	int same_palette; // GIF: its colours are those of the source
	int keep_profile; // leave colours in the image's own profile
	int deep;         // more than eight bits a sample
	int keep_hdr;     // the source stays in PQ or HLG

	// Cut out of the loaded image, if cuts; where in frame is up to what is
	// seen, if smart_cut.
	int cuts, smart_cut;
	PictorRect frame, cut;
	int linear; // it is resized in linear light
	PictorWindow window; // of what is cut out: it becomes the scaled image
	int scaled_width, scaled_height;
	int smart_crop;
	PictorRect crop;
	int angle; // clockwise
	int flip;

	double contrast; // 1 is as it is
	double lift[3];  // added to red, green and blue of 8 bits
	double saturation;           // 1 is as it is
	double monochrome;           // 0 to 1
	double monochrome_colour[3]; // 0 to 1
	double blur, sharpen;
	int pixelate;

	// The result, and where on it the image lies.
	int width, height;
	PictorRect picture;
	int has_background;
	int opaque;            // nothing shines through it
	double background[3];  // of 8 bits
	double background_alpha; // 0 to 1

	PictorSource mark; // bytes are NULL without a watermark
	double mark_opacity;
	int mark_width, mark_height, mark_left, mark_top;
	int mark_replicate, mark_gap_x, mark_gap_y;

	double radius;
	int mask;

	int keep_metadata, keep_copyright;
	int turned;             // the source's orientation is no longer true
	const void *xmp, *iptc; // what takes the place of the source's, if anything
	size_t xmp_size, iptc_size;

	int format; // of the result
	int quality;
	PictorSearch search;
	size_t max_bytes;
	int least_quality;
	int full_chroma, half_chroma; // neither: by the quality
	int interlaced;
	int palette_bits; // PNG: 0 without a palette
	int filtered;     // PNG: rows are filtered
	int compression;  // WebP
	int smart_subsample, preset;
	int effort;   // of the format's own scale
	int lossless; // AVIF, JPEG XL
	int small;    // a small image is wanted besides
} PictorJob;

typedef struct {
	void *body; // g_free it
	size_t size;
	int width, height;
	int stripped; // no metadata is meant to be in it
	int quality;  // that it was saved with
	int encodes;  // of a search, 0 without one
	double score; // what a search has measured of it
	void *small;  // RGBA of 8 bits in sRGB, NULL where it is not wanted; g_free it
	int small_width, small_height;
} PictorResult;

// Frames of an animation, one after the other.
typedef struct {
	const PictorSource *source;
	VipsImage *image; // the frame as it is shown, in memory
	VipsImage *kept;  // GIF: what comes back behind a frame
	int next;
} PictorCanvas;

// What the first frame of an animation decides for all of them.
typedef struct {
	VipsImage *mark; // ready to be laid on
	PictorRect cut, crop; // by attention, of no size before that
} PictorKept;

// Room for the images of one run: no chain of steps makes more.
#define PICTOR_MAX_IMAGES 96

typedef struct {
	const PictorJob *job;
	VipsImage *image;     // the end of the chain so far
	int random_access;    // rows come from memory, in any order
	VipsImage *in_memory; // the last image that was copied to memory
	int in_srgb;          // its own profile says nothing any more
	int converted;        // pictor_convert_colour is done
	int source_bits, source_grey; // of the source that was loaded last
	const PictorHDR *hdr;         // of it, NULL where it is not in HDR
	int strip;            // no metadata is left
	PictorKept *kept;     // NULL for a still image
	VipsImage *images[PICTOR_MAX_IMAGES];
	int count;
} PictorChain;

// pictor_append makes image the end of the chain, which owns it from here.
void pictor_append(PictorChain *chain, VipsImage *image);
// pictor_release_images drops all images of the chain.
void pictor_release_images(PictorChain *chain);

// PICTOR_APPLY appends what call makes of chain->image into &out.
#define PICTOR_APPLY(chain, call) \
	do { \
		VipsImage *out = NULL; \
		if (call) \
			return PICTOR_BROKEN; \
		pictor_append(chain, out); \
	} while (0)

// pictor_materialize copies the image to memory, once per chain, for steps that do
// not read it from the top to the bottom. Steps after it are still lazy.
int pictor_materialize(PictorChain *chain);
// pictor_materialize_here copies the image to memory unless it lies there itself,
// for steps that read each pixel many times.
int pictor_materialize_here(PictorChain *chain);
// pictor_copy_to_memory copies the image in any case.
int pictor_copy_to_memory(PictorChain *chain);
// pictor_convert_to_srgb converts by the profile of the image, in which it still is.
int pictor_convert_to_srgb(PictorChain *chain);
// pictor_map_tones brings an image in PQ or HLG to sRGB or grey, in the depth of the job.
int pictor_map_tones(PictorChain *chain);
// pictor_ensure_rgb makes grey into colour, by its profile if it still is in one.
int pictor_ensure_rgb(PictorChain *chain);
// pictor_ensure_alpha adds an opaque alpha where there is none.
int pictor_ensure_alpha(PictorChain *chain);
// pictor_restore_profile gives the image the profile of the one before, if it was
// lost on the way.
int pictor_restore_profile(PictorChain *chain, VipsImage *before);
// pictor_extract_area cuts an area out, as much of it as the image has.
int pictor_extract_area(PictorChain *chain, PictorRect area);
// pictor_read_past_rows reads rows that are not used, a few at a time.
int pictor_read_past_rows(PictorChain *chain, int rows);
// pictor_reduces says whether pictor_reduce can make such a result: it takes samples
// of 8 bits and enlarges nothing, but for a hair that a decoder has rounded.
gboolean pictor_reduces(PictorChain *chain, PictorWindow from, int width, int height);
// pictor_reduce makes width by height pixels of a window of the image, by Lanczos3.
// Pixels around the window are looked at, too. Alpha is multiplied in before and
// divided out after.
int pictor_reduce(PictorChain *chain, PictorWindow from, int width, int height);
// pictor_resize makes width by height pixels of a window of the image.
int pictor_resize(PictorChain *chain, PictorWindow window, int width, int height);
// pictor_prepare_jxl brings what libvips makes of a JPEG XL to what the header says.
int pictor_prepare_jxl(PictorChain *chain, const PictorSource *source);
// pictor_save_jxl writes a JPEG XL of a quality of 1 to 100. It gives 0, or -1 on errors.
int pictor_save_jxl(PictorChain *chain, int quality, PictorResult *result);
// pictor_tunes_for_images says whether AVIFs are tuned for images (tune=iq), where a quality means more. The first
// call encodes two small pictures.
int pictor_tunes_for_images(void);
// pictor_max_sample is the largest value of a sample.
double pictor_max_sample(PictorChain *chain);

// The steps, in their order. Each returns PICTOR_OK or what went wrong.
int pictor_load(PictorChain *chain, const PictorSource *source);
// pictor_read_jpeg puts pixels by libjpeg in the place of those of the chain's image, of
// which libvips has read the header.
int pictor_read_jpeg(PictorChain *chain, const PictorSource *file);
// pictor_load_bitmap takes pixels of so many bytes for bands, and a profile behind them.
int pictor_load_bitmap(const PictorSource *source, VipsImage **image);
// pictor_load_tiff opens a TIFF of one page, or of those that are stacked.
int pictor_load_tiff(const PictorSource *source, VipsImage **image);
int pictor_convert_colour(PictorChain *chain);
int pictor_cut_source(PictorChain *chain);
int pictor_resize_to_plan(PictorChain *chain);
int pictor_resize_in_linear_light(PictorChain *chain);
int pictor_crop_result(PictorChain *chain);
int pictor_turn_and_flip(PictorChain *chain);
int pictor_adjust_tone(PictorChain *chain);
int pictor_mix_channels(PictorChain *chain);
int pictor_blur(PictorChain *chain);
int pictor_sharpen(PictorChain *chain);
int pictor_pixelate(PictorChain *chain);
int pictor_extend_canvas(PictorChain *chain);
int pictor_fill_background(PictorChain *chain);
int pictor_overlay_watermark(PictorChain *chain);
int pictor_apply_mask(PictorChain *chain);
int pictor_filter_metadata(PictorChain *chain);
int pictor_encode(PictorChain *chain, PictorResult *result);
// pictor_save encodes by a quality. What the result has held before is not freed.
int pictor_save(PictorChain *chain, int quality, PictorResult *result);
// pictor_search_quality encodes by the quality that the job's search finds, five times at most.
int pictor_search_quality(PictorChain *chain, PictorResult *result);

int pictor_run(const PictorJob *job, PictorResult *result);
// pictor_run_steps does all that is between the decoder and the encoder.
int pictor_run_steps(PictorChain *chain);

// pictor_open_canvas makes ready for so many frames, from the first one on. pictor_close_canvas is
// to be called in any case.
int pictor_open_canvas(PictorCanvas *canvas, const PictorSource *source, int count);
// pictor_next_frame puts the next frame into canvas->image.
int pictor_next_frame(PictorCanvas *canvas);
void pictor_close_canvas(PictorCanvas *canvas);
// pictor_load_frame begins a chain with the source's page, in memory.
int pictor_load_frame(PictorChain *chain, const PictorSource *source);
// pictor_load_stack begins a chain with the pages that are stacked, in memory.
int pictor_load_stack(PictorChain *chain, const PictorSource *source);
// A PictorLayRow lays a row of a frame on one of the canvas.
typedef void (*PictorLayRow)(const guint8 *from, int from_bands, guint8 *to, int bands, int width);
// pictor_lay_image lays a decoded frame on the canvas, at its place.
int pictor_lay_image(PictorCanvas *canvas, VipsImage *image, PictorRect place, PictorLayRow lay_row);
// pictor_lay_webp_frame decodes a frame and lays it on the canvas.
int pictor_lay_webp_frame(PictorCanvas *canvas, const PictorFrame *frame);
// pictor_open_webp_metadata opens an image that has the metadata of all frames.
int pictor_open_webp_metadata(const PictorSource *source, VipsImage **image);
// pictor_animate begins a chain with all frames of the result, below each other.
int pictor_animate(PictorChain *chain);

// pictor_insert_bytes makes room in a result and copies bytes there.
void pictor_insert_bytes(PictorResult *result, size_t at, const void *bytes, size_t size);

// pictor_decode_shared decodes the source of a job into memory and halves it there so
// many times. With convert it converts colour as the job says, once for all outputs.
int pictor_decode_shared(const PictorJob *job, int convert, int halvings, PictorShared **result);
// pictor_release_shared drops what is shared, after the last output.
void pictor_release_shared(PictorShared *shared);
// pictor_take_shared begins the chain of a job with what is shared.
int pictor_take_shared(PictorChain *chain);

// pictor_find_trim finds the area inside of a border. The border has the given
// colour, three numbers of 8 bits, or for NULL that of the pixel at the left top,
// or with last that at the right bottom.
int pictor_find_trim(const PictorJob *job, double threshold, const double *given, int last, PictorRect *content);

// pictor_copy_metadata gives copies of a source's XMP and IPTC, to be freed by
// g_free. They are NULL where the source has none.
int pictor_copy_metadata(const PictorSource *source, void **xmp, size_t *xmp_size, void **iptc, size_t *iptc_size);

// pictor_read_first_sample is the first sample of a file, or less than 0 if it
// cannot be read.
int pictor_read_first_sample(const PictorSource *source);

// pictor_init blocks every loader but those of the formats above. It is called
// once, before anything else.
void pictor_init(void);

// pictor_set_spare says how much free memory the heap may keep, in bytes, at first 0.
// Where that is less than before, the heap gives all of it back to the system.
void pictor_set_spare(size_t bytes);
// pictor_release_free_heap gives free memory of the heap back to the system where it
// is more than may be kept.
void pictor_release_free_heap(void);
// pictor_release_heap_between_frames does so where the heap may keep memory. Frames are of many sizes, and what
// is free between the blocks of one may be too small for those of the next. Else such blocks are mapped.
void pictor_release_heap_between_frames(void);
// pictor_release_memory_after_job gives all of it back, once libvips' threads have
// freed their buffers.
void pictor_release_memory_after_job(void);

#endif
