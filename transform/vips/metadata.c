#include <string.h>

#include "pipeline.h"

static const char *const copyright[] = { "exif-ifd0-Copyright", "exif-ifd0-Artist" };

static gboolean
has_copyright(VipsImage *image)
{
	for (size_t i = 0; i < G_N_ELEMENTS(copyright); i++)
		if (vips_image_get_typeof(image, copyright[i]))
			return TRUE;
	return FALSE;
}

typedef struct {
	gboolean exif; // of it what is copyright
	gboolean left; // something is
} Kept;

static void *
remove_field(VipsImage *image, const char *name, GValue *value, void *data)
{
	Kept *kept = data;
	gboolean keep = strcmp(name, VIPS_META_ICC_NAME) == 0;

	if (kept->exif) {
		keep |= strcmp(name, VIPS_META_EXIF_NAME) == 0;
		for (size_t i = 0; i < G_N_ELEMENTS(copyright); i++)
			keep |= strcmp(name, copyright[i]) == 0;
	}
	if (keep)
		kept->left = TRUE;
	else if (strcmp(name, VIPS_META_SEQUENTIAL) != 0)
		vips_image_remove(image, name);
	return NULL;
}

// writes_grey says whether a grey image is written as one.
static gboolean
writes_grey(const PictorJob *job)
{
	return job->format == PICTOR_JPEG || job->format == PICTOR_JXL ||
		(job->format == PICTOR_PNG && job->palette_bits == 0);
}

// pictor_filter_metadata drops what is not asked for, and what is no longer true:
// pixels are upright now, and in sRGB unless their profile is kept.
int
pictor_filter_metadata(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	gboolean profile;
	VipsImage *image;
	Kept kept = { FALSE, FALSE };

	// What is written in RGB cannot have a profile of grey.
	if (!writes_grey(job) && vips_image_get_typeof(chain->image, VIPS_META_ICC_NAME) && pictor_ensure_rgb(chain))
		return PICTOR_BROKEN;
	profile = job->keep_profile && !chain->in_srgb;
	PICTOR_APPLY(chain, vips_copy(chain->image, &out, NULL));
	image = chain->image;
	if (!profile)
		vips_image_remove(image, VIPS_META_ICC_NAME);
	if (job->turned)
		vips_autorot_remove_angle(image);
	if (!job->keep_metadata) {
		kept.exif = job->keep_copyright && has_copyright(image);
		vips_image_map(image, remove_field, &kept);
	}
	if (job->xmp_size > 0) {
		vips_image_set_blob_copy(image, VIPS_META_XMP_NAME, job->xmp, job->xmp_size);
		kept.left = TRUE;
	}
	if (job->iptc_size > 0) {
		vips_image_set_blob_copy(image, VIPS_META_IPTC_NAME, job->iptc, job->iptc_size);
		kept.left = TRUE;
	}
	// Told to strip, encoders do not make up an EXIF of their own.
	chain->strip = !job->keep_metadata && !kept.left;
	return PICTOR_OK;
}
