// The pipeline: load, colour, resize, crop, orient, encode, each step in a
// file of its own. A step takes an image and gives the next one; all of them
// are lazy, the encoder pulls rows through the chain.
//
// References: every step stores its image in the job's own array, and
// pictor_run drops them all at the end, so that no step has a clean-up path.

#ifndef PICTOR_PIPELINE_H
#define PICTOR_PIPELINE_H

#include <vips/vips.h>

// The numbers are those of transform.Format.
enum { PICTOR_JPEG = 1, PICTOR_PNG, PICTOR_WEBP, PICTOR_GIF, PICTOR_AVIF };

// What went wrong, for the caller to choose the error by.
enum {
	PICTOR_OK = 0,
	PICTOR_BROKEN,   // does not decode, or breaks off
	PICTOR_MISMATCH, // the decoder sees another size than the sniffed one
	PICTOR_INTERNAL, // a format without loader or saver: our own mistake
};

typedef struct {
	const void *source;
	size_t source_size;
	int source_format;

	int width, height; // as sniffed
	int shrink;        // JPEG: 1, 2, 4 or 8
	double scale;      // WebP: 0 to 1
	int scaled_width, scaled_height;
	int crop_left, crop_top, crop_width, crop_height;
	int angle; // clockwise
	int flip;

	int format; // of the result
	int quality;
	int keep_metadata;
} PictorJob;

typedef struct {
	void *body; // g_free it
	size_t size;
	int width, height;
} PictorResult;

// Room for the images of one run: no chain of steps makes more.
#define PICTOR_STEPS 16

typedef struct {
	const PictorJob *job;
	VipsImage *image; // the end of the chain so far
	VipsImage *made[PICTOR_STEPS];
	int count;
} PictorChain;

// pictor_push makes image the end of the chain and owns it from here.
void pictor_push(PictorChain *chain, VipsImage *image);

int pictor_load(PictorChain *chain);
int pictor_colour(PictorChain *chain);
int pictor_resize(PictorChain *chain);
int pictor_crop(PictorChain *chain);
int pictor_orient(PictorChain *chain);
int pictor_encode(PictorChain *chain, PictorResult *result);

int pictor_run(const PictorJob *job, PictorResult *result);

// pictor_start blocks every loader but those of the formats above.
void pictor_start(void);

// pictor_trim returns freed memory to the system.
void pictor_trim(void);

#endif
