#ifndef PICTOR_REDUCE_H
#define PICTOR_REDUCE_H

#include "pipeline.h"

// PICTOR_MAX_BANDS is how many bands a reduction takes.
#define PICTOR_MAX_BANDS 4

// Weights are 14-bit fractions, and rows between the two directions have six bits
// after the point: a sum of an axis fits into 32 bits, and a row into 16.
#define WEIGHT_BITS 14
#define ROW_BITS 6
#define WEIGHT_ONE (1 << WEIGHT_BITS)

// PictorAxis says what each pixel of the result is made of in one direction.
typedef struct {
	int taps;        // pixels of the input for one of the result, even
	int *first;      // the first of them, which may lie outside of the input
	gint16 *weights; // of the taps of each pixel, one after the other
} PictorAxis;

// pictor_reduce_down makes one row of n samples from as many as there are taps.
void pictor_reduce_down(gint16 *out, const VipsPel *const *in, const gint16 *weights, int taps, int n);
// pictor_reduce_across makes n pixels of a row. in is the pixel at which the taps of
// the first one begin, and has three samples to spare at its end.
void pictor_reduce_across(VipsPel *out, const gint16 *in, const PictorAxis *axis, int start, int n, int bands);
// pictor_multiply_alpha gives n pixels of two or four bands the samples of 16 bits that the two
// functions below take: each multiplied by alpha, which is the last and is multiplied by 255.
void pictor_multiply_alpha(guint16 *out, const VipsPel *in, int n, int bands);
// pictor_reduce_multiplied_down is pictor_reduce_down for such samples.
void pictor_reduce_multiplied_down(gint16 *out, const guint16 *const *in, const gint16 *weights, int taps, int n);
// pictor_reduce_multiplied_across is pictor_reduce_across for their rows. It divides by alpha.
void pictor_reduce_multiplied_across(VipsPel *out, const gint16 *in, const PictorAxis *axis, int start, int n,
	int bands);

#endif
