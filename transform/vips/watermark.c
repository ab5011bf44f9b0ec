#include "pipeline.h"

// fade_mark multiplies the mark's alpha.
static int
fade_mark(PictorChain *mark, double opacity)
{
	VipsBandFormat format = vips_image_get_format(mark->image);
	double a[4] = { 1, 1, 1, opacity }, b[4] = { 0 };

	if (opacity >= 1)
		return PICTOR_OK;
	PICTOR_APPLY(mark, vips_linear(mark->image, &out, a, b, 4, NULL));
	PICTOR_APPLY(mark, vips_cast(mark->image, &out, format, NULL));
	return PICTOR_OK;
}

// replicate_mark covers the result with copies, one of them in its middle, half a
// gap around each.
static int
replicate_mark(PictorChain *mark, const PictorJob *job)
{
	int width = mark->image->Xsize + job->mark_gap_x;
	int height = mark->image->Ysize + job->mark_gap_y;
	int across = (job->width + width - 1) / width | 1;
	int down = (job->height + height - 1) / height | 1;
	PictorRect middle;

	PICTOR_APPLY(mark, vips_embed(mark->image, &out, job->mark_gap_x / 2, job->mark_gap_y / 2, width, height,
		"extend", VIPS_EXTEND_BLACK, NULL));
	PICTOR_APPLY(mark, vips_replicate(mark->image, &out, across, down, NULL));
	middle.left = (mark->image->Xsize - job->width) / 2;
	middle.top = (mark->image->Ysize - job->height) / 2;
	middle.width = job->width;
	middle.height = job->height;
	return pictor_extract_area(mark, middle);
}

static int
resize_mark(PictorChain *mark, int width, int height)
{
	PictorWindow whole = { 0, 0, mark->image->Xsize, mark->image->Ysize };

	return pictor_resize(mark, whole, width, height);
}

// prepare_mark gives the mark in its size, with alpha, in memory.
static int
prepare_mark(PictorChain *mark)
{
	const PictorJob *job = mark->job;
	int status = pictor_load(mark, &job->mark);

	if (!status)
		status = pictor_convert_colour(mark);
	if (!status)
		status = pictor_ensure_rgb(mark);
	if (!status)
		status = pictor_ensure_alpha(mark);
	if (!status)
		status = resize_mark(mark, job->mark_width, job->mark_height);
	if (!status)
		status = fade_mark(mark, job->mark_opacity);
	if (!status)
		status = pictor_copy_to_memory(mark);
	if (!status && job->mark_replicate)
		status = replicate_mark(mark, job);
	return status;
}

// take_mark appends the mark, which is made once for all frames of an animation.
static int
take_mark(PictorChain *chain)
{
	PictorKept *kept = chain->kept;
	int status;

	if (kept && kept->mark) {
		pictor_append(chain, g_object_ref(kept->mark));
		return PICTOR_OK;
	}
	status = prepare_mark(chain);
	if (!status && kept)
		status = pictor_copy_to_memory(chain);
	if (!status && kept)
		kept->mark = g_object_ref(chain->image);
	return status;
}

static int
blend_mark(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	VipsBandFormat format;
	VipsInterpretation space;
	VipsImage *picture, *mark;
	gboolean alpha;

	picture = chain->image;
	alpha = vips_image_hasalpha(picture);
	format = vips_image_get_format(picture);
	space = vips_image_guess_interpretation(picture);
	if (take_mark(chain))
		return PICTOR_BROKEN;
	mark = chain->image;
	PICTOR_APPLY(chain, vips_composite2(picture, mark, &out, VIPS_BLEND_MODE_OVER,
		"x", job->mark_left, "y", job->mark_top, "compositing_space", space, NULL));
	PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	if (!alpha)
		PICTOR_APPLY(chain, vips_extract_band(chain->image, &out, 0, "n", 3, NULL));
	return PICTOR_OK;
}

// pictor_overlay_watermark lays the mark over the image. Both are read from the top
// to the bottom, the mark from memory.
int
pictor_overlay_watermark(PictorChain *chain)
{
	int random_access, in_srgb, status;
	const PictorHDR *hdr;

	if (!chain->job->mark.bytes)
		return PICTOR_OK;
	if (pictor_ensure_rgb(chain))
		return PICTOR_BROKEN;
	random_access = chain->random_access;
	in_srgb = chain->in_srgb;
	hdr = chain->hdr;
	status = blend_mark(chain);
	chain->random_access = random_access; // these are of the image
	chain->in_srgb = in_srgb;
	chain->hdr = hdr;
	return status;
}
