#include "pipeline.h"

// is_size_near says whether the decoder's size is the sniffed one after a
// reduction: decoders round either way.
static int
is_size_near(int got, double want)
{
	return got >= (int) want - 1 && got <= (int) want + 2;
}

static int
check_size(const PictorSource *source, VipsImage *image)
{
	double by = source->shrink > 1 ? 1.0 / source->shrink : source->scale;
	int w = vips_image_get_width(image);
	int h = vips_image_get_height(image);

	// An SVG is drawn in the planned size, of which its own may be a fraction.
	if (source->format == PICTOR_SVG)
		return w > 0 && h > 0 && abs(w - source->load_width) <= 1 && abs(h - source->load_height) <= 1
			? PICTOR_OK : PICTOR_MISMATCH;
	if (by == 1 ? w == source->width && h == source->height
				: is_size_near(w, source->width * by) && is_size_near(h, source->height * by))
		return PICTOR_OK;
	vips_error("pictor", "decoder says %d x %d, header said %d x %d", w, h, source->width, source->height);
	return PICTOR_MISMATCH;
}

// lay_frame lays the first frame of a GIF on its canvas. libnsgif takes another
// canvas where it does not trust the size that the header gives, and libvips
// leaves what is around the frame black.
static int
lay_frame(PictorChain *chain, const PictorSource *source)
{
	const PictorRect *at = &source->frame;
	int w = vips_image_get_width(chain->image);
	int h = vips_image_get_height(chain->image);

	if (at->width == 0 || at->height == 0) {
		PICTOR_APPLY(chain, vips_black(&out, source->width, source->height, "bands", 4, NULL));
		PICTOR_APPLY(chain, vips_copy(chain->image, &out, "interpretation", VIPS_INTERPRETATION_sRGB, NULL));
		return PICTOR_OK;
	}
	if (at->left + at->width > w || at->top + at->height > h) {
		vips_error("pictor", "decoder says %d x %d, but the frame ends at %d x %d",
			w, h, at->left + at->width, at->top + at->height);
		return PICTOR_MISMATCH;
	}
	PICTOR_APPLY(chain, vips_extract_area(chain->image, &out, at->left, at->top, at->width, at->height, NULL));
	if (pictor_ensure_alpha(chain))
		return PICTOR_BROKEN;
	PICTOR_APPLY(chain, vips_embed(chain->image, &out, at->left, at->top, source->width, source->height, NULL));
	return PICTOR_OK;
}

// largest_sample is what libvips makes of the largest sample of an AVIF: it shifts
// more bits than 8 to the upper end of sixteen.
static double
largest_sample(const PictorChain *chain)
{
	if (vips_image_get_format(chain->image) == VIPS_FORMAT_USHORT)
		return 65536 - (1 << (16 - chain->source_bits));
	return 255;
}

// widen_grey_range brings grey of 16 to 235, or the same of more bits, to the full
// range. Alpha always has the full range.
static int
widen_grey_range(PictorChain *chain)
{
	VipsBandFormat format = vips_image_get_format(chain->image);
	int bands = vips_image_get_bands(chain->image);
	int colours = vips_image_hasalpha(chain->image) ? bands - 1 : bands;
	double unit = format == VIPS_FORMAT_USHORT ? 256 : 1;
	double by = largest_sample(chain) / (219 * unit);
	double a[4], b[4];

	if (bands > 4)
		return PICTOR_BROKEN;
	for (int i = 0; i < bands; i++) {
		a[i] = i < colours ? by : 1;
		b[i] = i < colours ? 0.5 - 16 * unit * by : 0;
	}
	PICTOR_APPLY(chain, vips_linear(chain->image, &out, a, b, bands, NULL));
	PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	return PICTOR_OK;
}

// unpremultiply divides colours by alpha that were multiplied by it.
static int
unpremultiply(PictorChain *chain)
{
	VipsBandFormat format = vips_image_get_format(chain->image);

	if (!vips_image_hasalpha(chain->image))
		return PICTOR_OK;
	PICTOR_APPLY(chain, vips_unpremultiply(chain->image, &out, "max_alpha", largest_sample(chain), NULL));
	PICTOR_APPLY(chain, vips_linear1(chain->image, &out, 1, 0.5, NULL)); // as the cast rounds down
	PICTOR_APPLY(chain, vips_cast(chain->image, &out, format, NULL));
	return PICTOR_OK;
}

// Every loader reads in sequence, from the top: no frame is held that the
// format does not force on its decoder.
int
pictor_load(PictorChain *chain, const PictorSource *source)
{
	void *bytes = (void *) source->bytes;
	size_t size = source->size;
	VipsImage *image = NULL;
	int failed;

	if (source->frames) {
		int status = source->stacked > 1 ? pictor_load_stack(chain, source) : pictor_load_frame(chain, source);

		chain->source_bits = source->bits;
		return status;
	}
#define READ "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR
	switch (source->format) {
	case PICTOR_JPEG:
		failed = vips_jpegload_buffer(bytes, size, &image, READ, "shrink", source->shrink, NULL);
		break;
	case PICTOR_PNG:
		failed = vips_pngload_buffer(bytes, size, &image, READ, NULL);
		break;
	case PICTOR_WEBP:
		failed = vips_webpload_buffer(bytes, size, &image, READ, "scale", source->scale, NULL);
		break;
	case PICTOR_GIF:
		failed = vips_gifload_buffer(bytes, size, &image, READ, NULL);
		break;
	case PICTOR_AVIF:
	case PICTOR_HEIC:
		failed = vips_heifload_buffer(bytes, size, &image, READ, "thumbnail", source->thumbnail, NULL);
		break;
	case PICTOR_SVG:
		failed = vips_svgload_buffer(bytes, size, &image, READ, "scale", source->scale, NULL);
		break;
	case PICTOR_JXL:
		failed = vips_jxlload_buffer(bytes, size, &image, READ, NULL);
		break;
	case PICTOR_TIFF:
		failed = pictor_load_tiff(source, &image);
		break;
	case PICTOR_BMP:
		failed = pictor_load_bitmap(source, &image);
		break;
	default:
		return PICTOR_INTERNAL;
	}
#undef READ
	if (failed)
		return PICTOR_BROKEN;
	pictor_append(chain, image);
	if (source->format == PICTOR_JPEG) {
		int status = pictor_read_jpeg(chain, source);
		if (status)
			return status;
	}
	if (source->format == PICTOR_JXL && pictor_prepare_jxl(chain, source))
		return PICTOR_BROKEN;
	if (source->partial) {
		int status = lay_frame(chain, source);
		if (status)
			return status;
	}
	if (source->profile_size > 0) {
		PICTOR_APPLY(chain, vips_copy(chain->image, &out, NULL));
		vips_image_set_blob_copy(chain->image, VIPS_META_ICC_NAME, source->profile, source->profile_size);
	}
	chain->source_bits = source->bits;
	chain->source_grey = source->grey;
	chain->hdr = source->hdr.transfer ? &source->hdr : NULL;
	if (source->narrow && widen_grey_range(chain))
		return PICTOR_BROKEN;
	if (source->premultiplied && unpremultiply(chain))
		return PICTOR_BROKEN;
	return check_size(source, chain->image);
}

static void *
copy_blob(VipsImage *image, const char *name, size_t *size)
{
	const void *data;

	*size = 0;
	if (!vips_image_get_typeof(image, name) || vips_image_get_blob(image, name, &data, size) || *size == 0)
		return NULL;
	return g_memdup2(data, *size);
}

int
pictor_copy_metadata(const PictorSource *source, void **xmp, size_t *xmp_size, void **iptc, size_t *iptc_size)
{
	PictorChain chain = { 0 };
	VipsImage *metadata = NULL;
	int status;

	if (source->format == PICTOR_WEBP && source->frames) {
		status = pictor_open_webp_metadata(source, &metadata);
		if (metadata)
			pictor_append(&chain, metadata);
	}
	else
		status = pictor_load(&chain, source);
	*xmp = *iptc = NULL;
	if (!status && chain.image) {
		*xmp = copy_blob(chain.image, VIPS_META_XMP_NAME, xmp_size);
		*iptc = copy_blob(chain.image, VIPS_META_IPTC_NAME, iptc_size);
	}
	pictor_release_images(&chain);
	return status;
}

int
pictor_read_first_sample(const PictorSource *source)
{
	PictorChain chain = { 0 };
	double *pixel = NULL;
	int n = 0;
	int value = -1;

	if (!pictor_load(&chain, source) && !vips_getpoint(chain.image, &pixel, &n, 0, 0, NULL) && n > 0)
		value = (int) pixel[0];
	g_free(pixel);
	pictor_release_images(&chain);
	vips_error_clear();
	return value;
}
