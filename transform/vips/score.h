// How like two images of one size are. Rows go in from the top and none are kept: a score takes memory by the width
// of the images alone.

#ifndef PICTOR_SCORE_H
#define PICTOR_SCORE_H

#include "pipeline.h"

// The numbers are those of transform.Method.
enum { PICTOR_BY_SIZE = 1, PICTOR_BY_DSSIM, PICTOR_BY_SSIMULACRA2 };

// The window of all means: 9 samples, of a standard deviation of 1.5.
#define SCORE_REACH 4
#define SCORE_TAPS (2 * SCORE_REACH + 1)
// The means that are compared: of both images, of their squares, and of their product.
enum { MEAN_1, MEAN_2, SQUARE_1, SQUARE_2, PRODUCT, SCORE_MEANS };

// Images with a smaller side have no means to speak of.
#define SCORE_LEAST_SIDE 8
#define SCORE_LEVELS 6
#define SCORE_CHANNELS 3
// Per channel and level: two norms of three kinds of difference. DSSIM has the first one alone.
#define SCORE_SUMS 6
// Sums of floats are kept in so many parts, so that the compiler can add them at once.
#define SCORE_LANES 8

// Rows of floats on one scale.
typedef struct {
	int width, height;
	int taken; // rows that came in
	int given; // rows that were compared
	float *above[2][SCORE_CHANNELS]; // the last row that came in, as it came: it is halved with the next one
	float *sample[2][SCORE_CHANNELS][SCORE_TAPS]; // rows as they are compared
	float *across[SCORE_CHANNELS][SCORE_MEANS][SCORE_TAPS]; // means of their neighbours beside each other
	double sums[SCORE_CHANNELS][SCORE_SUMS];
} PictorLevel;

// How samples become what is compared, and what is made of the sums.
typedef struct {
	int channels;
	int levels; // at the most
	// begin turns a row of encoded RGB, 0 to 1 in steps of 1/4080, into rows that may be halved.
	void (*begin)(const guint16 *rgb, float *const *rows, int width);
	// convert turns such rows into what is compared.
	void (*convert)(float *const *rows, float *const *samples, int width);
	// compare adds to the sums of a channel what a row differs by.
	void (*compare)(const float *first, const float *second, float *const *means, double *sums, int width);
	double (*finish)(const PictorLevel *levels, int count);
} PictorMetric;

extern const PictorMetric pictor_ssimulacra2;
extern const PictorMetric pictor_dssim;

// pictor_score compares a result with its original, which lies in memory: by SSIMULACRA2 up to 100, by DSSIM from 0
// to 1. Of images that let something shine through the worse of two scores counts, on a dark and on a bright ground.
// Sides of under 8 pixels are too small to be compared: it gives the score of equal images.
int pictor_score(VipsImage *original, VipsImage *result, int method, double *score);

#endif
