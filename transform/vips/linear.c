// Resampling in linear light: samples are turned into 16 bits of it before the resize, and back
// after it, by tables. Eight bits survive both: the darkest steps of sRGB are 20 apart there.

#include <math.h>

#include "pipeline.h"

#define LINEAR_MAX 65535.0

// to_linear and from_linear are the curve of sRGB (IEC 61966-2-1), of samples from 0 to 1.
static double
to_linear(double v)
{
	return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double
from_linear(double v)
{
	return v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

static double
unchanged(double v)
{
	return v;
}

// copy_as makes an image of its own, as the source changes.
static int
copy_as(VipsImage *in, VipsImage **out, VipsBandFormat format)
{
	VipsImage *cast;

	if (vips_cast(in, &cast, format, NULL))
		return -1;
	*out = vips_image_copy_memory(cast);
	g_object_unref(cast);
	return *out ? 0 : -1;
}

// map_samples maps all samples by a curve, but alpha, which only changes its range. Ranges
// are of bytes or of 16 bits.
static int
map_samples(PictorChain *chain, double (*curve)(double), VipsBandFormat to)
{
	VipsImage *in = chain->image;
	int bands = vips_image_get_bands(in);
	int colours = vips_image_hasalpha(in) ? bands - 1 : bands;
	int size = vips_image_get_format(in) == VIPS_FORMAT_UCHAR ? 256 : 65536;
	double most = to == VIPS_FORMAT_UCHAR ? 255 : LINEAR_MAX;
	VipsImage *table = vips_image_new_matrix(size, 1);
	VipsImage *of[2] = { NULL, NULL };
	VipsImage *joined[8];
	int status = -1;

	g_assert(bands <= (int) G_N_ELEMENTS(joined));
	if (!table)
		return PICTOR_BROKEN;
	for (int alpha = 0; alpha < 2; alpha++) {
		double (*map)(double) = alpha ? unchanged : curve;

		for (int i = 0; i < size; i++)
			*VIPS_MATRIX(table, i, 0) = rint(map(i / (size - 1.0)) * most);
		if (copy_as(table, &of[alpha], to))
			goto done;
	}
	for (int i = 0; i < bands; i++)
		joined[i] = of[i < colours ? 0 : 1];
	{
		VipsImage *tables, *out;

		if (vips_bandjoin(joined, &tables, bands, NULL))
			goto done;
		status = vips_maplut(in, &out, tables, NULL);
		g_object_unref(tables);
		if (!status)
			pictor_append(chain, out);
	}
done:
	g_object_unref(table);
	VIPS_UNREF(of[0]);
	VIPS_UNREF(of[1]);
	return status ? PICTOR_BROKEN : PICTOR_OK;
}

static int
set_meaning(PictorChain *chain, VipsInterpretation meaning)
{
	PICTOR_APPLY(chain, vips_copy(chain->image, &out, "interpretation", meaning, NULL));
	return PICTOR_OK;
}

int
pictor_resize_in_linear_light(PictorChain *chain)
{
	VipsBandFormat format = vips_image_get_format(chain->image);
	VipsInterpretation meaning = vips_image_get_interpretation(chain->image);
	gboolean grey = vips_image_get_bands(chain->image) < 3;

	if (map_samples(chain, to_linear, VIPS_FORMAT_USHORT) ||
			set_meaning(chain, grey ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_RGB16) ||
			pictor_resize(chain, chain->job->window, chain->job->scaled_width, chain->job->scaled_height) ||
			map_samples(chain, from_linear, format))
		return PICTOR_BROKEN;
	return set_meaning(chain, meaning);
}
