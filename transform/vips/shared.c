#include "pipeline.h"

// halve_row takes the mean of four pixels. Where the number of bands is known the loop is several times as fast.
static inline void
halve_row(const guint8 *above, const guint8 *below, guint8 *out, int width, int bands)
{
	for (int x = 0; x < width; x++, above += 2 * bands, below += 2 * bands, out += bands)
		for (int i = 0; i < bands; i++)
			out[i] = (above[i] + above[bands + i] + below[i] + below[bands + i] + 2) / 4;
}

static void
halve_rows(VipsImage *from, VipsImage *to)
{
	int bands = from->Bands;

	for (int y = 0; y < to->Ysize; y++) {
		const guint8 *above = VIPS_IMAGE_ADDR(from, 0, 2 * y);
		const guint8 *below = VIPS_IMAGE_ADDR(from, 0, 2 * y + 1);
		guint8 *out = VIPS_IMAGE_ADDR(to, 0, y);

		if (bands == 3)
			halve_row(above, below, out, to->Xsize, 3);
		else
			halve_row(above, below, out, to->Xsize, bands);
	}
}

static void *
copy_field(VipsImage *from, const char *name, GValue *value, void *to)
{
	vips_image_set((VipsImage *) to, name, value);
	return NULL;
}

// halve gives an image in memory of half the size of another one there. A last odd row or column is left out, as
// libvips' JPEG decoder does. What a JPEG is decoded to has eight bits and no alpha.
static VipsImage *
halve(VipsImage *from)
{
	int width = from->Xsize / 2;
	int height = from->Ysize / 2;
	VipsImage *half;

	if (width < 1 || height < 1 || from->Coding != VIPS_CODING_NONE || from->BandFmt != VIPS_FORMAT_UCHAR ||
			vips_image_hasalpha(from)) {
		vips_error("pictor", "decoded image of %d x %d cannot be halved", from->Xsize, from->Ysize);
		return NULL;
	}
	half = vips_image_new_memory();
	vips_image_init_fields(half, width, height, from->Bands, from->BandFmt, from->Coding, from->Type,
		from->Xres / 2, from->Yres / 2);
	vips_image_map(from, copy_field, half);
	if (vips_image_write_prepare(half)) {
		g_object_unref(half);
		return NULL;
	}
	halve_rows(from, half);
	return half;
}

int
pictor_decode_shared(const PictorJob *job, int convert, int halvings, PictorShared **result)
{
	PictorChain chain = { .job = job };
	PictorShared *shared = g_new0(PictorShared, 1);
	int status;

	vips_error_clear();
	status = pictor_load(&chain, &job->source);
	if (!status && convert)
		status = pictor_convert_colour(&chain);
	if (!status)
		status = pictor_copy_to_memory(&chain);
	if (!status) {
		shared->images[shared->count++] = g_object_ref(chain.image);
		// Else the steps to come would read it in strips.
		vips_image_remove(chain.image, VIPS_META_SEQUENTIAL);
		shared->converted = convert;
		shared->in_srgb = chain.in_srgb;
		shared->source_bits = chain.source_bits;
		shared->source_grey = chain.source_grey;
	}
	pictor_release_images(&chain); // with the decoder and what it holds
	while (!status && shared->count <= halvings) {
		VipsImage *half = shared->count < PICTOR_MAX_SHARED ? halve(shared->images[shared->count - 1]) : NULL;

		if (half)
			shared->images[shared->count++] = half;
		else
			status = PICTOR_BROKEN;
	}
	if (status) {
		pictor_release_shared(shared);
		shared = NULL;
	}
	*result = shared;
	return status;
}

void
pictor_release_shared(PictorShared *shared)
{
	while (shared->count > 0)
		g_object_unref(shared->images[--shared->count]);
	g_free(shared);
}

int
pictor_take_shared(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	const PictorShared *shared = job->shared;

	if (job->halvings >= shared->count)
		return PICTOR_INTERNAL;
	pictor_append(chain, g_object_ref(shared->images[job->halvings]));
	chain->converted = shared->converted;
	chain->in_srgb = shared->in_srgb;
	chain->source_bits = shared->source_bits;
	chain->source_grey = shared->source_grey;
	chain->hdr = job->source.hdr.transfer ? &job->source.hdr : NULL;
	return PICTOR_OK;
}
