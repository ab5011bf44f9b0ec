#include "pipeline.h"

static int
flatten_on_background(PictorChain *chain)
{
	const double *b = chain->job->background;
	double by = pictor_max_sample(chain) / 255;
	VipsArrayDouble *colour;
	VipsImage *out = NULL;
	int failed;

	// Grey stays grey over grey.
	if ((b[0] != b[1] || b[1] != b[2]) && pictor_ensure_rgb(chain))
		return PICTOR_BROKEN;
	if (vips_image_get_bands(chain->image) < 3)
		colour = vips_array_double_newv(1, b[0] * by);
	else
		colour = vips_array_double_newv(3, b[0] * by, b[1] * by, b[2] * by);
	failed = vips_flatten(chain->image, &out, "background", colour, "max_alpha", pictor_max_sample(chain), NULL);
	vips_area_unref(VIPS_AREA(colour));
	if (failed)
		return PICTOR_BROKEN;
	pictor_append(chain, out);
	return PICTOR_OK;
}

// lay_over_background lays the image over a background that is transparent itself.
static int
lay_over_background(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	double top = pictor_max_sample(chain);
	double by = top / 255;
	const double *b = job->background;
	double colour[4] = { b[0] * by, b[1] * by, b[2] * by, job->background_alpha * top };
	VipsBandFormat format;
	VipsInterpretation space;
	VipsImage *picture;

	if (pictor_ensure_rgb(chain))
		return PICTOR_BROKEN;
	picture = chain->image;
	format = vips_image_get_format(picture);
	space = vips_image_guess_interpretation(picture);
	PICTOR_APPLY(chain, !(out = vips_image_new_from_image(picture, colour, 4)));
	PICTOR_APPLY(chain, vips_copy(chain->image, &out, "interpretation", space, NULL));
	// The other way round the result would have the background's metadata.
	PICTOR_APPLY(chain, vips_composite2(picture, chain->image, &out, VIPS_BLEND_MODE_DEST_OVER,
		"compositing_space", space, NULL));
	PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	return PICTOR_OK;
}

// pictor_fill_background fills in what is transparent.
int
pictor_fill_background(PictorChain *chain)
{
	if (!vips_image_hasalpha(chain->image) || !chain->job->has_background)
		return PICTOR_OK;
	return chain->job->opaque ? flatten_on_background(chain) : lay_over_background(chain);
}
