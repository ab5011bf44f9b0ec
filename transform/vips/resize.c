#include "pipeline.h"

// scale_by_libvips scales the whole image: only decoders that give bytes shrink, and ask for a part of it.
static int
scale_by_libvips(PictorChain *chain, int width, int height)
{
	PICTOR_APPLY(chain, vips_resize(chain->image, &out, (double) width / chain->image->Xsize,
		"vscale", (double) height / chain->image->Ysize,
		"kernel", VIPS_KERNEL_LANCZOS3, NULL));
	return PICTOR_OK;
}

int
pictor_resize(PictorChain *chain, PictorWindow window, int width, int height)
{
	VipsBandFormat format = vips_image_get_format(chain->image);

	if (chain->image->Xsize == width && chain->image->Ysize == height && window.width == width &&
			window.height == height)
		return PICTOR_OK;
	if (pictor_reduces(chain, window, width, height))
		return pictor_reduce(chain, window, width, height);
	if (!vips_image_hasalpha(chain->image))
		return scale_by_libvips(chain, width, height);
	// Colours under transparent pixels must not bleed into their neighbours,
	// so alpha is multiplied in before the resize and divided out after it.
	PICTOR_APPLY(chain, vips_premultiply(chain->image, &out, NULL));
	if (scale_by_libvips(chain, width, height))
		return PICTOR_BROKEN;
	PICTOR_APPLY(chain, vips_unpremultiply(chain->image, &out, NULL));
	PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	return PICTOR_OK;
}

int
pictor_resize_to_plan(PictorChain *chain)
{
	const PictorJob *job = chain->job;

	if (job->linear && (chain->image->Xsize != job->scaled_width || chain->image->Ysize != job->scaled_height))
		return pictor_resize_in_linear_light(chain);
	return pictor_resize(chain, chain->job->window, chain->job->scaled_width, chain->job->scaled_height);
}
