#include "pipeline.h"

// round_up gives a side of whole blocks.
static int
round_up(int side, int block)
{
	return (side + block - 1) / block * block;
}

// pictor_pixelate averages over blocks. The last block of a row is of mirrored
// pixels where the side is no multiple, so that it is as bright as its part
// of the image.
int
pictor_pixelate(PictorChain *chain)
{
	VipsBandFormat format = vips_image_get_format(chain->image);
	gboolean alpha = vips_image_hasalpha(chain->image);
	PictorRect whole = { 0, 0, chain->image->Xsize, chain->image->Ysize };
	int block = VIPS_MIN(chain->job->pixelate, VIPS_MAX(whole.width, whole.height));
	int width, height;

	if (block <= 1)
		return PICTOR_OK;
	// A row of blocks reads many rows. What was blurred or sharpened would be
	// so anew for each of them.
	if ((chain->job->blur > 0 || chain->job->sharpen > 0 ? pictor_materialize_here : pictor_materialize)(chain))
		return PICTOR_BROKEN;
	width = round_up(whole.width, block);
	height = round_up(whole.height, block);
	if (alpha)
		PICTOR_APPLY(chain, vips_premultiply(chain->image, &out, NULL));
	if (width > whole.width || height > whole.height)
		PICTOR_APPLY(chain, vips_embed(chain->image, &out, 0, 0, width, height, "extend", VIPS_EXTEND_MIRROR, NULL));
	PICTOR_APPLY(chain, vips_shrink(chain->image, &out, block, block, NULL));
	if (alpha)
		PICTOR_APPLY(chain, vips_unpremultiply(chain->image, &out, NULL));
	PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	// The blocks are few: made once, and read many times.
	if (pictor_copy_to_memory(chain))
		return PICTOR_BROKEN;
	PICTOR_APPLY(chain, vips_zoom(chain->image, &out, block, block, NULL));
	return pictor_extract_area(chain, whole);
}
