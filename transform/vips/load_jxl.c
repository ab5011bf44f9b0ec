#include "pipeline.h"

// as_integers makes samples of 16 bits of those in floating point, of which 1 is the
// largest. The loader says that they are linear light, which they need not be.
static int
as_integers(PictorChain *chain)
{
	VipsInterpretation space = vips_image_get_bands(chain->image) < 3
		? VIPS_INTERPRETATION_GREY16
		: VIPS_INTERPRETATION_RGB16;

	PICTOR_APPLY(chain, vips_linear1(chain->image, &out, 65535, 0.5, NULL));
	PICTOR_APPLY(chain, vips_cast(chain->image, &out, VIPS_FORMAT_USHORT, NULL));
	PICTOR_APPLY(chain, vips_copy(chain->image, &out, "interpretation", space, NULL));
	return PICTOR_OK;
}

// pictor_prepare_jxl brings what libvips makes of a JPEG XL to what the header says: it
// adds an opaque alpha for an extra channel that is none, and a profile even of sRGB.
int
pictor_prepare_jxl(PictorChain *chain, const PictorSource *source)
{
	int bands = vips_image_get_bands(chain->image);

	if (vips_image_get_format(chain->image) == VIPS_FORMAT_FLOAT && as_integers(chain))
		return PICTOR_BROKEN;
	if (!source->alpha && (bands == 2 || bands == 4))
		PICTOR_APPLY(chain, vips_extract_band(chain->image, &out, 0, "n", bands - 1, NULL));
	if (!source->profiled) {
		PICTOR_APPLY(chain, vips_copy(chain->image, &out, NULL));
		vips_image_remove(chain->image, VIPS_META_ICC_NAME);
	}
	return PICTOR_OK;
}
