// The pipeline: each step in a file of its own, in the order of pictor_run. A
// step takes an image and gives the next one; all of them are lazy, the
// encoder pulls rows through the chain.
//
// References: every step stores its images in the job's own array, and
// pictor_run drops them all at the end, so that no step has a clean-up path.

#ifndef PICTOR_PIPELINE_H
#define PICTOR_PIPELINE_H

#include <vips/vips.h>

// The numbers are those of transform.Format.
enum { PICTOR_JPEG = 1, PICTOR_PNG, PICTOR_WEBP, PICTOR_GIF, PICTOR_AVIF };

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

// A file and what its header says.
typedef struct {
	const void *bytes;
	size_t size;
	int format;
	int width, height; // as sniffed
	int shrink;        // JPEG: 1, 2, 4 or 8
	double scale;      // WebP: 0 to 1
	int thumbnail;     // AVIF: the one inside
	char profile[1024]; // instead of its own, if profile_size is not 0
	size_t profile_size;
	int bits;          // of a sample: 8, 10, 12 or 16
	int grey;          // AVIF: without colour, though it is decoded to RGB
	int narrow;        // AVIF: grey of 16 to 235, which the decoder leaves so
	int premultiplied; // AVIF: colours were multiplied by alpha
	int partial;       // GIF: the frame leaves some of the canvas
	PictorRect frame;
} PictorSource;

typedef struct {
	PictorSource source;
	int keep_profile; // leave colours in the picture's own profile
	int deep;         // more than eight bits a sample

	// Cut out of the loaded picture, if cuts; where in frame is up to what is
	// seen, if smart_cut.
	int cuts, smart_cut;
	PictorRect frame, cut;
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

	// The result, and where on it the picture lies.
	int width, height;
	PictorRect picture;
	int under;             // there is a background
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
	size_t max_bytes;
	int least_quality;
	int full_chroma, half_chroma; // neither: by the quality
	int interlaced;
	int palette_bits; // PNG: 0 without a palette
	int compression;  // WebP
	int smart_subsample, preset;
	int effort;   // of the format's own scale
	int lossless; // AVIF
} PictorJob;

typedef struct {
	void *body; // g_free it
	size_t size;
	int width, height;
	int stripped; // no metadata is meant to be in it
} PictorResult;

// Room for the images of one run: no chain of steps makes more.
#define PICTOR_STEPS 96

typedef struct {
	const PictorJob *job;
	VipsImage *image; // the end of the chain so far
	int held;         // rows are in memory, or come of such: read as you like
	VipsImage *memory; // the last image that was laid there
	int converted;    // to sRGB: its own profile says nothing any more
	int bits, grey;   // of the source that was loaded last
	int strip;        // nothing of the metadata is left
	VipsImage *made[PICTOR_STEPS];
	int count;
} PictorChain;

// pictor_push makes image the end of the chain and owns it from here.
void pictor_push(PictorChain *chain, VipsImage *image);

// PICTOR_DO appends what call makes of chain->image into &out.
#define PICTOR_DO(chain, call) \
	do { \
		VipsImage *out = NULL; \
		if (call) \
			return PICTOR_BROKEN; \
		pictor_push(chain, out); \
	} while (0)

// pictor_hold lays the image in memory, once, for steps that do not read it
// from the top to the bottom. What comes after is still lazy.
int pictor_hold(PictorChain *chain);
// pictor_hold_here lays it in memory unless it is there itself, for steps that
// read each pixel many times.
int pictor_hold_here(PictorChain *chain);
// pictor_keep lays it in memory in any case, to be read more than once.
int pictor_keep(PictorChain *chain);
// pictor_to_srgb goes through the profile of the image, in which it is still.
int pictor_to_srgb(PictorChain *chain);
// pictor_rgb makes grey into colour, out of its profile if it is still in one.
int pictor_rgb(PictorChain *chain);
// pictor_alpha adds an opaque alpha where there is none.
int pictor_alpha(PictorChain *chain);
// pictor_reprofile gives the image the profile of the one before it, if it was lost.
int pictor_reprofile(PictorChain *chain, VipsImage *before);
// pictor_area cuts an area out, as much of it as there is.
int pictor_area(PictorChain *chain, PictorRect area);
// pictor_skip reads rows that nobody wants, a few at a time.
int pictor_skip(PictorChain *chain, int rows);
// pictor_top is the largest value of a sample.
double pictor_top(PictorChain *chain);

int pictor_load(PictorChain *chain, const PictorSource *source);
int pictor_colour(PictorChain *chain);
int pictor_cut(PictorChain *chain);
int pictor_resize(PictorChain *chain, int width, int height);
int pictor_crop(PictorChain *chain);
int pictor_orient(PictorChain *chain);
int pictor_tone(PictorChain *chain);
int pictor_monochrome(PictorChain *chain);
int pictor_blur(PictorChain *chain);
int pictor_sharpen(PictorChain *chain);
int pictor_pixelate(PictorChain *chain);
int pictor_canvas(PictorChain *chain);
int pictor_background(PictorChain *chain);
int pictor_watermark(PictorChain *chain);
int pictor_mask(PictorChain *chain);
int pictor_metadata(PictorChain *chain);
int pictor_encode(PictorChain *chain, PictorResult *result);

int pictor_run(const PictorJob *job, PictorResult *result);

// pictor_look finds what lies inside of a border: of the given colour, three
// numbers of 8 bits, or for NULL of that of the left top pixel, or the last.
int pictor_look(const PictorJob *job, double threshold, const double *given, int last, PictorRect *content);

// pictor_blobs gives copies of a source's XMP and IPTC, to be freed by g_free;
// NULL where there is none.
int pictor_blobs(const PictorSource *source, void **xmp, size_t *xmp_size, void **iptc, size_t *iptc_size);

// pictor_first is the first sample of a file, less than 0 if it is not read.
int pictor_first(const PictorSource *source);

// pictor_start blocks every loader but those of the formats above.
void pictor_start(void);

// pictor_give_back gives the system what is free in the heap, wherever it lies.
void pictor_give_back(void);
// pictor_trim does so when the libraries have let go of what they will.
void pictor_trim(void);

#endif
