#include "pipeline.h"

// JPEG has no alpha: what is transparent becomes white.
static int
flatten(PictorChain *chain)
{
	VipsArrayDouble *white;
	VipsImage *out = NULL;
	int failed;

	if (chain->job->format != PICTOR_JPEG || !vips_image_hasalpha(chain->image))
		return PICTOR_OK;
	white = vips_array_double_newv(1, 255.0);
	failed = vips_flatten(chain->image, &out, "background", white, NULL);
	vips_area_unref(VIPS_AREA(white));
	if (failed)
		return PICTOR_BROKEN;
	pictor_push(chain, out);
	return PICTOR_OK;
}

// clean_metadata drops what is no longer true: pixels are sRGB and upright
// now, whatever is kept besides.
static int
clean_metadata(PictorChain *chain)
{
	VipsImage *out = NULL;

	if (vips_copy(chain->image, &out, NULL))
		return PICTOR_BROKEN;
	pictor_push(chain, out);
	vips_image_remove(out, VIPS_META_ICC_NAME);
	if (chain->job->angle || chain->job->flip)
		vips_image_remove(out, VIPS_META_ORIENTATION);
	return PICTOR_OK;
}

int
pictor_encode(PictorChain *chain, PictorResult *result)
{
	const PictorJob *job = chain->job;
	int q = job->quality;
	int failed;
	VipsImage *in;

	if (flatten(chain) || clean_metadata(chain))
		return PICTOR_BROKEN;
	in = chain->image;
	result->width = in->Xsize;
	result->height = in->Ysize;

#define STRIP "strip", !job->keep_metadata
	switch (job->format) {
	case PICTOR_JPEG:
		failed = vips_jpegsave_buffer(in, &result->body, &result->size, STRIP, "Q", q, "optimize_coding", TRUE, NULL);
		break;
	case PICTOR_PNG:
		failed = vips_pngsave_buffer(in, &result->body, &result->size, STRIP, NULL);
		break;
	case PICTOR_WEBP:
		failed = vips_webpsave_buffer(in, &result->body, &result->size, STRIP, "Q", q, NULL);
		break;
	case PICTOR_GIF:
		failed = vips_gifsave_buffer(in, &result->body, &result->size, STRIP, NULL);
		break;
	case PICTOR_AVIF:
		// Effort 1 of 9: five times faster than the default for a few
		// per cent of size.
		failed = vips_heifsave_buffer(in, &result->body, &result->size, STRIP, "Q", q,
			"compression", VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "bitdepth", 8, "effort", 1, NULL);
		break;
	default:
		return PICTOR_INTERNAL;
	}
#undef STRIP
	return failed ? PICTOR_BROKEN : PICTOR_OK;
}
