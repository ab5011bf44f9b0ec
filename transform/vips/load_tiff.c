#include "pipeline.h"

// replace drops the old image of a step that has made a new one of it.
static int
replace(VipsImage **image, VipsImage **by, int failed)
{
	if (failed)
		return PICTOR_BROKEN;
	g_object_unref(*image);
	*image = *by;
	return PICTOR_OK;
}

// forget_pages drops that an image was stacked of pages: encoders would make an animation of it.
static int
forget_pages(VipsImage **image)
{
	VipsImage *out = NULL;

	if (replace(image, &out, vips_copy(*image, &out, NULL)))
		return PICTOR_BROKEN;
	vips_image_remove(*image, VIPS_META_PAGE_HEIGHT);
	vips_image_remove(*image, VIPS_META_N_PAGES);
	return PICTOR_OK;
}

// pictor_load_tiff opens the pages that container.Decodable leaves, which are alike. libvips undoes the
// multiplication by alpha.
// Lab is brought to RGB here, because no other format has it. What is behind alpha is no part of the picture.
int
pictor_load_tiff(const PictorSource *source, VipsImage **image)
{
	VipsImage *out = NULL;
	VipsInterpretation space;

	if (vips_tiffload_buffer((void *) source->bytes, source->size, image, "access", VIPS_ACCESS_SEQUENTIAL,
			"fail_on", VIPS_FAIL_ON_ERROR, "n", VIPS_MAX(source->stacked, 1), NULL))
		return PICTOR_BROKEN;
	if (source->stacked > 1 && forget_pages(image))
		return PICTOR_BROKEN;
	space = vips_image_guess_interpretation(*image);
	if (space == VIPS_INTERPRETATION_LAB || space == VIPS_INTERPRETATION_LABQ || space == VIPS_INTERPRETATION_LABS) {
		VipsInterpretation rgb = source->bits > 8 ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_sRGB;

		if (replace(image, &out, vips_colourspace(*image, &out, rgb, "source_space", space, NULL)))
			return PICTOR_BROKEN;
	}
	if (vips_image_get_bands(*image) > source->bands &&
			replace(image, &out, vips_extract_band(*image, &out, 0, "n", source->bands, NULL)))
		return PICTOR_BROKEN;
	return PICTOR_OK;
}
