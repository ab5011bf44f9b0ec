#include "pipeline.h"

// pictor_sharpen sharpens lightness alone, which keeps colours from fringes.
int
pictor_sharpen(PictorChain *chain)
{
	double sigma = chain->job->sharpen;
	VipsBandFormat format = vips_image_get_format(chain->image);
	VipsInterpretation space = vips_image_guess_interpretation(chain->image);
	VipsImage *before;

	if (sigma <= 0)
		return PICTOR_OK;
	// The rows around those that are asked for would be blurred each time.
	if ((chain->job->blur > 0 ? pictor_materialize_here : pictor_materialize)(chain))
		return PICTOR_BROKEN;
	before = chain->image;
	PICTOR_APPLY(chain, vips_sharpen(before, &out, "sigma", sigma, NULL));
	if (vips_image_guess_interpretation(chain->image) != space)
		PICTOR_APPLY(chain, vips_colourspace(chain->image, &out, space, NULL));
	if (vips_image_get_format(chain->image) != format)
		PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	return pictor_restore_profile(chain, before);
}
