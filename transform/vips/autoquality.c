#include <math.h>

#include "score.h"

#define MOST_ENCODES 5

// What photographs come to, in the median: qualities at some scores of SSIMULACRA2, and DSSIM there.
#define KNOTS 9
static const double knot_score[KNOTS] = { 0, 30, 45, 55, 65, 72, 78, 84, 90 };
static const double knot_dssim[KNOTS] = { 0.123, 0.082, 0.063, 0.052, 0.041, 0.032, 0.025, 0.0165, 0.0098 };
static const double knot_jpeg[KNOTS] = { 14, 23, 31, 40, 56, 69, 80, 88, 95 };
static const double knot_webp[KNOTS] = { 5, 24, 41, 54, 69, 78, 85, 91, 98 };
static const double knot_avif[KNOTS] = { 27, 36, 44, 50, 60, 68, 74, 85, 92 };
// Tuned for images (tune.c): libvips 8.18 with libaom 3.13.
static const double knot_avif_tuned[KNOTS] = { 18, 33, 41, 47, 53, 59, 67, 81, 90 };
static const double knot_jxl[KNOTS] = { 8, 22, 42, 54, 66, 76, 84, 90, 95 };

// A quality that was tried. Values grow with the quality, whatever the method.
typedef struct {
	int quality;
	double value;
} Tried;

typedef struct {
	const PictorSearch *search;
	const double *knots;  // of the format
	double target, error; // as values
	Tried tried[MOST_ENCODES];
	int count;
	int below, above; // of tried, the nearest that miss and reach the target; less than 0 without one
	PictorResult best;
	double best_value;
} Search;

// interpolate reads one curve at a place of another one. from rises, or falls where it is DSSIM.
static double
interpolate(const double *from, const double *to, double at)
{
	gboolean falls = from[0] > from[KNOTS - 1];
	int i = 1;

	while (i < KNOTS - 1 && (falls ? at < from[i] : at > from[i]))
		i++;
	return to[i - 1] + (at - from[i - 1]) / (from[i] - from[i - 1]) * (to[i] - to[i - 1]);
}

static const double *
knots_of(int format)
{
	switch (format) {
	case PICTOR_WEBP:
		return knot_webp;
	case PICTOR_AVIF:
		return pictor_tunes_for_images() ? knot_avif_tuned : knot_avif;
	case PICTOR_JXL:
		return knot_jxl;
	}
	return knot_jpeg;
}

// abscissa is what sizes are about linear in: how finely libjpeg quantizes at a quality, as a logarithm.
static double
abscissa(double quality)
{
	return -log(quality < 50 ? 5000 / quality : 200 - 2 * VIPS_MIN(quality, 99.5));
}

static double
quality_at(double abscissa)
{
	double step = exp(-abscissa);

	return step > 100 ? 5000 / step : (200 - step) / 2;
}

// value_of makes of what was measured what grows with the quality.
static double
value_of(int method, double measured)
{
	switch (method) {
	case PICTOR_BY_SIZE:
		return log(VIPS_MAX(measured, 1));
	case PICTOR_BY_DSSIM:
		return -log(VIPS_MAX(measured, 1e-9));
	}
	return measured;
}

// usual_quality is the one at which a photograph has such a value.
static double
usual_quality(const Search *s, double value)
{
	if (s->search->method == PICTOR_BY_DSSIM)
		value = interpolate(knot_dssim, knot_score, exp(-value));
	return interpolate(knot_score, s->knots, value);
}

// reached says whether a value is good enough: a size that is small enough, or a score that is high enough.
static gboolean
reached(const Search *s, double value)
{
	return s->search->method == PICTOR_BY_SIZE ? value <= s->target : value >= s->target - s->error;
}

// estimate is the quality to try next, before it is brought into the range that is left.
static double
estimate(const Search *s)
{
	const Tried *last = &s->tried[s->count - 1];
	gboolean by_size = s->search->method == PICTOR_BY_SIZE;
	const Tried *a, *b;
	double x1, x2, x;

	if (s->below >= 0 && s->above >= 0) {
		a = &s->tried[s->below];
		b = &s->tried[s->above];
	}
	else if (s->count > 1) {
		a = &s->tried[s->count - 2];
		b = last;
	}
	else if (by_size)
		// Photographs halve where steps are about three times as coarse.
		return quality_at(abscissa(last->quality) + (s->target - last->value) * 1.6);
	else
		return last->quality + usual_quality(s, s->target) - usual_quality(s, last->value);
	if (fabs(b->value - a->value) < 1e-6)
		return b->value < s->target ? b->quality + 10 : b->quality - 10;
	x1 = by_size ? abscissa(a->quality) : a->quality;
	x2 = by_size ? abscissa(b->quality) : b->quality;
	x = x1 + (s->target - a->value) * (x2 - x1) / (b->value - a->value);
	return by_size ? quality_at(x) : x;
}

// next_quality gives what to try next, or 0 where nothing is left to be tried.
static int
next_quality(const Search *s)
{
	gboolean by_size = s->search->method == PICTOR_BY_SIZE;
	int low = s->below < 0 ? s->search->least : s->tried[s->below].quality + 1;
	int high = s->above < 0 ? s->search->most : s->tried[s->above].quality - 1;
	// The end that surely reaches the target, if any does, is nearer with each try that does not.
	int missed = by_size ? s->below < 0 : s->above < 0;
	double q;

	if (low > high)
		return 0;
	q = estimate(s);
	if (missed && s->count >= 2)
		q += (by_size ? -1 : 1) * 2 * (s->count - 1);
	if (missed && s->count == MOST_ENCODES - 1)
		q = by_size ? VIPS_MIN(q, (low + high) / 2) : VIPS_MAX(q, (low + high + 1) / 2);
	return (int) floor(VIPS_CLIP(low, by_size ? q : q + 0.5, high));
}

static int
open_result(PictorChain *chain, const PictorResult *result, VipsImage **image)
{
	int failed;

#define FROM result->body, result->size, image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, NULL
	switch (chain->job->format) {
	case PICTOR_JPEG:
		failed = vips_jpegload_buffer(FROM);
		break;
	case PICTOR_WEBP:
		failed = vips_webpload_buffer(FROM);
		break;
	case PICTOR_AVIF:
		failed = vips_heifload_buffer(FROM);
		break;
	case PICTOR_JXL:
		failed = vips_jxlload_buffer(FROM);
		break;
	default:
		return PICTOR_INTERNAL;
	}
#undef FROM
	return failed ? PICTOR_BROKEN : PICTOR_OK;
}

static int
measure(PictorChain *chain, PictorResult *result)
{
	int method = chain->job->search.method;
	VipsImage *image = NULL;
	int status;

	result->score = result->size;
	if (method == PICTOR_BY_SIZE)
		return PICTOR_OK;
	status = open_result(chain, result, &image);
	if (status)
		return status;
	status = pictor_score(chain->image, image, method, &result->score);
	g_object_unref(image);
	return status;
}

// note keeps a result if it is better than the best one so far: it reaches the target and is smaller, or is nearer
// to it where none has.
static void
note(Search *s, PictorResult *now, double value)
{
	gboolean by_size = s->search->method == PICTOR_BY_SIZE;
	gboolean good = reached(s, value), had = s->best.body && reached(s, s->best_value);
	gboolean better;
	Tried *tried = &s->tried[s->count];

	tried->quality = now->quality;
	tried->value = value;
	if (value < s->target) {
		if (s->below < 0 || now->quality > s->tried[s->below].quality)
			s->below = s->count;
	}
	else if (s->above < 0 || now->quality < s->tried[s->above].quality)
		s->above = s->count;
	s->count++;
	if (!s->best.body || good != had)
		better = !s->best.body || good;
	else if (by_size)
		better = good == (value > s->best_value);
	else
		better = good ? now->size < s->best.size : value > s->best_value;
	if (better) {
		g_free(s->best.body);
		s->best = *now;
		s->best_value = value;
	}
	else
		g_free(now->body);
}

static gboolean
near_enough(const Search *s, double value)
{
	if (s->search->method == PICTOR_BY_SIZE)
		return value <= s->target && value >= s->target - s->error;
	return fabs(value - s->target) <= s->error;
}

static void
begin_search(Search *s, const PictorJob *job)
{
	const PictorSearch *search = &job->search;

	s->search = search;
	s->knots = knots_of(job->format);
	s->below = s->above = -1;
	s->target = value_of(search->method, search->target);
	s->error = search->error;
	if (search->method == PICTOR_BY_SIZE) // error is less than the target, or else any size is near enough
		s->error = search->error < search->target ? s->target - log(search->target - search->error) : G_MAXDOUBLE;
	else if (search->method == PICTOR_BY_DSSIM)
		s->error = log((search->target + search->error) / search->target);
}

int
pictor_search_quality(PictorChain *chain, PictorResult *result)
{
	const PictorSearch *search = &chain->job->search;
	Search s = { 0 };
	int q = search->start;

	begin_search(&s, chain->job);
	if (q == 0)
		q = search->method == PICTOR_BY_SIZE ? search->most : (int) (usual_quality(&s, s.target) + 0.5);
	q = VIPS_CLIP(search->least, q, search->most);
	// Scores of less are those of equal images.
	if (search->method != PICTOR_BY_SIZE && VIPS_MIN(chain->image->Xsize, chain->image->Ysize) < SCORE_LEAST_SIDE)
		return pictor_save(chain, chain->job->quality, result);
	if (pictor_copy_to_memory(chain))
		return PICTOR_BROKEN;
	while (q > 0 && s.count < MOST_ENCODES) {
		PictorResult now = *result;
		int status = pictor_save(chain, q, &now);
		double value;

		if (!status) {
			// What the encoder has let go of is scattered, and the decoder would take its memory anew.
			pictor_release_free_heap();
			status = measure(chain, &now);
		}
		if (status) {
			g_free(now.body);
			g_free(s.best.body);
			return status;
		}
		value = value_of(search->method, now.score);
		note(&s, &now, value);
		pictor_release_free_heap();
		// As first asked, or more, is what is wanted of a size that fits.
		if (near_enough(&s, value) || (search->method == PICTOR_BY_SIZE && q == search->most && value <= s.target))
			break;
		q = next_quality(&s);
	}
	*result = s.best;
	result->encodes = s.count;
	return PICTOR_OK;
}
