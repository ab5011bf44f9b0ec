#include "pipeline.h"

// What draws the eye is found by looking at all of the picture, and only then
// is it cut: it has to lie in memory.
static int
smart(PictorChain *chain, int width, int height)
{
	if (width >= chain->image->Xsize && height >= chain->image->Ysize)
		return PICTOR_OK;
	if (pictor_hold(chain))
		return PICTOR_BROKEN;
	width = VIPS_MIN(width, chain->image->Xsize);
	height = VIPS_MIN(height, chain->image->Ysize);
	PICTOR_DO(chain, vips_smartcrop(chain->image, &out, width, height, "interesting", VIPS_INTERESTING_ATTENTION, NULL));
	return PICTOR_OK;
}

// pictor_cut takes the part of the source that is worked on.
int
pictor_cut(PictorChain *chain)
{
	const PictorJob *job = chain->job;

	if (!job->cuts)
		return PICTOR_OK;
	if (!job->smart_cut)
		return pictor_area(chain, job->cut);
	if (pictor_area(chain, job->frame))
		return PICTOR_BROKEN;
	return smart(chain, job->cut.width, job->cut.height);
}

// pictor_crop cuts the resized picture to what was asked for.
int
pictor_crop(PictorChain *chain)
{
	const PictorJob *job = chain->job;

	if (job->smart_crop)
		return smart(chain, job->crop.width, job->crop.height);
	return pictor_area(chain, job->crop);
}
