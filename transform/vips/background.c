#include "pipeline.h"

static int
flatten(PictorChain *chain)
{
	const double *b = chain->job->background;
	double by = pictor_top(chain) / 255;
	VipsArrayDouble *colour;
	VipsImage *out = NULL;
	int failed;

	// Grey stays grey over grey.
	if ((b[0] != b[1] || b[1] != b[2]) && pictor_rgb(chain))
		return PICTOR_BROKEN;
	if (vips_image_get_bands(chain->image) < 3)
		colour = vips_array_double_newv(1, b[0] * by);
	else
		colour = vips_array_double_newv(3, b[0] * by, b[1] * by, b[2] * by);
	failed = vips_flatten(chain->image, &out, "background", colour, "max_alpha", pictor_top(chain), NULL);
	vips_area_unref(VIPS_AREA(colour));
	if (failed)
		return PICTOR_BROKEN;
	pictor_push(chain, out);
	return PICTOR_OK;
}

// over lays the picture over a background that is transparent itself.
static int
over(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	double top = pictor_top(chain);
	double by = top / 255;
	double colour[4] = { job->background[0] * by, job->background[1] * by, job->background[2] * by, job->background_alpha * top };
	VipsBandFormat format;
	VipsInterpretation space;
	VipsImage *picture;

	if (pictor_rgb(chain))
		return PICTOR_BROKEN;
	picture = chain->image;
	format = vips_image_get_format(picture);
	space = vips_image_guess_interpretation(picture);
	PICTOR_DO(chain, !(out = vips_image_new_from_image(picture, colour, 4)));
	PICTOR_DO(chain, vips_copy(chain->image, &out, "interpretation", space, NULL));
	// The other way round the result would have the background's metadata.
	PICTOR_DO(chain, vips_composite2(picture, chain->image, &out, VIPS_BLEND_MODE_DEST_OVER, "compositing_space", space, NULL));
	PICTOR_DO(chain, vips_cast(chain->image, &out, format, NULL));
	return PICTOR_OK;
}

// pictor_background fills in what is transparent.
int
pictor_background(PictorChain *chain)
{
	if (!vips_image_hasalpha(chain->image) || !chain->job->under)
		return PICTOR_OK;
	return chain->job->opaque ? flatten(chain) : over(chain);
}
