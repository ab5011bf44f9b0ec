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
		__m128i sum = _mm_set1_epi32(half);
		guint32 pixel;

		// Two taps at a time, with as many bands beside each other as there may be.
		for (int k = 0; k < axis->taps; k += 2, p += 2 * bands) {
			__m128i even = _mm_loadl_epi64((const __m128i *) p);
			__m128i odd = _mm_loadl_epi64((const __m128i *) (p + bands));
			gint32 pair;

			memcpy(&pair, weights + k, sizeof pair);
			sum = _mm_add_epi32(sum, _mm_madd_epi16(_mm_unpacklo_epi16(even, odd), _mm_set1_epi32(pair)));
		}
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
