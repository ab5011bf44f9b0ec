#include <math.h>
#include <string.h>

#include "placeholder.h"

// Placeholders are made of a small image: the means of areas of the finished one, summed up while its rows go to the
// encoder. So nothing is decoded again, and no frame is kept.

// As package placeholder has it.
#define MOST_SIDE 100

// A pixel lies in the area that begins at or before it, and with the rest of its length in the next one.
typedef struct {
	int area;
	float share, rest; // of all areas, in pixels
} Place;

struct _PictorSums {
	int width, height; // of the first frame
	int bands;
	gboolean alpha;
	int small_width, small_height;
	Place *columns;
	GMutex lock; // of what follows
	double *sums; // for each area the sum of each band, multiplied by alpha, and the weight
};

// Strip is the memory of one thread.
typedef struct {
	VipsRegion *input;
	float *row;
} Strip;

static Place
place_of(int at, int size, int small)
{
	gint64 from = (gint64) at * small;
	int area = from / size;
	int share = VIPS_MIN((gint64) (area + 1) * size - from, small);

	return (Place) { area, share, small - share };
}

static void *
start_strip(VipsImage *out, void *image, void *data)
{
	PictorSums *s = data;
	Strip *strip = g_new0(Strip, 1);

	strip->input = vips_region_new(image);
	strip->row = g_new(float, (size_t) s->width * s->bands);
	return strip;
}

static int
stop_strip(void *sequence, void *image, void *data)
{
	Strip *strip = sequence;

	VIPS_UNREF(strip->input);
	g_free(strip->row);
	g_free(strip);
	return 0;
}

#define ADD_ROW(TYPE, MOST) \
	do { \
		const TYPE *p = pixels; \
		if (s->alpha) \
			for (int x = 0; x < width; x++, p += bands, row += bands) { \
				float by = weight * p[bands - 1]; \
				for (int i = 0; i < bands - 1; i++) \
					row[i] += by / MOST * p[i]; \
				row[bands - 1] += by; \
			} \
		else \
			for (int i = 0; i < width * bands; i++) \
				row[i] += weight * p[i]; \
	} while (0)

static void
add_row(const PictorSums *s, float *row, const void *pixels, gboolean wide, int width, float weight)
{
	int bands = s->bands;

	if (wide)
		ADD_ROW(guint16, 65535);
	else
		ADD_ROW(guint8, 255);
}

// add_areas adds a row of sums to the areas of one row of the small image.
static void
add_areas(PictorSums *s, const float *row, int left, int width, int area_row, float weight)
{
	int bands = s->bands;
	double *areas = s->sums + (size_t) area_row * s->small_width * (bands + 1);

	g_mutex_lock(&s->lock);
	for (int x = 0; x < width; x++, row += bands) {
		const Place *place = &s->columns[left + x];
		double *to = areas + (size_t) place->area * (bands + 1);

		for (int i = 0; i < bands; i++)
			to[i] += place->share * row[i];
		to[bands] += place->share * weight;
		if (place->rest > 0) {
			to += bands + 1;
			for (int i = 0; i < bands; i++)
				to[i] += place->rest * row[i];
			to[bands] += place->rest * weight;
		}
	}
	g_mutex_unlock(&s->lock);
}

// sum_rows adds the rows of a region that are of the first frame. Those of one row of areas are summed up first.
static void
sum_rows(PictorSums *s, Strip *strip, const VipsRect *r)
{
	gboolean wide = strip->input->im->BandFmt == VIPS_FORMAT_USHORT;
	size_t samples = (size_t) r->width * s->bands;
	int end = VIPS_MIN(r->top + r->height, s->height);
	float weight = 0;

	for (int y = r->top; y < end; y++) {
		const void *pixels = VIPS_REGION_ADDR(strip->input, r->left, y);
		Place place = place_of(y, s->height, s->small_height);

		if (weight == 0)
			memset(strip->row, 0, samples * sizeof(float));
		add_row(s, strip->row, pixels, wide, r->width, place.share);
		weight += place.share;
		if (place.rest == 0 && y + 1 < end && place_of(y + 1, s->height, s->small_height).area == place.area)
			continue;
		add_areas(s, strip->row, r->left, r->width, place.area, weight);
		weight = 0;
		if (place.rest > 0) {
			memset(strip->row, 0, samples * sizeof(float));
			add_row(s, strip->row, pixels, wide, r->width, place.rest);
			weight = place.rest;
			if (y + 1 == end)
				add_areas(s, strip->row, r->left, r->width, place.area + 1, weight);
		}
	}
}

static int
pass_rows(VipsRegion *out, void *sequence, void *image, void *data, gboolean *stop)
{
	Strip *strip = sequence;
	const VipsRect *r = &out->valid;

	if (vips_region_prepare(strip->input, r) || vips_region_region(out, strip->input, r, r->left, r->top))
		return -1;
	sum_rows(data, strip, r);
	return 0;
}

static int
small_side(int side, int longer)
{
	return longer <= MOST_SIDE ? side : VIPS_MAX(1, (int) floor((double) side * MOST_SIDE / longer + 0.5));
}

int
pictor_sum_up(PictorChain *chain, PictorSums **sums)
{
	VipsImage *in = chain->image;
	VipsImage *out;
	PictorSums *s;
	int longer;

	if (in->BandFmt != VIPS_FORMAT_UCHAR && in->BandFmt != VIPS_FORMAT_USHORT)
		return PICTOR_INTERNAL;
	*sums = s = g_new0(PictorSums, 1);
	g_mutex_init(&s->lock);
	s->width = in->Xsize;
	s->height = in->Ysize / VIPS_MAX(chain->job->frames, 1);
	s->bands = in->Bands;
	s->alpha = vips_image_hasalpha(in);
	longer = VIPS_MAX(s->width, s->height);
	s->small_width = small_side(s->width, longer);
	s->small_height = small_side(s->height, longer);
	s->columns = g_new(Place, s->width);
	for (int x = 0; x < s->width; x++)
		s->columns[x] = place_of(x, s->width, s->small_width);
	s->sums = g_new0(double, (size_t) s->small_width * s->small_height * (s->bands + 1));
	out = vips_image_new();
	pictor_append(chain, out);
	if (vips_image_pipelinev(out, VIPS_DEMAND_STYLE_ANY, in, NULL) ||
			vips_image_generate(out, start_strip, pass_rows, stop_strip, in, s))
		return PICTOR_BROKEN;
	return PICTOR_OK;
}

void
pictor_free_sums(PictorSums *s)
{
	if (!s)
		return;
	g_mutex_clear(&s->lock);
	g_free(s->columns);
	g_free(s->sums);
	g_free(s);
}

// mean_of gives a sample of the small image.
static double
mean_of(const PictorSums *s, const double *sums, int band, double most)
{
	double weight = sums[s->bands];
	double mean;

	if (s->alpha && band < s->bands - 1)
		weight = sums[s->bands - 1] / most;
	mean = weight > 0 ? sums[band] / weight : 0;
	return VIPS_CLIP(0, floor(mean + 0.5), most);
}

// means begins a chain with the small image, in the colours of the finished one.
static int
means(PictorChain *chain, const PictorSums *s, VipsImage *finished)
{
	gboolean wide = finished->BandFmt == VIPS_FORMAT_USHORT;
	int areas = s->small_width * s->small_height;
	VipsImage *image = vips_image_new_memory();
	const void *profile;
	size_t size;

	pictor_append(chain, image);
	vips_image_init_fields(image, s->small_width, s->small_height, s->bands, finished->BandFmt, VIPS_CODING_NONE,
		finished->Type, 1, 1);
	if (vips_image_write_prepare(image))
		return PICTOR_BROKEN;
	for (int at = 0; at < areas; at++)
		for (int i = 0; i < s->bands; i++) {
			double v = mean_of(s, s->sums + (size_t) at * (s->bands + 1), i, wide ? 65535 : 255);

			if (wide)
				((guint16 *) image->data)[at * s->bands + i] = v;
			else
				image->data[at * s->bands + i] = v;
		}
	if (vips_image_get_typeof(finished, VIPS_META_ICC_NAME)) {
		if (vips_image_get_blob(finished, VIPS_META_ICC_NAME, &profile, &size))
			return PICTOR_BROKEN;
		vips_image_set_blob_copy(image, VIPS_META_ICC_NAME, profile, size);
	}
	return PICTOR_OK;
}

int
pictor_make_small(const PictorJob *job, const PictorSums *s, VipsImage *finished, PictorResult *result)
{
	PictorJob small = *job;
	PictorChain chain = { .job = &small, .hdr = job->keep_hdr ? &job->source.hdr : NULL };
	int status;

	small.keep_profile = small.keep_hdr = small.deep = FALSE;
	chain.source_bits = finished->BandFmt == VIPS_FORMAT_USHORT ? 16 : 8;
	status = means(&chain, s, finished);
	if (!status)
		status = pictor_convert_colour(&chain);
	if (!status && (pictor_ensure_rgb(&chain) || pictor_ensure_alpha(&chain)))
		status = PICTOR_BROKEN;
	if (!status) {
		size_t size;

		result->small = vips_image_write_to_memory(chain.image, &size);
		result->small_width = s->small_width;
		result->small_height = s->small_height;
		if (!result->small)
			status = PICTOR_BROKEN;
		else if (size != (size_t) s->small_width * s->small_height * 4)
			status = PICTOR_INTERNAL;
	}
	pictor_release_images(&chain);
	return status;
}
