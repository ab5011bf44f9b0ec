#include "pipeline.h"

// pictor_extend_canvas lays the image on the result's canvas: what extensions and
// padding add is transparent, or the background at once where that will cover
// it anyway.
int
pictor_extend_canvas(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	const PictorRect *at = &job->picture;
	double by = pictor_max_sample(chain) / 255;
	VipsArrayDouble *colour;
	VipsImage *image = NULL;
	int failed;

	if (job->width == at->width && job->height == at->height)
		return PICTOR_OK;
	if (!job->opaque || vips_image_hasalpha(chain->image)) {
		if (pictor_ensure_alpha(chain))
			return PICTOR_BROKEN;
		PICTOR_APPLY(chain, vips_embed(chain->image, &out, at->left, at->top, job->width, job->height,
			"extend", VIPS_EXTEND_BLACK, NULL));
		return PICTOR_OK;
	}
	if (pictor_ensure_rgb(chain))
		return PICTOR_BROKEN;
	colour = vips_array_double_newv(3, job->background[0] * by, job->background[1] * by, job->background[2] * by);
	failed = vips_embed(chain->image, &image, at->left, at->top, job->width, job->height,
		"extend", VIPS_EXTEND_BACKGROUND, "background", colour, NULL);
	vips_area_unref(VIPS_AREA(colour));
	if (failed)
		return PICTOR_BROKEN;
	pictor_append(chain, image);
	return PICTOR_OK;
}
