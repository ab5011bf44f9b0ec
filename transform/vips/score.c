#include <math.h>
#include <string.h>

#include "score.h"

// Rows that are decoded at a time.
#define STRIP 16
// The steps of a sample between two of eight bits, for what alpha makes of them.
#define FINE 16

// A Gauss function as sums of cosines have it (Charalampidis, "Recursive Implementation of the Gaussian Filter Using
// Truncated Cosine Functions", 2016), from its middle on. The reference of SSIMULACRA2 has this window, with nothing
// around the image.
static const float window[SCORE_REACH + 1] = {
	0.2646211054881986f, 0.21292859201042227f, 0.10933537277746035f, 0.03601111465836439f, 0.009414367809653733f
};

// A comparison that is under way.
typedef struct {
	const PictorMetric *metric;
	int count;
	PictorLevel levels[SCORE_LEVELS];
	float *memory;
	float *product; // a row with a reach of zeros at both ends
	float *means[SCORE_MEANS];
	float *halved[2][SCORE_CHANNELS];
	float *entering[2][SCORE_CHANNELS];
} PictorScorer;

// padded is the length of a row in whole lanes. What is behind the end of a row stays 0.
static int
padded(int width)
{
	return (width + SCORE_LANES - 1) / SCORE_LANES * SCORE_LANES;
}

// take_row takes the next row of some memory, or counts it where there is none yet.
static float *
take_row(float *memory, size_t *used, int width)
{
	float *row = memory ? memory + *used : NULL;

	*used += padded(width);
	return row;
}

static void
lay_out_level(PictorLevel *level, int channels, float *memory, size_t *used)
{
	for (int c = 0; c < channels; c++) {
		for (int side = 0; side < 2; side++) {
			level->above[side][c] = take_row(memory, used, level->width);
			for (int t = 0; t < SCORE_TAPS; t++)
				level->sample[side][c][t] = take_row(memory, used, level->width);
		}
		for (int m = 0; m < SCORE_MEANS; m++)
			for (int t = 0; t < SCORE_TAPS; t++)
				level->across[c][m][t] = take_row(memory, used, level->width);
	}
}

// lay_out gives every row its place in the memory. It gives the number of floats.
static size_t
lay_out(PictorScorer *scorer)
{
	float *memory = scorer->memory;
	int width = scorer->levels[0].width, channels = scorer->metric->channels;
	size_t used = 0;

	for (int i = 0; i < scorer->count; i++)
		lay_out_level(&scorer->levels[i], channels, memory, &used);
	scorer->product = take_row(memory, &used, width + 2 * SCORE_REACH);
	for (int m = 0; m < SCORE_MEANS; m++)
		scorer->means[m] = take_row(memory, &used, width);
	for (int side = 0; side < 2; side++)
		for (int c = 0; c < channels; c++) {
			scorer->entering[side][c] = take_row(memory, &used, width);
			scorer->halved[side][c] = take_row(memory, &used, width);
		}
	return used;
}

static void
open_scorer(PictorScorer *scorer, const PictorMetric *metric, int width, int height)
{
	memset(scorer, 0, sizeof *scorer);
	scorer->metric = metric;
	for (int i = 0; i < metric->levels && width >= SCORE_LEAST_SIDE && height >= SCORE_LEAST_SIDE; i++) {
		// The size before counts: what is halved once more may be smaller.
		if (i > 0) {
			width = (width + 1) / 2;
			height = (height + 1) / 2;
		}
		scorer->levels[i].width = width;
		scorer->levels[i].height = height;
		scorer->count++;
	}
	if (scorer->count > 0) {
		scorer->memory = g_new0(float, lay_out(scorer));
		lay_out(scorer);
	}
}

// blur_across makes the means of a row beside each other.
static void
blur_across(PictorScorer *scorer, const float *a, const float *b, float *restrict out, int width)
{
	float *restrict product = scorer->product;
	const float *in = product + SCORE_REACH;

	for (int x = 0; x < SCORE_REACH; x++)
		product[x] = product[width + SCORE_REACH + x] = 0;
	if (b)
		for (int x = 0; x < width; x++)
			product[SCORE_REACH + x] = a[x] * b[x];
	else
		memcpy(product + SCORE_REACH, a, width * sizeof(float));
	for (int x = 0; x < width; x++)
		out[x] = window[0] * in[x] + window[1] * (in[x - 1] + in[x + 1]) + window[2] * (in[x - 2] + in[x + 2]) +
			window[3] * (in[x - 3] + in[x + 3]) + window[4] * (in[x - 4] + in[x + 4]);
}

// blur_down makes the means around a row of what blur_across has made, and 0 behind its end.
static void
blur_down(const PictorLevel *level, float *const *rows, float *restrict out, int y)
{
	int width = padded(level->width);

	for (int x = 0; x < width; x++)
		out[x] = 0;
	for (int k = -SCORE_REACH; k <= SCORE_REACH; k++) {
		const float *restrict row;
		float by = window[ABS(k)];

		if (y + k < 0 || y + k >= level->height)
			continue;
		row = rows[(y + k) % SCORE_TAPS];
		for (int x = 0; x < width; x++)
			out[x] += by * row[x];
	}
}

static void
compare_row(PictorScorer *scorer, PictorLevel *level)
{
	int y = level->given++;

	for (int c = 0; c < scorer->metric->channels; c++) {
		for (int m = 0; m < SCORE_MEANS; m++)
			blur_down(level, level->across[c][m], scorer->means[m], y);
		scorer->metric->compare(level->sample[0][c][y % SCORE_TAPS], level->sample[1][c][y % SCORE_TAPS],
			scorer->means, level->sums[c], level->width);
	}
}

// halve makes one row of two, and one sample of two beside each other. Odd ends are repeated.
static void
halve(const float *restrict upper, const float *restrict lower, float *restrict out, int width)
{
	int whole = width / 2;

	for (int x = 0; x < whole; x++)
		out[x] = (upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1]) * 0.25f;
	if (width % 2)
		out[whole] = (upper[width - 1] + lower[width - 1]) * 0.5f;
}

static void
take_rows(PictorScorer *scorer, int i, float *const rows[2][SCORE_CHANNELS])
{
	PictorLevel *level = &scorer->levels[i];
	int y = level->taken++;
	int channels = scorer->metric->channels;
	float *samples[2][SCORE_CHANNELS];

	for (int side = 0; side < 2; side++) {
		for (int c = 0; c < channels; c++)
			samples[side][c] = level->sample[side][c][y % SCORE_TAPS];
		scorer->metric->convert(rows[side], samples[side], level->width);
	}
	for (int c = 0; c < channels; c++) {
		const float *a = samples[0][c], *b = samples[1][c];

#define ACROSS(mean, first, second) \
		blur_across(scorer, first, second, level->across[c][mean][y % SCORE_TAPS], level->width)
		ACROSS(MEAN_1, a, NULL);
		ACROSS(MEAN_2, b, NULL);
		ACROSS(SQUARE_1, a, a);
		ACROSS(SQUARE_2, b, b);
		ACROSS(PRODUCT, a, b);
#undef ACROSS
	}
	if (y >= SCORE_REACH)
		compare_row(scorer, level);
	while (level->taken == level->height && level->given < level->height)
		compare_row(scorer, level);
	if (i + 1 == scorer->count)
		return;
	if (y % 2 == 0 && y + 1 < level->height) {
		for (int side = 0; side < 2; side++)
			for (int c = 0; c < channels; c++)
				memcpy(level->above[side][c], rows[side][c], level->width * sizeof(float));
		return;
	}
	for (int side = 0; side < 2; side++)
		for (int c = 0; c < channels; c++)
			halve(y % 2 ? level->above[side][c] : rows[side][c], rows[side][c], scorer->halved[side][c],
				level->width);
	// A level uses its rows before it halves them, so that one place does for all levels but this.
	for (int side = 0; side < 2; side++)
		for (int c = 0; c < channels; c++)
			memcpy(scorer->entering[side][c], scorer->halved[side][c],
				scorer->levels[i + 1].width * sizeof(float));
	take_rows(scorer, i + 1, scorer->entering);
}

// Grounds that transparent images lie on, of 255.
static const double grounds[2] = { 25.5, 229.5 };

// read_row gives encoded RGB in steps of 1/FINE of those of eight bits.
static void
read_row(VipsRegion *region, int y, guint16 *rgb, gboolean alpha, double ground)
{
	const VipsImage *image = region->im;
	int bands = image->Bands, colours = bands < 3 ? 1 : 3, width = image->Xsize;
	int size = image->BandFmt == VIPS_FORMAT_USHORT ? 2 : 1;
	const VipsPel *p = VIPS_REGION_ADDR(region, 0, y);
	const guint8 *bytes = (const guint8 *) p;
	const guint16 *words = (const guint16 *) p;

#define SAMPLE(i) (size == 2 ? words[i] >> 8 : bytes[i])
	for (int x = 0; x < width; x++, rgb += 3) {
		int at = x * bands;

		for (int c = 0; c < 3; c++)
			rgb[c] = FINE * SAMPLE(at + (colours == 3 ? c : 0));
		if (alpha) {
			// An encoder may leave out an alpha that is full everywhere.
			double a = bands == 2 || bands > 3 ? SAMPLE(at + bands - 1) / 255.0 : 1;

			for (int c = 0; c < 3; c++)
				rgb[c] = a * rgb[c] + (1 - a) * FINE * ground + 0.5;
		}
	}
#undef SAMPLE
}

static int
compare_strips(VipsRegion *const *regions, PictorScorer *scorers, int grounds_used, guint16 *rgb)
{
	int width = regions[0]->im->Xsize, height = regions[0]->im->Ysize;

	for (int top = 0; top < height; top += STRIP) {
		VipsRect area = { 0, top, width, VIPS_MIN(STRIP, height - top) };

		if (vips_region_prepare(regions[0], &area) || vips_region_prepare(regions[1], &area))
			return PICTOR_BROKEN;
		for (int y = top; y < top + area.height; y++)
			for (int i = 0; i < grounds_used; i++) {
				PictorScorer *scorer = &scorers[i];

				for (int side = 0; side < 2; side++) {
					read_row(regions[side], y, rgb, grounds_used > 1, grounds[i]);
					scorer->metric->begin(rgb, scorer->entering[side], width);
				}
				// The first level keeps nothing in the rows that come in.
				take_rows(scorer, 0, scorer->entering);
			}
	}
	return PICTOR_OK;
}

static gboolean
comparable(const VipsImage *image)
{
	return image->BandFmt == VIPS_FORMAT_UCHAR || image->BandFmt == VIPS_FORMAT_USHORT;
}

int
pictor_score(VipsImage *original, VipsImage *result, int method, double *score)
{
	const PictorMetric *metric = method == PICTOR_BY_DSSIM ? &pictor_dssim : &pictor_ssimulacra2;
	int count = vips_image_hasalpha(original) ? 2 : 1;
	PictorScorer scorers[2];
	VipsRegion *regions[2];
	guint16 *rgb;
	int status;

	if (original->Xsize != result->Xsize || original->Ysize != result->Ysize)
		return PICTOR_MISMATCH;
	if (!comparable(original) || !comparable(result))
		return PICTOR_INTERNAL;
	for (int i = 0; i < count; i++)
		open_scorer(&scorers[i], metric, original->Xsize, original->Ysize);
	*score = metric->finish(scorers[0].levels, 0);
	if (scorers[0].count == 0)
		return PICTOR_OK;
	rgb = g_new(guint16, 3 * (size_t) original->Xsize);
	regions[0] = vips_region_new(original);
	regions[1] = vips_region_new(result);
	status = compare_strips(regions, scorers, count, rgb);
	for (int i = 0; i < count; i++) {
		double one = metric->finish(scorers[i].levels, scorers[i].count);

		if (i == 0 || (method == PICTOR_BY_DSSIM ? one > *score : one < *score))
			*score = one;
		g_free(scorers[i].memory);
	}
	g_object_unref(regions[0]);
	g_object_unref(regions[1]);
	g_free(rgb);
	return status;
}
