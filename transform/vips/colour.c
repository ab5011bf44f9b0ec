#include <string.h>

#include "pipeline.h"

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

// profile_is compares a signature of the profile's header (ICC.1:2022 §7.2):
// the class of the profile is at 12, the colour space of its samples at 16.
static gboolean
profile_is(VipsImage *image, size_t at, const char *signature)
{
	const void *profile;
	size_t size;

	return !vips_image_get_blob(image, VIPS_META_ICC_NAME, &profile, &size) && size >= 128 &&
		memcmp((const char *) profile + at, signature, 4) == 0;
}

// profile_fits says whether the profile describes samples as the image has
// them. libvips would also use a profile with fewer bands than the image, and
// copy the others as if they were alpha.
static gboolean
profile_fits(VipsImage *image)
{
	VipsInterpretation now = vips_image_guess_interpretation(image);

	if (profile_is(image, 12, "link") || profile_is(image, 12, "abst") || profile_is(image, 12, "nmcl"))
		return FALSE;
	if (is_grey(now))
		return profile_is(image, 16, "GRAY");
	if (is_rgb(now))
		return profile_is(image, 16, "RGB ");
	return now == VIPS_INTERPRETATION_CMYK && profile_is(image, 16, "CMYK");
}

static int
drop_profile(PictorChain *chain)
{
	PICTOR_APPLY(chain, vips_copy(chain->image, &out, NULL));
	vips_image_remove(chain->image, VIPS_META_ICC_NAME);
	return PICTOR_OK;
}

// choose_profile drops a profile that does not fit. A grey AVIF is decoded to
// three equal bands: for a grey profile one of them is taken.
static int
choose_profile(PictorChain *chain)
{
	int bands = vips_image_get_bands(chain->image);

	if (!vips_image_get_typeof(chain->image, VIPS_META_ICC_NAME))
		return PICTOR_OK;
	if (chain->source_grey && bands >= 3 && profile_is(chain->image, 16, "GRAY")) {
		VipsImage *image = chain->image;
		VipsInterpretation grey = vips_image_get_format(image) == VIPS_FORMAT_USHORT
			? VIPS_INTERPRETATION_GREY16
			: VIPS_INTERPRETATION_B_W;

		PICTOR_APPLY(chain, vips_extract_band(image, &out, 0, NULL));
		if (bands > 3) {
			VipsImage *one = chain->image;
			PICTOR_APPLY(chain, vips_extract_band(image, &out, 3, NULL));
			PICTOR_APPLY(chain, vips_bandjoin2(one, chain->image, &out, NULL));
		}
		PICTOR_APPLY(chain, vips_copy(chain->image, &out, "interpretation", grey, NULL));
	}
	return profile_fits(chain->image) ? PICTOR_OK : drop_profile(chain);
}

// Profiles that lcms cannot use are common in the wild: such an image is taken for
// sRGB, as browsers do.
int
pictor_convert_to_srgb(PictorChain *chain)
{
	VipsImage *out = NULL;
	int depth = chain->job->deep ? 16 : 8;

	if (vips_icc_transform(chain->image, &out, "srgb", "embedded", TRUE,
			"intent", VIPS_INTENT_PERCEPTUAL, "depth", depth, NULL)) {
		vips_error_clear();
		return drop_profile(chain);
	}
	pictor_append(chain, out);
	chain->in_srgb = TRUE;
	return PICTOR_OK;
}

static VipsBandFormat
target_format(const PictorJob *job)
{
	return job->deep ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR;
}

// convert_samples brings the samples to sRGB or grey. A profile that is kept leaves
// the colours as they are, but for inks: those become sRGB always.
static int
convert_samples(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	VipsInterpretation now = vips_image_guess_interpretation(chain->image);
	VipsInterpretation want;
	VipsBandFormat format = target_format(job);

	if (vips_image_get_typeof(chain->image, VIPS_META_ICC_NAME) &&
			vips_image_get_coding(chain->image) == VIPS_CODING_NONE &&
			!(job->keep_profile && (is_grey(now) || is_rgb(now))) && pictor_convert_to_srgb(chain))
		return PICTOR_BROKEN;
	now = vips_image_guess_interpretation(chain->image);
	if (is_grey(now))
		want = job->deep ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_B_W;
	else
		want = job->deep ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_sRGB;
	if (now != want || vips_image_get_format(chain->image) != format) {
		VipsImage *before = chain->image;
		PICTOR_APPLY(chain, vips_colourspace(before, &out, want, "source_space", now, NULL));
		if (pictor_restore_profile(chain, before))
			return PICTOR_BROKEN;
	}
	if (vips_image_get_format(chain->image) != format)
		PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	return PICTOR_OK;
}

// max_alpha is the alpha of an opaque pixel. libvips shifts the ten or twelve
// bits of an AVIF to the upper end of sixteen.
static double
max_alpha(PictorChain *chain)
{
	if (vips_image_get_format(chain->image) != VIPS_FORMAT_USHORT)
		return 255;
	return 65536 - (1 << (16 - chain->source_bits));
}

// convert_alpha_apart is for an image whose alpha changes its scale: libvips before
// 8.16 does not scale the alpha beside a profile, and without one it cuts the lower
// byte off.
static int
convert_alpha_apart(PictorChain *chain)
{
	VipsImage *image = chain->image;
	VipsBandFormat format = target_format(chain->job);
	int colours = vips_image_get_bands(image) - 1;
	double to = format == VIPS_FORMAT_USHORT ? 65535 : 255;
	double by = to / max_alpha(chain);
	VipsImage *alpha;

	PICTOR_APPLY(chain, vips_extract_band(image, &out, colours, NULL));
	PICTOR_APPLY(chain, vips_linear1(chain->image, &out, by, 0.5, NULL));
	PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	alpha = chain->image;
	PICTOR_APPLY(chain, vips_extract_band(image, &out, 0, "n", colours, NULL));
	if (convert_samples(chain))
		return PICTOR_BROKEN;
	PICTOR_APPLY(chain, vips_bandjoin2(chain->image, alpha, &out, NULL));
	return PICTOR_OK;
}

// pictor_convert_colour brings the image to sRGB or grey, with or without alpha, in
// samples of 8 bits, or 16 where they are to be kept. It comes before the
// resize, on what the decoder has already reduced.
int
pictor_convert_colour(PictorChain *chain)
{
	if (chain->converted)
		return PICTOR_OK;
	if (chain->hdr && drop_profile(chain))
		return PICTOR_BROKEN;
	if (chain->hdr && !chain->job->keep_hdr)
		return pictor_map_tones(chain);
	if (choose_profile(chain))
		return PICTOR_BROKEN;
	if (vips_image_hasalpha(chain->image) &&
			(vips_image_get_format(chain->image) != target_format(chain->job) ||
				max_alpha(chain) != pictor_max_sample(chain)))
		return convert_alpha_apart(chain);
	return convert_samples(chain);
}
