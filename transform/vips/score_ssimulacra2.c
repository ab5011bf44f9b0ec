#include <math.h>
#include <string.h>

#include "score.h"

// SSIMULACRA2 2.1 as its authors define it (Jon Sneyers, Cloudinary, 2023): colours as the eye's cones see them (XYB),
// on six scales; of each the structure, edges that were not there, and edges that are gone, by the mean and by the
// mean fourth power. The weights come from what people said of pictures; they are part of the definition.

enum { STRUCTURE, RINGING, BLUR, KINDS };

// For each channel, scale and norm those of the three kinds. With fewer scales they move up.
static const double weights[SCORE_CHANNELS * SCORE_LEVELS * SCORE_SUMS] = {
	0, 0.0007376606707, 0, 0, 0.0007793481683, 0,
	0, 0.000437115573, 0, 1.104172643, 0.0006628483413, 0.0001523163278,
	0, 0.001640643746, 0, 1.842245552, 11.4411726, 0,
	0.0007989109436, 0.0001768164381, 0, 1.878759498, 10.94906991, 0,
	0.0007289346992, 0.9677937081, 0, 0.0001400342429, 0.9981766978, 0.0003194975593,
	0.0004550992114, 0, 0, 0.001364876616, 0, 0,
	0, 0, 0, 7.466890328, 0, 17.44583398,
	0.0006235601634, 0, 0, 6.683678146, 0.0003772440798, 1.027889938,
	225.205153, 0, 0, 19.21323819, 0.001140152459, 0.001237755636,
	176.393176, 0, 0, 24.43301, 0.2852080261, 0.0004485436924,
	0, 0, 0, 34.77906344, 44.83562533, 0,
	0, 0, 0, 0, 0, 0,
	0, 0.0008680556573, 0, 0, 0, 0,
	0, 0.0005313191874, 0, 0.0001653381416, 0, 0,
	0, 0, 0, 0.0004179171803, 0.001729082823, 0,
	0.002082700585, 0, 0, 8.826982765, 23.19243344, 0,
	95.10804988, 0.9863978034, 0.9834382792, 0.001228640505, 171.2667256, 0.9807858872,
	0, 0, 0, 0.0005130064589, 0, 0.0001085405786,
};

// Light for each step of encoded samples.
#define STEPS (255 * 16 + 1)
static float light[STEPS];

static void
fill_light(void)
{
	for (int i = 0; i < STEPS; i++) {
		double v = i / (STEPS - 1.0);

		light[i] = v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4); // IEC 61966-2-1
	}
}

static void
begin_in_light(const guint16 *rgb, float *const *rows, int width)
{
	static gsize filled;

	if (g_once_init_enter(&filled)) {
		fill_light();
		g_once_init_leave(&filled, 1);
	}
	for (int c = 0; c < 3; c++)
		for (int x = 0; x < width; x++)
			rows[c][x] = light[rgb[3 * x + c]];
}

// What the eye adds to all light.
#define BIAS 0.0037930732552754493f
#define BIAS_ROOT 0.15595420054f

// cube_root is of numbers from BIAS to 2: a third of the exponent, and Halley's step twice. It has no branch, so that
// the compiler can do some at once.
static inline float
cube_root(float v)
{
	gint32 bits;
	float y;

	memcpy(&bits, &v, sizeof bits);
	bits = (gint32) (bits * (1.0f / 3)) + 709921077;
	memcpy(&y, &bits, sizeof y);
	for (int i = 0; i < 2; i++) {
		float cube = y * y * y;

		y *= (cube + 2 * v) / (2 * cube + v);
	}
	return y;
}

// cones makes XYB of linear light, each about 0 to 1.
static void
cones(float *const *rows, float *const *samples, int width)
{
	const float *restrict red = rows[0], *restrict green = rows[1], *restrict blue = rows[2];
	float *restrict x_out = samples[0], *restrict y_out = samples[1], *restrict b_out = samples[2];

	for (int x = 0; x < width; x++) {
		float r = red[x], g = green[x], b = blue[x];
		float l = cube_root(0.3f * r + 0.622f * g + 0.078f * b + BIAS) - BIAS_ROOT;
		float m = cube_root(0.23f * r + 0.692f * g + 0.078f * b + BIAS) - BIAS_ROOT;
		float s = cube_root(0.24342268924547819f * r + 0.20476744424496821f * g + 0.55180986650955360f * b + BIAS) -
			BIAS_ROOT;
		float luma = 0.5f * (l + m);

		x_out[x] = 7 * (l - m) + 0.42f;
		y_out[x] = luma + 0.01f;
		b_out[x] = s - luma + 0.55f;
	}
}

// Structure may differ by so much without being seen.
#define SLACK 0.0009f

static inline float
squared(float v)
{
	return v * v;
}

static void
compare_cones(const float *first, const float *second, float *const *means, double *sums, int width)
{
	const float *restrict a = first, *restrict b = second, *restrict mean_a = means[MEAN_1],
		*restrict mean_b = means[MEAN_2], *restrict square_a = means[SQUARE_1], *restrict square_b = means[SQUARE_2],
		*restrict product = means[PRODUCT];
	float parts[2 * KINDS][SCORE_LANES] = { { 0 } };

	for (int x = 0; x < width; x += SCORE_LANES) {
		float values[KINDS][SCORE_LANES];

		// Rows are as long as whole lanes; behind the end both are the same.
		for (int i = 0; i < SCORE_LANES; i++) {
			float ma = mean_a[x + i], mb = mean_b[x + i];
			float spread = square_a[x + i] - ma * ma + (square_b[x + i] - mb * mb) + SLACK;
			float alike = (1 - squared(ma - mb)) * (2 * (product[x + i] - ma * mb) + SLACK) / spread;
			float edge = (1 + fabsf(b[x + i] - mb)) / (1 + fabsf(a[x + i] - ma)) - 1;

			values[STRUCTURE][i] = alike < 1 ? 1 - alike : 0;
			values[RINGING][i] = edge > 0 ? edge : 0;
			values[BLUR][i] = edge < 0 ? -edge : 0;
		}
		for (int kind = 0; kind < KINDS; kind++)
			for (int i = 0; i < SCORE_LANES; i++) {
				parts[kind][i] += values[kind][i];
				parts[KINDS + kind][i] += squared(squared(values[kind][i]));
			}
	}
	for (int k = 0; k < 2 * KINDS; k++)
		for (int i = 0; i < SCORE_LANES; i++)
			sums[k] += parts[k][i];
}

static double
finish_ssimulacra2(const PictorLevel *levels, int count)
{
	const double *weight = weights;
	double sum = 0;

	for (int c = 0; c < SCORE_CHANNELS; c++)
		for (int i = 0; i < count; i++) {
			const PictorLevel *level = &levels[i];
			double pixels = (double) level->width * level->height;

			for (int kind = 0; kind < KINDS; kind++)
				sum += *weight++ * level->sums[c][kind] / pixels;
			for (int kind = 0; kind < KINDS; kind++)
				sum += *weight++ * sqrt(sqrt(level->sums[c][KINDS + kind] / pixels));
		}
	// To the scale of what people said, of which 100 is no difference.
	sum *= 0.9562382616834844;
	sum = 2.326765642916932 * sum - 0.020884521182843837 * sum * sum + 6.248496625763138e-05 * sum * sum * sum;
	return sum > 0 ? 100 - 10 * pow(sum, 0.6276336467831387) : 100;
}

const PictorMetric pictor_ssimulacra2 = { 3, SCORE_LEVELS, begin_in_light, cones, compare_cones, finish_ssimulacra2 };
