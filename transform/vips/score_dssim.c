#include <string.h>

#include "score.h"

// DSSIM is 1/SSIM - 1. SSIM (Wang, Bovik, Sheikh, Simoncelli, 2004) is of encoded luma (ITU-R BT.601), the mean of all
// pixels on each of five scales, and of these the mean by the weights of Wang, Simoncelli and Bovik (2003).

#define SCALES 5
static const double weights[SCALES] = { 0.0448, 0.2856, 0.3001, 0.2363, 0.1333 };

// (K1 L)^2 and (K2 L)^2 of samples up to 1.
#define LIGHT_SLACK 0.0001f
#define SPREAD_SLACK 0.0009f

static void
begin_in_luma(const guint16 *rgb, float *const *rows, int width)
{
	const float most = 255 * 16;

	for (int x = 0; x < width; x++)
		rows[0][x] = (0.299f * rgb[3 * x] + 0.587f * rgb[3 * x + 1] + 0.114f * rgb[3 * x + 2]) / most;
}

static void
as_it_is(float *const *rows, float *const *samples, int width)
{
	memcpy(samples[0], rows[0], width * sizeof(float));
}

static void
compare_luma(const float *first, const float *second, float *const *means, double *sums, int width)
{
	const float *restrict mean_a = means[MEAN_1], *restrict mean_b = means[MEAN_2],
		*restrict square_a = means[SQUARE_1], *restrict square_b = means[SQUARE_2],
		*restrict product = means[PRODUCT];
	double sum = 0;

	for (int x = 0; x < width; x++) {
		float a = mean_a[x], b = mean_b[x], both = a * b;
		float light = (2 * both + LIGHT_SLACK) / (a * a + b * b + LIGHT_SLACK);
		float structure = (2 * (product[x] - both) + SPREAD_SLACK) /
			(square_a[x] - a * a + square_b[x] - b * b + SPREAD_SLACK);

		sum += light * structure;
	}
	sums[0] += sum;
}

static double
finish_dssim(const PictorLevel *levels, int count)
{
	double sum = 0, all = 0;

	for (int i = 0; i < VIPS_MIN(count, SCALES); i++) {
		sum += weights[i] * levels[i].sums[0][0] / ((double) levels[i].width * levels[i].height);
		all += weights[i];
	}
	if (all == 0)
		return 0;
	// Less than no likeness is none.
	return sum > 0.001 * all ? all / sum - 1 : 999;
}

const PictorMetric pictor_dssim = { 1, begin_in_luma, as_it_is, compare_luma, finish_dssim };
