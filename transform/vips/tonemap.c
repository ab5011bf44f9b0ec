// Tone mapping: images in PQ or HLG are shown in sRGB, by the reference white tone mapping operator
// of SMPTE ST 2094-50, as browsers do. Light up to the reference white of 203 cd/m² keeps its
// proportions; above it a quadratic Bézier curve leads to the brightest light.

#include <math.h>

#include "pipeline.h"

// The linear light of sRGB in steps, between which its curve is as good as straight.
#define STEPS 16384

// Pixels that are worked on at a time, in the cache of a core.
#define BATCH 256

typedef struct {
	float *light;   // of each code: of PQ as a multiple of the reference white, of HLG that of the scene
	float *encoded; // of each step: the samples of sRGB, 0 to 1
	int shift;      // of a sample of 16 bits, to its code
	int bands, colours;
	gboolean scene; // HLG
	float to_wide[9], to_srgb[9];
	float peak, white; // white is what the reference white becomes
	float x[2], y[2];  // of the curve, what t and its square are multiplied by
	float alpha;       // what alpha is multiplied by
} ToneMap;

// pq_light is the EOTF of SMPTE ST 2084, in cd/m².
static double
pq_light(double v)
{
	const double m1 = 2610.0 / 16384, m2 = 2523.0 / 32;
	const double c1 = 3424.0 / 4096, c2 = 2413.0 / 128, c3 = 2392.0 / 128;
	double p = pow(v, 1 / m2);

	return 10000 * pow(VIPS_MAX(p - c1, 0) / (c2 - c3 * p), 1 / m1);
}

// hlg_scene is the inverse OETF of ARIB STD-B67 (ITU-R BT.2100 table 5), 0 to 1.
static double
hlg_scene(double v)
{
	const double a = 0.17883277, b = 0.28466892, c = 0.55991073;

	return v <= 0.5 ? v * v / 3 : (exp((v - c) / a) + b) / 12;
}

static double
srgb_sample(double light)
{
	return light <= 0.0031308 ? light * 12.92 : 1.055 * pow(light, 1 / 2.4) - 0.055;
}

// show_scene is the OOTF of HLG for a screen of 1000 cd/m² (ITU-R BT.2100 table 5): light of the
// scene becomes that of the screen.
static void
show_scene(float *const plane[3], int colours, int n)
{
	const float unit = 1000 / PICTOR_REFERENCE_WHITE;

	for (int i = 0; i < n; i++) {
		float y = colours == 1 ? plane[0][i] : 0.2627f * plane[0][i] + 0.6780f * plane[1][i] + 0.0593f * plane[2][i];
		float by = y > 0 ? unit * powf(y, 0.2f) : 0;

		for (int c = 0; c < colours; c++)
			plane[c][i] *= by;
	}
}

static void
multiply(float *const plane[3], const float m[9], int n)
{
	for (int i = 0; i < n; i++) {
		float r = plane[0][i], g = plane[1][i], b = plane[2][i];

		plane[0][i] = m[0] * r + m[1] * g + m[2] * b;
		plane[1][i] = m[3] * r + m[4] * g + m[5] * b;
		plane[2][i] = m[6] * r + m[7] * g + m[8] * b;
	}
}

// gain is what light is multiplied by of which most is the largest component.
static inline float
gain(const ToneMap *map, float most)
{
	float c, t;

	if (most <= 1)
		return map->white;
	if (map->peak <= 1)
		return 1; // what is brighter is cut off
	if (most >= map->peak)
		return 1 / most;
	c = most - 1;
	t = 2 * c / (map->x[0] + sqrtf(map->x[0] * map->x[0] + 4 * map->x[1] * c));
	return (map->white + t * (map->y[0] + t * map->y[1])) / most;
}

static void
map_tones(const ToneMap *map, float *const plane[3], int n)
{
	for (int i = 0; i < n; i++) {
		float most = plane[0][i];
		float by;

		for (int c = 1; c < map->colours; c++)
			most = VIPS_MAX(most, plane[c][i]);
		by = gain(map, most);
		for (int c = 0; c < map->colours; c++)
			plane[c][i] *= by;
	}
}

static inline float
encode(const ToneMap *map, float light)
{
	float at = VIPS_CLIP(0, light, 1) * STEPS;
	int step = (int) at;

	return map->encoded[step] + (at - step) * (map->encoded[step + 1] - map->encoded[step]);
}

static void
map_batch(const ToneMap *map, const VipsPel *in, gboolean deep_in, VipsPel *out, gboolean deep_out, int n)
{
	float room[3][BATCH];
	float *const plane[3] = { room[0], room[1], room[2] };
	float most = deep_out ? 65535 : 255;

	for (int c = 0; c < map->colours; c++)
		for (int i = 0; i < n; i++) {
			int at = i * map->bands + c;
			plane[c][i] = map->light[deep_in ? ((const guint16 *) in)[at] >> map->shift : in[at]];
		}
	if (map->colours == 3)
		multiply(plane, map->to_wide, n);
	if (map->scene)
		show_scene(plane, map->colours, n);
	map_tones(map, plane, n);
	if (map->colours == 3)
		multiply(plane, map->to_srgb, n);
	for (int c = 0; c < map->bands; c++)
		for (int i = 0; i < n; i++) {
			int at = i * map->bands + c;
			float v = c < map->colours
				? encode(map, plane[c][i]) * most
				: VIPS_MIN((deep_in ? ((const guint16 *) in)[at] : in[at]) * map->alpha, most);

			if (deep_out)
				((guint16 *) out)[at] = (guint16) (v + 0.5f);
			else
				out[at] = (VipsPel) (v + 0.5f);
		}
}

static int
generate(VipsRegion *out, void *sequence, void *image, void *data, gboolean *stop)
{
	VipsRegion *in = sequence;
	const VipsRect *r = &out->valid;
	gboolean deep_in = in->im->BandFmt == VIPS_FORMAT_USHORT;
	gboolean deep_out = out->im->BandFmt == VIPS_FORMAT_USHORT;

	if (vips_region_prepare(in, r))
		return -1;
	for (int y = r->top; y < VIPS_RECT_BOTTOM(r); y++)
		for (int x = 0; x < r->width; x += BATCH)
			map_batch(data, VIPS_REGION_ADDR(in, r->left + x, y), deep_in, VIPS_REGION_ADDR(out, r->left + x, y),
				deep_out, VIPS_MIN(BATCH, r->width - x));
	return 0;
}

// fill_tables makes the tables of a source whose samples have so many bits.
static int
fill_tables(ToneMap *map, VipsImage *owner, int bits)
{
	int codes = 1 << bits;

	map->light = VIPS_ARRAY(owner, codes, float);
	map->encoded = VIPS_ARRAY(owner, STEPS + 2, float);
	if (!map->light || !map->encoded)
		return -1;
	for (int i = 0; i < codes; i++) {
		double v = i / (codes - 1.0);
		map->light[i] = map->scene ? hlg_scene(v) : pq_light(v) / PICTOR_REFERENCE_WHITE;
	}
	for (int i = 0; i <= STEPS + 1; i++)
		map->encoded[i] = srgb_sample(VIPS_MIN(i, STEPS) / (double) STEPS);
	return 0;
}

// plan_curve makes the curve of ST 2094-50, from the reference white to the brightest light: its
// middle lies so that the curve goes on as it came.
static void
plan_curve(ToneMap *map, double peak)
{
	const double bend = 0.65;
	double headroom = peak > 1 ? VIPS_MIN(log2(peak) / log2(1000 / PICTOR_REFERENCE_WHITE), 1) : 0;
	double white = 1 - headroom / 2;
	double x = 1 - bend + bend / white;
	double y = (1 - bend) * white + bend;

	map->peak = peak;
	map->white = white;
	map->x[0] = 2 * (x - 1);
	map->x[1] = 1 - 2 * x + peak;
	map->y[0] = 2 * (y - white);
	map->y[1] = white - 2 * y + 1;
}

static int
map_image(PictorChain *chain, VipsImage *in, VipsImage *out)
{
	const PictorHDR *hdr = chain->hdr;
	gboolean deep = chain->job->deep;
	ToneMap *map = VIPS_NEW(out, ToneMap);
	int bits = in->BandFmt == VIPS_FORMAT_USHORT ? chain->source_bits : 8;

	if (!map)
		return -1;
	map->bands = in->Bands;
	map->colours = in->Bands < 3 ? 1 : 3;
	map->shift = 16 - bits;
	map->scene = hdr->transfer == PICTOR_HLG;
	map->alpha = (deep ? 65535 : 255) / (in->BandFmt == VIPS_FORMAT_USHORT ? 65536.0 - (1 << map->shift) : 255);
	for (int i = 0; i < 9; i++) {
		map->to_wide[i] = hdr->to_wide[i];
		map->to_srgb[i] = hdr->to_srgb[i];
	}
	plan_curve(map, hdr->peak);
	if (fill_tables(map, out, bits) || vips_image_pipelinev(out, VIPS_DEMAND_STYLE_THINSTRIP, in, NULL))
		return -1;
	out->BandFmt = deep ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR;
	if (map->colours == 1)
		out->Type = deep ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_B_W;
	else
		out->Type = deep ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_sRGB;
	return vips_image_generate(out, vips_start_one, generate, vips_stop_one, in, map);
}

int
pictor_map_tones(PictorChain *chain)
{
	VipsImage *in = chain->image;

	if (in->Coding != VIPS_CODING_NONE || in->Bands > 4 ||
			(in->BandFmt != VIPS_FORMAT_UCHAR && in->BandFmt != VIPS_FORMAT_USHORT)) {
		vips_error("pictor", "HDR image of %d bands cannot be mapped to SDR", in->Bands);
		return PICTOR_BROKEN;
	}
	pictor_append(chain, vips_image_new());
	if (map_image(chain, in, chain->image))
		return PICTOR_BROKEN;
	chain->in_srgb = TRUE;
	return PICTOR_OK;
}
