#include <math.h>

#include "pipeline.h"

// A shape: an ellipse over the whole, or a rectangle with round corners, of
// which a circle is one.
typedef struct {
	double left, top, right, bottom;
	double radius;
	int ellipse;
} Shape;

// coverage_at is how much of a pixel lies inside of the shape, 0 to 1: by its
// middle's distance from the edge, which is right to a few per cent and what
// edges need to be smooth.
static double
coverage_at(const Shape *s, double x, double y)
{
	double dx, dy, distance;

	if (s->ellipse) {
		double a = (s->right - s->left) / 2;
		double b = (s->bottom - s->top) / 2;
		double u = (x - s->left) / a - 1;
		double v = (y - s->top) / b - 1;
		double r = hypot(u, v);
		double slope = hypot(u / a, v / b);

		if (r == 0)
			return 1;
		distance = (r - 1) * r / slope; // the first step of Newton's way to the edge
	}
	else {
		dx = fmax(fmax(s->left + s->radius - x, x - (s->right - s->radius)), 0);
		dy = fmax(fmax(s->top + s->radius - y, y - (s->bottom - s->radius)), 0);
		// In a corner the distance is the arc's, else that of the side.
		if (dx > 0 && dy > 0)
			distance = hypot(dx, dy) - s->radius;
		else
			distance = fmax(dx, dy) - s->radius;
	}
	return fmin(fmax(0.5 - distance, 0), 1);
}

static int
generate_mask(VipsRegion *region, void *seq, void *a, void *b, gboolean *stop)
{
	const Shape *shape = a;
	const VipsRect *r = &region->valid;

	for (int y = 0; y < r->height; y++) {
		VipsPel *row = VIPS_REGION_ADDR(region, r->left, r->top + y);

		for (int x = 0; x < r->width; x++)
			row[x] = rint(255 * coverage_at(shape, r->left + x + 0.5, r->top + y + 0.5));
	}
	return 0;
}

static int
apply_shape(PictorChain *chain, const Shape *shape)
{
	VipsImage *picture, *alpha, *mask = vips_image_new();
	VipsBandFormat format;
	Shape *kept;
	int colours;

	if (pictor_ensure_alpha(chain))
		return PICTOR_BROKEN;
	picture = chain->image;
	format = vips_image_get_format(picture);
	colours = vips_image_get_bands(picture) - 1;
	pictor_append(chain, mask);
	kept = VIPS_NEW(mask, Shape); // lives as long as the mask
	*kept = *shape;
	vips_image_init_fields(mask, picture->Xsize, picture->Ysize, 1, VIPS_FORMAT_UCHAR, VIPS_CODING_NONE,
		VIPS_INTERPRETATION_B_W, 1, 1);
	if (vips_image_pipelinev(mask, VIPS_DEMAND_STYLE_THINSTRIP, NULL) ||
			vips_image_generate(mask, NULL, generate_mask, NULL, kept, NULL))
		return PICTOR_BROKEN;
	PICTOR_APPLY(chain, vips_extract_band(picture, &out, colours, NULL));
	PICTOR_APPLY(chain, vips_multiply(chain->image, mask, &out, NULL));
	PICTOR_APPLY(chain, vips_linear1(chain->image, &out, 1 / 255.0, 0, NULL));
	PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	alpha = chain->image;
	PICTOR_APPLY(chain, vips_extract_band(picture, &out, 0, "n", colours, NULL));
	PICTOR_APPLY(chain, vips_bandjoin2(chain->image, alpha, &out, NULL));
	return PICTOR_OK;
}

// pictor_apply_mask cuts the result to a shape, as CSS clips a border's radius:
// background and all. A format without transparency has the background there.
int
pictor_apply_mask(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	double w = chain->image->Xsize;
	double h = chain->image->Ysize;
	Shape shape = { 0, 0, w, h, job->radius, FALSE };

	if (job->radius > 0 && apply_shape(chain, &shape))
		return PICTOR_BROKEN;
	if (job->mask == PICTOR_CIRCLE) {
		double r = fmin(w, h) / 2;
		shape = (Shape){ w / 2 - r, h / 2 - r, w / 2 + r, h / 2 + r, r, FALSE };
	}
	shape.ellipse = job->mask == PICTOR_ELLIPSE;
	if (job->mask != PICTOR_NO_MASK && apply_shape(chain, &shape))
		return PICTOR_BROKEN;
	if (job->format == PICTOR_JPEG)
		return pictor_fill_background(chain);
	return PICTOR_OK;
}
