#include <string.h>

#include "score.h"

// DSSIM is (1 - SSIM) / 2, as imgproxy Pro has it: 0 of equal images, 1 at most. SSIM (Wang, Bovik, Sheikh, Simoncelli,
// 2004) is of encoded luma (ITU-R BT.601), the mean of all pixels.

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
	return count > 0 ? (1 - levels[0].sums[0][0] / ((double) levels[0].width * levels[0].height)) / 2 : 0;
}

const PictorMetric pictor_dssim = { 1, 1, begin_in_luma, as_it_is, compare_luma, finish_dssim };
