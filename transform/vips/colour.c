#include "pipeline.h"

// to_srgb goes through the embedded profile. A profile that lcms cannot use
// is common in the wild: such a picture is taken for sRGB, as browsers do.
static int
to_srgb(VipsImage *in, VipsImage **out)
{
	if (!vips_icc_transform(in, out, "srgb", "embedded", TRUE, "intent", VIPS_INTENT_PERCEPTUAL, NULL))
		return 0;
	vips_error_clear();
	*out = NULL;
	return -1;
}

// pictor_colour brings the picture to 8-bit sRGB or grey, with or without
// alpha. It comes before the resize, on what the decoder has already reduced.
int
pictor_colour(PictorChain *chain)
{
	VipsImage *in = chain->image;
	VipsImage *out = NULL;
	VipsInterpretation now, want;

	if (vips_image_get_typeof(in, VIPS_META_ICC_NAME) && vips_image_get_coding(in) == VIPS_CODING_NONE && !to_srgb(in, &out)) {
		pictor_push(chain, out);
		in = out;
	}
	now = vips_image_guess_interpretation(in);
	want = now == VIPS_INTERPRETATION_B_W || now == VIPS_INTERPRETATION_GREY16
		? VIPS_INTERPRETATION_B_W
		: VIPS_INTERPRETATION_sRGB;
	if (now != want || vips_image_get_format(in) != VIPS_FORMAT_UCHAR) {
		if (vips_colourspace(in, &out, want, "source_space", now, NULL))
			return PICTOR_BROKEN;
		pictor_push(chain, out);
	}
	return PICTOR_OK;
}
