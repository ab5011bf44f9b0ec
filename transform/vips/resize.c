#include "pipeline.h"

static int
scale_to(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	VipsImage *out = NULL;

	if (vips_resize(chain->image, &out, (double) job->scaled_width / chain->image->Xsize,
			"vscale", (double) job->scaled_height / chain->image->Ysize,
			"kernel", VIPS_KERNEL_LANCZOS3, NULL))
		return PICTOR_BROKEN;
	pictor_push(chain, out);
	return PICTOR_OK;
}

// Colours under transparent pixels must not bleed into their neighbours, so
// alpha is multiplied in before the resize and divided out after it.
static int
scale_alpha(PictorChain *chain)
{
	VipsBandFormat format = vips_image_get_format(chain->image);
	VipsImage *out = NULL;

	if (vips_premultiply(chain->image, &out, NULL))
		return PICTOR_BROKEN;
	pictor_push(chain, out);
	if (scale_to(chain))
		return PICTOR_BROKEN;
	if (vips_unpremultiply(chain->image, &out, NULL))
		return PICTOR_BROKEN;
	pictor_push(chain, out);
	if (vips_cast(chain->image, &out, format, NULL))
		return PICTOR_BROKEN;
	pictor_push(chain, out);
	return PICTOR_OK;
}

// pictor_resize reaches the planned size exactly: the factors come from what
// the decoder really gave.
int
pictor_resize(PictorChain *chain)
{
	const PictorJob *job = chain->job;

	if (chain->image->Xsize == job->scaled_width && chain->image->Ysize == job->scaled_height)
		return PICTOR_OK;
	if (vips_image_hasalpha(chain->image))
		return scale_alpha(chain);
	return scale_to(chain);
}

int
pictor_crop(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	VipsImage *out = NULL;

	if (job->crop_width == job->scaled_width && job->crop_height == job->scaled_height)
		return PICTOR_OK;
	if (vips_extract_area(chain->image, &out, job->crop_left, job->crop_top, job->crop_width, job->crop_height, NULL))
		return PICTOR_BROKEN;
	pictor_push(chain, out);
	return PICTOR_OK;
}
