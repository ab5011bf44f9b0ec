#include "pipeline.h"

// pictor_adjust_tone stretches channels about mid-grey and then lifts them. Alpha
// stays.
int
pictor_adjust_tone(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	VipsBandFormat format = vips_image_get_format(chain->image);
	const double *lift = job->lift;
	double by = pictor_max_sample(chain) / 255;
	double a[4], b[4];
	int bands, colours;

	if (job->contrast == 1 && lift[0] == 0 && lift[1] == 0 && lift[2] == 0)
		return PICTOR_OK;
	if ((lift[0] != lift[1] || lift[1] != lift[2]) && pictor_ensure_rgb(chain))
		return PICTOR_BROKEN;
	bands = vips_image_get_bands(chain->image);
	colours = bands - (vips_image_hasalpha(chain->image) ? 1 : 0);
	for (int i = 0; i < 4; i++) {
		a[i] = i < colours ? job->contrast : 1;
		b[i] = i < colours && i < 3 ? (127.5 * (1 - job->contrast) + lift[i]) * by : 0;
	}
	PICTOR_APPLY(chain, vips_linear(chain->image, &out, a, b, VIPS_MIN(bands, 4), NULL));
	PICTOR_APPLY(chain, vips_rint(chain->image, &out, NULL));
	PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	return PICTOR_OK;
}
