#include "pipeline.h"

void
pictor_append(PictorChain *chain, VipsImage *image)
{
	g_assert(chain->count < PICTOR_MAX_IMAGES);
	chain->images[chain->count++] = image;
	chain->image = image;
}

void
pictor_release_images(PictorChain *chain)
{
	while (chain->count > 0)
		g_object_unref(chain->images[--chain->count]);
}

int
pictor_copy_to_memory(PictorChain *chain)
{
	VipsImage *out = vips_image_copy_memory(chain->image);

	if (!out)
		return PICTOR_BROKEN;
	// The steps so far are done, and much of their memory is free.
	pictor_release_free_heap();
	pictor_append(chain, out);
	chain->random_access = TRUE;
	chain->in_memory = out;
	return PICTOR_OK;
}

int
pictor_materialize_here(PictorChain *chain)
{
	return chain->image == chain->in_memory ? PICTOR_OK : pictor_copy_to_memory(chain);
}

int
pictor_materialize(PictorChain *chain)
{
	return chain->random_access ? PICTOR_OK : pictor_copy_to_memory(chain);
}

int
pictor_ensure_rgb(PictorChain *chain)
{
	VipsInterpretation now;
	VipsInterpretation want = vips_image_get_format(chain->image) == VIPS_FORMAT_USHORT
		? VIPS_INTERPRETATION_RGB16
		: VIPS_INTERPRETATION_sRGB;

	// A profile of grey says nothing of the three channels to come.
	if (vips_image_get_bands(chain->image) < 3 && vips_image_get_typeof(chain->image, VIPS_META_ICC_NAME) &&
			pictor_convert_to_srgb(chain))
		return PICTOR_BROKEN;
	now = vips_image_guess_interpretation(chain->image);
	if (vips_image_get_bands(chain->image) < 3)
		PICTOR_APPLY(chain, vips_colourspace(chain->image, &out, want, "source_space", now, NULL));
	return PICTOR_OK;
}

// libvips 8.15 and later drop a profile of grey on the way between spaces that
// it describes both.
int
pictor_restore_profile(PictorChain *chain, VipsImage *before)
{
	const void *profile;
	size_t size;

	if (!vips_image_get_typeof(before, VIPS_META_ICC_NAME) || vips_image_get_typeof(chain->image, VIPS_META_ICC_NAME))
		return PICTOR_OK;
	if (vips_image_get_blob(before, VIPS_META_ICC_NAME, &profile, &size))
		return PICTOR_BROKEN;
	PICTOR_APPLY(chain, vips_copy(chain->image, &out, NULL));
	vips_image_set_blob_copy(chain->image, VIPS_META_ICC_NAME, profile, size);
	return PICTOR_OK;
}

int
pictor_ensure_alpha(PictorChain *chain)
{
	if (!vips_image_hasalpha(chain->image))
		PICTOR_APPLY(chain, vips_addalpha(chain->image, &out, NULL));
	return PICTOR_OK;
}

// Asked for an area further down, libvips would keep all of the rows before it
// in its cache at once, which at the bottom of a large image is most of it.
int
pictor_read_past_rows(PictorChain *chain, int rows)
{
	const int step = 16;
	VipsRegion *region;
	int failed = 0;

	if (chain->random_access || rows <= step)
		return PICTOR_OK;
	region = vips_region_new(chain->image);
	for (int y = 0; !failed && y < rows; y += step) {
		VipsRect strip = { 0, y, 1, VIPS_MIN(step, rows - y) };
		failed = vips_region_prepare(region, &strip);
	}
	g_object_unref(region);
	return failed ? PICTOR_BROKEN : PICTOR_OK;
}

int
pictor_extract_area(PictorChain *chain, PictorRect area)
{
	int w = chain->image->Xsize;
	int h = chain->image->Ysize;
	// Decoders round their reductions either way.
	int width = VIPS_MIN(area.width, w);
	int height = VIPS_MIN(area.height, h);
	int left = VIPS_MIN(area.left, w - width);
	int top = VIPS_MIN(area.top, h - height);

	if (pictor_read_past_rows(chain, top))
		return PICTOR_BROKEN;
	if (width < w || height < h)
		PICTOR_APPLY(chain, vips_extract_area(chain->image, &out, left, top, width, height, NULL));
	return PICTOR_OK;
}

double
pictor_max_sample(PictorChain *chain)
{
	return vips_image_get_format(chain->image) == VIPS_FORMAT_USHORT ? 65535 : 255;
}
