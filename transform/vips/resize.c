#include "pipeline.h"

static int
scale_to(PictorChain *chain, int width, int height)
{
	PictorWindow all = { 0, 0, chain->image->Xsize, chain->image->Ysize };

	if (pictor_reduces(chain, all, width, height))
		return pictor_reduce(chain, all, width, height);
	PICTOR_APPLY(chain, vips_resize(chain->image, &out, (double) width / chain->image->Xsize,
		"vscale", (double) height / chain->image->Ysize,
		"kernel", VIPS_KERNEL_LANCZOS3, NULL));
	return PICTOR_OK;
}

// pictor_resize reaches the planned size exactly: the factors come from what
// the decoder really gave.
int
pictor_resize(PictorChain *chain, int width, int height)
{
	VipsBandFormat format = vips_image_get_format(chain->image);

	if (chain->image->Xsize == width && chain->image->Ysize == height)
		return PICTOR_OK;
	if (!vips_image_hasalpha(chain->image))
		return scale_to(chain, width, height);
	// Colours under transparent pixels must not bleed into their neighbours,
	// so alpha is multiplied in before the resize and divided out after it.
	PICTOR_APPLY(chain, vips_premultiply(chain->image, &out, NULL));
	if (scale_to(chain, width, height))
		return PICTOR_BROKEN;
	PICTOR_APPLY(chain, vips_unpremultiply(chain->image, &out, NULL));
	PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	return PICTOR_OK;
}
