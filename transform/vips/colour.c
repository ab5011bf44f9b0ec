#include "pipeline.h"

// to_srgb goes through the embedded profile. A profile that lcms cannot use
// is common in the wild: such a picture is taken for sRGB, as browsers do.
static void
to_srgb(PictorChain *chain)
{
	VipsImage *out = NULL;
	int depth = chain->job->deep ? 16 : 8;

	if (!vips_icc_transform(chain->image, &out, "srgb", "embedded", TRUE, "intent", VIPS_INTENT_PERCEPTUAL, "depth", depth, NULL)) {
		pictor_push(chain, out);
		chain->converted = TRUE;
		return;
	}
	vips_error_clear();
}

static gboolean
is_grey(VipsInterpretation space)
{
	return space == VIPS_INTERPRETATION_B_W || space == VIPS_INTERPRETATION_GREY16;
}

static gboolean
is_rgb(VipsInterpretation space)
{
	return space == VIPS_INTERPRETATION_sRGB || space == VIPS_INTERPRETATION_RGB16 || space == VIPS_INTERPRETATION_RGB;
}

// pictor_colour brings the picture to sRGB or grey, with or without alpha, in
// samples of 8 bits, or 16 where they are to be kept. It comes before the
// resize, on what the decoder has already reduced. A profile that is kept
// leaves the colours as they are, but for inks: those become sRGB always.
int
pictor_colour(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	VipsInterpretation now = vips_image_guess_interpretation(chain->image);
	VipsInterpretation want;
	VipsBandFormat format = job->deep ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR;

	if (vips_image_get_typeof(chain->image, VIPS_META_ICC_NAME) && vips_image_get_coding(chain->image) == VIPS_CODING_NONE &&
			!(job->keep_profile && (is_grey(now) || is_rgb(now))))
		to_srgb(chain);
	now = vips_image_guess_interpretation(chain->image);
	if (is_grey(now))
		want = job->deep ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_B_W;
	else
		want = job->deep ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_sRGB;
	if (now != want || vips_image_get_format(chain->image) != format)
		PICTOR_DO(chain, vips_colourspace(chain->image, &out, want, "source_space", now, NULL));
	if (vips_image_get_format(chain->image) != format)
		PICTOR_DO(chain, vips_cast(chain->image, &out, format, NULL));
	return PICTOR_OK;
}
