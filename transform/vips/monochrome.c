#include "pipeline.h"

// Rec. ITU-R BT.709's weights of lightness, as CSS filters take them.
static const double luma[3] = { 0.2126, 0.7152, 0.0722 };

// channel_weight says how much a channel of the result takes from one of the image:
// saturation moves it from or to its own grey, then monochrome to the shades.
static double
channel_weight(const PictorJob *job, int to, int from)
{
	double saturated = (to == from ? job->saturation : 0) + (1 - job->saturation) * luma[from];
	double shade = job->monochrome_colour[to] * luma[from];

	// Lightness is the same before and after saturation.
	return (1 - job->monochrome) * saturated + job->monochrome * shade;
}

// pictor_mix_channels is saturation and shades of one colour: both mix the
// channels of a pixel, which is one matrix.
int
pictor_mix_channels(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	VipsBandFormat format = vips_image_get_format(chain->image);
	VipsImage *matrix;
	int bands;

	if (job->saturation == 1 && job->monochrome == 0)
		return PICTOR_OK;
	if (job->monochrome == 0 && vips_image_get_bands(chain->image) < 3)
		return PICTOR_OK;
	if (pictor_ensure_rgb(chain))
		return PICTOR_BROKEN;
	bands = vips_image_get_bands(chain->image);
	if (!(matrix = vips_image_new_matrix(bands, bands)))
		return PICTOR_BROKEN;
	for (int to = 0; to < bands; to++)
		for (int from = 0; from < bands; from++)
			*VIPS_MATRIX(matrix, from, to) = to < 3 && from < 3 ? channel_weight(job, to, from) : to == from;
	{
		VipsImage *before = chain->image;
		pictor_append(chain, matrix); // to be dropped with the others
		chain->image = before;
	}
	PICTOR_APPLY(chain, vips_recomb(chain->image, &out, matrix, NULL));
	PICTOR_APPLY(chain, vips_rint(chain->image, &out, NULL));
	PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	return PICTOR_OK;
}
