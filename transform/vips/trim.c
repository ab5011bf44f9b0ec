#include "pipeline.h"

// The search for a border of one colour. It is a job of its own, before the
// geometry of a result can be planned.

// flatten_on_magenta makes transparency a colour that borders rarely have.
static int
flatten_on_magenta(PictorChain *chain)
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
	pictor_append(chain, out);
	return PICTOR_OK;
}

// open_for_trim gives the image as the search sees it: in colour, without alpha.
static int
open_for_trim(PictorChain *chain)
{
	int status = pictor_load(chain, &chain->job->source);

	if (!status)
		status = pictor_convert_colour(chain);
	if (!status)
		status = pictor_ensure_rgb(chain);
	if (!status)
		status = flatten_on_magenta(chain);
	return status;
}

// read_corner_colour gives the colour of the pixel at the left top, or at the right
// bottom. It reads the source by itself, because the search begins at the first
// row again.
static int
read_corner_colour(const PictorJob *job, int last, double colour[3])
{
	PictorChain chain = { .job = job };
	double *first = NULL;
	int n = 0;
	int status = open_for_trim(&chain);

	if (!status) {
		int x = last ? chain.image->Xsize - 1 : 0;
		int y = last ? chain.image->Ysize - 1 : 0;

		if (pictor_read_past_rows(&chain, y) || vips_getpoint(chain.image, &first, &n, x, y, NULL) || n != 3)
			status = PICTOR_BROKEN;
	}
	for (int i = 0; !status && i < 3; i++)
		colour[i] = first[i];
	g_free(first);
	pictor_release_images(&chain);
	return status;
}

static int
find_content(PictorChain *chain, double threshold, const double colour[3], PictorRect *content)
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
pictor_find_trim(const PictorJob *job, double threshold, const double *given, int last, PictorRect *content)
{
	PictorChain chain = { .job = job };
	double colour[3];
	int status = PICTOR_OK;

	vips_error_clear();
	if (!given) {
		status = read_corner_colour(job, last, colour);
		given = colour;
	}
	if (!status)
		status = open_for_trim(&chain);
	if (!status)
		status = find_content(&chain, threshold, given, content);
	pictor_release_images(&chain);
	return status;
}
