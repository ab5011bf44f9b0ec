#include "pipeline.h"

// crop_by_attention needs the image in memory: the search reads all of it before
// anything is cut. All frames of an animation are cut where the first one was.
static int
crop_by_attention(PictorChain *chain, int width, int height, PictorRect *kept)
{
	if (width >= chain->image->Xsize && height >= chain->image->Ysize)
		return PICTOR_OK;
	if (kept && kept->width > 0)
		return pictor_extract_area(chain, *kept);
	if (pictor_materialize(chain))
		return PICTOR_BROKEN;
	width = VIPS_MIN(width, chain->image->Xsize);
	height = VIPS_MIN(height, chain->image->Ysize);
	PICTOR_APPLY(chain, vips_smartcrop(chain->image, &out, width, height,
		"interesting", VIPS_INTERESTING_ATTENTION, NULL));
	if (kept) // libvips notes where the origin lies now
		*kept = (PictorRect){ -chain->image->Xoffset, -chain->image->Yoffset, width, height };
	return PICTOR_OK;
}

// pictor_cut_source cuts the part of the source out that the result is made of.
int
pictor_cut_source(PictorChain *chain)
{
	const PictorJob *job = chain->job;

	if (!job->cuts)
		return PICTOR_OK;
	if (!job->smart_cut)
		return pictor_extract_area(chain, job->cut);
	if (pictor_extract_area(chain, job->frame))
		return PICTOR_BROKEN;
	return crop_by_attention(chain, job->cut.width, job->cut.height, chain->kept ? &chain->kept->cut : NULL);
}

// pictor_crop_result cuts the resized image to the size of the result.
int
pictor_crop_result(PictorChain *chain)
{
	const PictorJob *job = chain->job;

	if (job->smart_crop)
		return crop_by_attention(chain, job->crop.width, job->crop.height, chain->kept ? &chain->kept->crop : NULL);
	return pictor_extract_area(chain, job->crop);
}
