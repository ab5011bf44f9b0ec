#include "pipeline.h"

static int
opaque(PictorChain *chain)
{
	VipsArrayDouble *magenta;
	VipsImage *out = NULL;
	int failed;

	if (!vips_image_hasalpha(chain->image))
		return PICTOR_OK;
	magenta = vips_array_double_newv(3, 255.0, 0.0, 255.0);
	failed = vips_flatten(chain->image, &out, "background", magenta, NULL);
	vips_area_unref(VIPS_AREA(magenta));
	if (failed)
		return PICTOR_BROKEN;
	pictor_push(chain, out);
	return PICTOR_OK;
}

// open gives the picture as find sees it: in colour, and without alpha.
static int
open_for_look(PictorChain *chain)
{
	int status = pictor_load(chain, &chain->job->source);

	if (!status)
		status = pictor_colour(chain);
	if (!status)
		status = pictor_rgb(chain);
	if (!status)
		status = opaque(chain);
	return status;
}

static void
drop(PictorChain *chain)
{
	while (chain->count > 0)
		g_object_unref(chain->made[--chain->count]);
}

// corner is the colour of the left top pixel, or of the right bottom one. It is a reading of its own: the
// search begins at the first row again.
static int
corner(const PictorJob *job, int last, double colour[3])
{
	PictorChain chain = { .job = job };
	double *first = NULL;
	int n = 0;
	int status = open_for_look(&chain);

	if (!status) {
		int x = last ? chain.image->Xsize - 1 : 0;
		int y = last ? chain.image->Ysize - 1 : 0;

		if (pictor_skip(&chain, y) || vips_getpoint(chain.image, &first, &n, x, y, NULL) || n != 3)
			status = PICTOR_BROKEN;
	}
	for (int i = 0; !status && i < 3; i++)
		colour[i] = first[i];
	g_free(first);
	drop(&chain);
	return status;
}

static int
find(PictorChain *chain, double threshold, const double colour[3], PictorRect *content)
{
	VipsArrayDouble *border;
	int failed;

	// The search smooths over squares of three pixels: there is none.
	if (chain->image->Xsize < 3 || chain->image->Ysize < 3) {
		*content = (PictorRect){ 0, 0, chain->image->Xsize, chain->image->Ysize };
		return PICTOR_OK;
	}
	border = vips_array_double_new(colour, 3);
	failed = vips_find_trim(chain->image, &content->left, &content->top, &content->width, &content->height,
		"background", border, "threshold", threshold, NULL);

	vips_area_unref(VIPS_AREA(border));
	return failed ? PICTOR_BROKEN : PICTOR_OK;
}

int
pictor_look(const PictorJob *job, double threshold, const double *given, int last, PictorRect *content)
{
	PictorChain chain = { .job = job };
	double colour[3];
	int status = PICTOR_OK;

	vips_error_clear();
	if (!given) {
		status = corner(job, last, colour);
		given = colour;
	}
	if (!status)
		status = open_for_look(&chain);
	if (!status)
		status = find(&chain, threshold, given, content);
	drop(&chain);
	return status;
}
