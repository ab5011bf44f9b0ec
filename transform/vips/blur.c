#include "pipeline.h"

// pictor_blur blurs over premultiplied alpha, so that colours under
// transparent pixels do not bleed.
int
pictor_blur(PictorChain *chain)
{
	double sigma = chain->job->blur;
	VipsBandFormat format = vips_image_get_format(chain->image);
	gboolean alpha = vips_image_hasalpha(chain->image);

	if (sigma <= 0)
		return PICTOR_OK;
	// Each row is read as often as the mask is high: what comes before must
	// not be made anew each time.
	if (pictor_materialize_here(chain))
		return PICTOR_BROKEN;
	if (alpha) {
		PICTOR_APPLY(chain, vips_premultiply(chain->image, &out, NULL));
		PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	}
	PICTOR_APPLY(chain, vips_gaussblur(chain->image, &out, sigma, NULL));
	if (alpha)
		PICTOR_APPLY(chain, vips_unpremultiply(chain->image, &out, NULL));
	if (vips_image_get_format(chain->image) != format)
		PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	return PICTOR_OK;
}
