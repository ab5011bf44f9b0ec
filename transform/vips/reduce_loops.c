// The loops in which a reduction spends its time: each row of the result is made of rows of the
// input, and then its pixels of those beside each other.

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "reduce.h"

void
pictor_reduce_down(gint16 *out, const VipsPel *const *in, const gint16 *weights, int taps, int n)
{
	const int shift = WEIGHT_BITS - ROW_BITS;
	const int half = 1 << (shift - 1);
	int x = 0;

#ifdef __SSE2__
	const __m128i zero = _mm_setzero_si128();

	for (; x + 16 <= n; x += 16) {
		__m128i a = _mm_set1_epi32(half), b = a, c = a, d = a;

		for (int k = 0; k < taps; k += 2) {
			__m128i upper = _mm_loadu_si128((const __m128i *) (in[k] + x));
			__m128i lower = _mm_loadu_si128((const __m128i *) (in[k + 1] + x));
			__m128i left = _mm_unpacklo_epi8(upper, lower);
			__m128i right = _mm_unpackhi_epi8(upper, lower);
			gint32 pair;
			__m128i by;

			memcpy(&pair, weights + k, sizeof pair);
			by = _mm_set1_epi32(pair);
			a = _mm_add_epi32(a, _mm_madd_epi16(_mm_unpacklo_epi8(left, zero), by));
			b = _mm_add_epi32(b, _mm_madd_epi16(_mm_unpackhi_epi8(left, zero), by));
			c = _mm_add_epi32(c, _mm_madd_epi16(_mm_unpacklo_epi8(right, zero), by));
			d = _mm_add_epi32(d, _mm_madd_epi16(_mm_unpackhi_epi8(right, zero), by));
		}
		a = _mm_packs_epi32(_mm_srai_epi32(a, shift), _mm_srai_epi32(b, shift));
		c = _mm_packs_epi32(_mm_srai_epi32(c, shift), _mm_srai_epi32(d, shift));
		_mm_storeu_si128((__m128i *) (out + x), a);
		_mm_storeu_si128((__m128i *) (out + x + 8), c);
	}
#endif
	for (; x < n; x++) {
		int sum = half;

		for (int k = 0; k < taps; k++)
			sum += in[k][x] * weights[k];
		out[x] = VIPS_CLIP(G_MININT16, sum >> shift, G_MAXINT16);
	}
}

void
pictor_reduce_multiplied_down(gint16 *out, const guint16 *const *in, const gint16 *weights, int taps, int n)
{
	const int shift = WEIGHT_BITS + 8 - ROW_BITS;
	const int half = 1 << (shift - 1);
	int x = 0;

#ifdef __SSE2__
	// Products are signed: samples are brought around zero, and their sum back.
	const __m128i middle = _mm_set1_epi16(G_MININT16);
	const __m128i back = _mm_set1_epi16(1 << (15 + ROW_BITS - 8));

	for (; x + 8 <= n; x += 8) {
		__m128i a = _mm_set1_epi32(half), b = a;

		for (int k = 0; k < taps; k += 2) {
			__m128i upper = _mm_xor_si128(_mm_loadu_si128((const __m128i *) (in[k] + x)), middle);
			__m128i lower = _mm_xor_si128(_mm_loadu_si128((const __m128i *) (in[k + 1] + x)), middle);
			gint32 pair;
			__m128i by;

			memcpy(&pair, weights + k, sizeof pair);
			by = _mm_set1_epi32(pair);
			a = _mm_add_epi32(a, _mm_madd_epi16(_mm_unpacklo_epi16(upper, lower), by));
			b = _mm_add_epi32(b, _mm_madd_epi16(_mm_unpackhi_epi16(upper, lower), by));
		}
		a = _mm_packs_epi32(_mm_srai_epi32(a, shift), _mm_srai_epi32(b, shift));
		_mm_storeu_si128((__m128i *) (out + x), _mm_adds_epi16(a, back));
	}
#endif
	for (; x < n; x++) {
		int sum = half;

		for (int k = 0; k < taps; k++)
			sum += in[k][x] * weights[k];
		out[x] = sum >> shift;
	}
}

#ifdef __SSE2__
// sum_taps takes two taps at a time, with as many bands beside each other as there may be.
static inline __m128i
sum_taps(const gint16 *p, const gint16 *weights, int taps, const int bands)
{
	__m128i sum = _mm_setzero_si128();

	for (int k = 0; k < taps; k += 2, p += 2 * bands) {
		__m128i even = _mm_loadl_epi64((const __m128i *) p);
		__m128i odd = _mm_loadl_epi64((const __m128i *) (p + bands));
		gint32 pair;

		memcpy(&pair, weights + k, sizeof pair);
		sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_unpacklo_epi16(even, odd), _mm_set1_epi32(pair)));
	}
	return sum;
}
#endif

static inline void
reduce_across(VipsPel *out, const gint16 *in, const PictorAxis *axis, int start, int n, const int bands)
{
	const int shift = WEIGHT_BITS + ROW_BITS;
	const int half = 1 << (shift - 1);
	const int *first = axis->first + start;
	const gint16 *weights = axis->weights + (size_t) start * axis->taps;

	for (int x = 0; x < n; x++, weights += axis->taps, out += bands) {
		const gint16 *p = in + (first[x] - first[0]) * bands;
#ifdef __SSE2__
		__m128i sum = _mm_add_epi32(_mm_set1_epi32(half), sum_taps(p, weights, axis->taps, bands));
		guint32 pixel;

		sum = _mm_srai_epi32(sum, shift);
		sum = _mm_packs_epi32(sum, sum);
		pixel = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
		for (int z = 0; z < bands; z++)
			out[z] = pixel >> (8 * z);
#else
		for (int z = 0; z < bands; z++) {
			int sum = half;

			for (int k = 0; k < axis->taps; k++)
				sum += p[k * bands + z] * weights[k];
			out[z] = VIPS_CLIP(0, sum >> shift, 255);
		}
#endif
	}
}

void
pictor_reduce_across(VipsPel *out, const gint16 *in, const PictorAxis *axis, int start, int n, int bands)
{
	switch (bands) { // a constant number makes a fast loop
	case 1:
		reduce_across(out, in, axis, start, n, 1);
		break;
	case 2:
		reduce_across(out, in, axis, start, n, 2);
		break;
	case 3:
		reduce_across(out, in, axis, start, n, 3);
		break;
	case 4:
		reduce_across(out, in, axis, start, n, 4);
		break;
	}
}

// divide_alpha writes a pixel of which sums has the samples multiplied by alpha, and alpha last.
static inline void
divide_alpha(VipsPel *out, const float *sums, const int bands)
{
	const float to_alpha = 1.0f / (255 << (WEIGHT_BITS + ROW_BITS - 8));
	float alpha = sums[bands - 1];
	float by = alpha > 0 ? 255 / alpha : 0;

	for (int z = 0; z < bands - 1; z++)
		out[z] = VIPS_CLIP(0, sums[z] * by, 255) + 0.5f;
	out[bands - 1] = VIPS_CLIP(0, alpha * to_alpha, 255) + 0.5f;
}

static inline void
reduce_multiplied_across(VipsPel *out, const gint16 *in, const PictorAxis *axis, int start, int n, const int bands)
{
	const int *first = axis->first + start;
	const gint16 *weights = axis->weights + (size_t) start * axis->taps;

	for (int x = 0; x < n; x++, weights += axis->taps, out += bands) {
		const gint16 *p = in + (first[x] - first[0]) * bands;
		float sums[4];
#ifdef __SSE2__
		_mm_storeu_ps(sums, _mm_cvtepi32_ps(sum_taps(p, weights, axis->taps, bands)));
#else
		for (int z = 0; z < bands; z++) {
			int sum = 0;

			for (int k = 0; k < axis->taps; k++)
				sum += p[k * bands + z] * weights[k];
			sums[z] = sum;
		}
#endif
		divide_alpha(out, sums, bands);
	}
}

void
pictor_reduce_multiplied_across(VipsPel *out, const gint16 *in, const PictorAxis *axis, int start, int n, int bands)
{
	if (bands == 2)
		reduce_multiplied_across(out, in, axis, start, n, 2);
	else
		reduce_multiplied_across(out, in, axis, start, n, 4);
}

void
pictor_multiply_alpha(guint16 *out, const VipsPel *in, int n, int bands)
{
	int x = 0;

#ifdef __SSE2__
	const __m128i zero = _mm_setzero_si128();
	const __m128i colours = _mm_set_epi16(0, -1, -1, -1, 0, -1, -1, -1);
	const __m128i most = _mm_set_epi16(255, 0, 0, 0, 255, 0, 0, 0);

	for (; bands == 4 && x + 4 <= n; x += 4) {
		__m128i pixels = _mm_loadu_si128((const __m128i *) (in + 4 * x));

		for (int half = 0; half < 2; half++) {
			__m128i two = half ? _mm_unpackhi_epi8(pixels, zero) : _mm_unpacklo_epi8(pixels, zero);
			__m128i alpha = _mm_shufflehi_epi16(_mm_shufflelo_epi16(two, 0xff), 0xff);

			alpha = _mm_or_si128(_mm_and_si128(alpha, colours), most);
			_mm_storeu_si128((__m128i *) (out + 4 * x + 8 * half), _mm_mullo_epi16(two, alpha));
		}
	}
#endif
	for (; x < n; x++) {
		int alpha = in[x * bands + bands - 1];

		for (int z = 0; z < bands - 1; z++)
			out[x * bands + z] = in[x * bands + z] * alpha;
		out[x * bands + bands - 1] = 255 * alpha;
	}
}
