// Reduction of 8-bit images by Lanczos3. libvips 8.14 does the same in two steps,
// the vertical one with weights of six bits, the horizontal one without vector
// instructions: that took a third of the time of a small JPEG. Images with alpha it
// reduces in floats.

#include <math.h>
#include <string.h>

#include "reduce.h"

#define LOBES 3

// Rows are cached in groups as high as the strips that encoders ask for.
#define STRIP_HEIGHT 16

// libvips averages whole pixels before its resampler where more than this many fall
// on one pixel of the result.
#define AVERAGED_BELOW 2
#define MAX_TAPS (4 * AVERAGED_BELOW * LOBES)

typedef struct {
	PictorAxis across, down;
	int bands;
	gboolean multiplied; // samples have 16 bits and are multiplied by alpha
} Reduction;

// Sequence is the memory of one thread.
typedef struct {
	VipsRegion *input;
	gint16 *row;
	const VipsPel **sources;
} Sequence;

// lanczos is the kernel of three lobes. sin 3x is 3 sin x - 4 sin^3 x.
static double
lanczos(double x)
{
	double third = G_PI * x / LOBES;
	double s = sin(third);

	if (x == 0)
		return 1;
	if (fabs(x) >= LOBES)
		return 0;
	return s * s * (3 - 4 * s * s) / (LOBES * third * third);
}

// weigh gives the weights of the pixels from first on, with lobes so many pixels
// wide. Their sum is one, so that a plain area keeps its colour.
static void
weigh(gint16 *weights, int taps, double first, double centre, double wide)
{
	double exact[MAX_TAPS];
	double sum = 0;
	int rest = WEIGHT_ONE;
	int largest = 0;

	for (int k = 0; k < taps; k++)
		sum += exact[k] = lanczos((first + k - centre) / wide);
	for (int k = 0; k < taps; k++) {
		weights[k] = lrint(exact[k] / sum * WEIGHT_ONE);
		rest -= weights[k];
		if (weights[k] > weights[largest])
			largest = k;
	}
	weights[largest] += rest;
}

// plan_axis plans a result of so many pixels, made of the input from start on for
// length. The memory belongs to owner.
static int
plan_axis(PictorAxis *axis, VipsImage *owner, double start, double length, int size)
{
	double factor = length / size;
	double wide = VIPS_MAX(1, factor);
	double reach = LOBES * wide;

	axis->taps = 2 * ceil(reach);
	g_assert(axis->taps <= MAX_TAPS);
	axis->first = VIPS_ARRAY(owner, size, int);
	axis->weights = VIPS_ARRAY(owner, (size_t) size * axis->taps, gint16);
	if (!axis->first || !axis->weights)
		return -1;
	for (int i = 0; i < size; i++) {
		double centre = start + (i + 0.5) * factor - 0.5;

		axis->first[i] = (int) floor(centre - reach) + 1;
		weigh(axis->weights + (size_t) i * axis->taps, axis->taps, axis->first[i], centre, wide);
	}
	return 0;
}

// span is the range of input pixels for some pixels of the result.
static void
span(const PictorAxis *axis, int start, int length, int *from, int *to)
{
	*from = axis->first[start];
	*to = axis->first[start + length - 1] + axis->taps;
}

// repeat_edges fills in what lies outside of the input, by the outermost pixels of a
// row that has been made from one to the other.
static void
repeat_edges(gint16 *row, int bands, int from, int to, int width)
{
	for (int i = from * bands - 1; i >= 0; i--)
		row[i] = row[i + bands];
	for (int i = to * bands; i < width * bands; i++)
		row[i] = row[i - bands];
}

static void
reduce_row_down(const Reduction *reduction, gint16 *row, const VipsPel *const *sources, int y, int n)
{
	const PictorAxis *down = &reduction->down;
	const gint16 *weights = down->weights + (size_t) y * down->taps;

	if (reduction->multiplied)
		pictor_reduce_multiplied_down(row, (const guint16 *const *) sources, weights, down->taps, n);
	else
		pictor_reduce_down(row, sources, weights, down->taps, n);
}

static void
reduce_row_across(const Reduction *reduction, VipsPel *out, const gint16 *row, int start, int n)
{
	if (reduction->multiplied)
		pictor_reduce_multiplied_across(out, row, &reduction->across, start, n, reduction->bands);
	else
		pictor_reduce_across(out, row, &reduction->across, start, n, reduction->bands);
}

static int
generate_rows(VipsRegion *out, void *sequence, void *image, void *data, gboolean *stop)
{
	Sequence *of = sequence;
	VipsImage *in = image;
	const Reduction *reduction = data;
	const PictorAxis *down = &reduction->down;
	const VipsRect *r = &out->valid;
	int bands = reduction->bands;
	VipsRect all = { 0, 0, in->Xsize, in->Ysize };
	VipsRect need;
	int left, right, top, bottom;

	span(&reduction->across, r->left, r->width, &left, &right);
	span(down, r->top, r->height, &top, &bottom);
	need = (VipsRect) { left, top, right - left, bottom - top };
	vips_rect_intersectrect(&need, &all, &need);
	if (vips_region_prepare(of->input, &need))
		return -1;
	for (int y = r->top; y < VIPS_RECT_BOTTOM(r); y++) {
		int from = need.left - left;

		for (int k = 0; k < down->taps; k++) {
			int row = VIPS_CLIP(0, down->first[y] + k, in->Ysize - 1);
			of->sources[k] = VIPS_REGION_ADDR(of->input, need.left, row);
		}
		reduce_row_down(reduction, of->row + from * bands, of->sources, y, need.width * bands);
		repeat_edges(of->row, bands, from, from + need.width, right - left);
		reduce_row_across(reduction, VIPS_REGION_ADDR(out, r->left, y), of->row, r->left, r->width);
	}
	return 0;
}

static int
stop_sequence(void *sequence, void *image, void *data)
{
	Sequence *of = sequence;

	VIPS_UNREF(of->input);
	g_free(of->row);
	g_free(of->sources);
	g_free(of);
	return 0;
}

static void *
start_sequence(VipsImage *out, void *image, void *data)
{
	const Reduction *reduction = data;
	Sequence *of = g_new0(Sequence, 1);
	size_t samples;
	int left, right;

	span(&reduction->across, 0, out->Xsize, &left, &right);
	samples = (size_t) (right - left) * reduction->bands + PICTOR_MAX_BANDS;
	of->input = vips_region_new(image);
	of->row = vips_malloc(NULL, samples * sizeof *of->row);
	of->sources = vips_malloc(NULL, reduction->down.taps * sizeof *of->sources);
	if (!of->input || !of->row || !of->sources) {
		stop_sequence(of, image, data);
		return NULL;
	}
	memset(of->row, 0, samples * sizeof *of->row);
	return of;
}

// reduce_window makes an image of so many pixels from a part of another.
static int
reduce_window(VipsImage *in, VipsImage *out, PictorWindow from, int width, int height)
{
	Reduction *reduction = VIPS_NEW(out, Reduction);

	if (!reduction)
		return -1;
	reduction->bands = vips_image_get_bands(in);
	reduction->multiplied = vips_image_get_format(in) == VIPS_FORMAT_USHORT;
	if (plan_axis(&reduction->across, out, from.left, from.width, width) ||
			plan_axis(&reduction->down, out, from.top, from.height, height) ||
			vips_image_pipelinev(out, VIPS_DEMAND_STYLE_THINSTRIP, in, NULL))
		return -1;
	out->Xsize = width;
	out->Ysize = height;
	out->BandFmt = VIPS_FORMAT_UCHAR;
	return vips_image_generate(out, start_sequence, generate_rows, stop_sequence, in, reduction);
}

static int
generate_multiplied(VipsRegion *out, void *sequence, void *image, void *data, gboolean *stop)
{
	VipsRegion *in = sequence;
	const VipsRect *r = &out->valid;

	if (vips_region_prepare(in, r))
		return -1;
	for (int y = r->top; y < VIPS_RECT_BOTTOM(r); y++)
		pictor_multiply_alpha((guint16 *) VIPS_REGION_ADDR(out, r->left, y), VIPS_REGION_ADDR(in, r->left, y),
			r->width, vips_image_get_bands(in->im));
	return 0;
}

// multiply_alpha is for colours under transparent pixels, which must not bleed into their neighbours.
static int
multiply_alpha(PictorChain *chain)
{
	VipsImage *in = chain->image;
	VipsImage *out = vips_image_new();

	pictor_append(chain, out);
	if (vips_image_pipelinev(out, VIPS_DEMAND_STYLE_THINSTRIP, in, NULL))
		return PICTOR_BROKEN;
	out->BandFmt = VIPS_FORMAT_USHORT;
	if (vips_image_generate(out, vips_start_one, generate_multiplied, vips_stop_one, in, NULL))
		return PICTOR_BROKEN;
	return PICTOR_OK;
}

// pictor_reduce first averages whole pixels where there are many, as libvips does.
int
pictor_reduce(PictorChain *chain, PictorWindow from, int width, int height)
{
	int across = from.width / width / AVERAGED_BELOW;
	int down = from.height / height / AVERAGED_BELOW;
	VipsImage *in;

	if (vips_image_hasalpha(chain->image) && multiply_alpha(chain))
		return PICTOR_BROKEN;
	if (down > 1) {
		PICTOR_APPLY(chain, vips_shrinkv(chain->image, &out, down, "ceil", TRUE, NULL));
		from.top /= down;
		from.height /= down;
	}
	if (across > 1) {
		PICTOR_APPLY(chain, vips_shrinkh(chain->image, &out, across, "ceil", TRUE, NULL));
		from.left /= across;
		from.width /= across;
	}
	in = chain->image;
	pictor_append(chain, vips_image_new());
	if (reduce_window(in, chain->image, from, width, height))
		return PICTOR_BROKEN;
	// Steps after it may read rows twice, which the decoder cannot give again.
	if (vips_image_get_typeof(in, VIPS_META_SEQUENTIAL))
		PICTOR_APPLY(chain, vips_sequential(chain->image, &out, "tile_height", STRIP_HEIGHT, NULL));
	return PICTOR_OK;
}

gboolean
pictor_reduces(PictorChain *chain, PictorWindow from, int width, int height)
{
	const double hair = 0.99;
	VipsImage *image = chain->image;

	return vips_image_get_format(image) == VIPS_FORMAT_UCHAR && vips_image_get_coding(image) == VIPS_CODING_NONE &&
		vips_image_get_bands(image) <= PICTOR_MAX_BANDS && from.width >= hair * width && from.height >= hair * height;
}
