#include <string.h>

#include "pipeline.h"

// Frames of an animated WebP. libwebp takes the chunks of a frame as they are for a file, without a
// header of their own (WebPDemux), so that nothing is copied.

// copy_row puts a row in the place of what is there.
static void
copy_row(const guint8 *from, int from_bands, guint8 *to, int bands, int width)
{
	if (from_bands == bands) {
		memcpy(to, from, (size_t) width * bands);
		return;
	}
	for (int x = 0; x < width; x++, from += from_bands, to += bands) {
		to[0] = from[0];
		to[1] = from[1];
		to[2] = from[2];
		if (bands == 4)
			to[3] = 255;
	}
}

// blend_pixel lays a pixel over another one, in the numbers of libwebp's WebPAnimDecoder, which are those
// of browsers.
static inline void
blend_pixel(const guint8 *from, guint8 *to, int bands)
{
	guint32 above = from[3];
	guint32 below = ((bands == 4 ? to[3] : 255) * (256 - above)) >> 8;
	guint32 scale = (1u << 24) / (above + below);

	for (int i = 0; i < 3; i++)
		to[i] = ((from[i] * above + to[i] * below) * scale) >> 24;
	if (bands == 4)
		to[3] = above + below;
}

// blend_row lays a row over what is there.
static void
blend_row(const guint8 *from, int from_bands, guint8 *to, int bands, int width)
{
	if (from_bands < 4) {
		copy_row(from, from_bands, to, bands, width);
		return;
	}
	for (int x = 0; x < width; x++, from += 4, to += bands) {
		if (from[3] == 0)
			continue;
		if (from[3] == 255 || (bands == 4 && to[3] == 0))
			memcpy(to, from, bands);
		else
			blend_pixel(from, to, bands);
	}
}

int
pictor_lay_webp_frame(PictorCanvas *canvas, const PictorFrame *frame)
{
	const PictorSource *source = canvas->source;
	VipsImage *image = NULL;
	int status = PICTOR_MISMATCH;

	if (vips_webpload_buffer((guint8 *) source->bytes + frame->data.from, frame->data.size, &image,
			"access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, NULL))
		return PICTOR_BROKEN;
	if (image->Xsize == frame->place.width && image->Ysize == frame->place.height)
		status = pictor_lay_image(canvas, image, frame->place, frame->blended ? blend_row : copy_row);
	g_object_unref(image);
	pictor_release_heap_between_frames();
	return status;
}

// Flags of the header that announce metadata, in the order of the kinds (RFC 9649 §2.7).
static const guint8 announced[PICTOR_WEBP_KINDS] = { 0x20, 0x08, 0x04 };

// A file of one pixel, with room for flags.
#define FLAGS_AT 20
static const guint8 one_pixel[] = "RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0"
	"VP8L\x0d\0\0\0\x2f\0\0\0\0\x07\x10\x11\x11\x88\x88\xfe\x07\0";
#define ONE_PIXEL_SIZE (sizeof one_pixel - 1)

// file_of_metadata makes a file of one pixel and the chunks of metadata.
static guint8 *
file_of_metadata(const PictorSource *source, size_t size)
{
	guint8 *file = g_malloc0(size);
	guint8 *to = file + ONE_PIXEL_SIZE;

	memcpy(file, one_pixel, ONE_PIXEL_SIZE);
	for (int i = 0; i < 4; i++)
		file[4 + i] = (size - 8) >> (8 * i) & 0xff;
	for (int i = 0; i < PICTOR_WEBP_KINDS; i++) {
		const PictorSpan *chunk = &source->metadata[i];

		if (chunk->size > 0) {
			memcpy(to, (guint8 *) source->bytes + chunk->from, chunk->size);
			to += chunk->size + chunk->size % 2;
			file[FLAGS_AT] |= announced[i];
		}
	}
	return file;
}

static int
free_file(void *file, void *data)
{
	g_free(file);
	return 0;
}

int
pictor_open_webp_metadata(const PictorSource *source, VipsImage **image)
{
	size_t size = ONE_PIXEL_SIZE;
	VipsBlob *blob;
	VipsSource *file;
	int failed;

	*image = NULL;
	for (int i = 0; i < PICTOR_WEBP_KINDS; i++)
		size += source->metadata[i].size + source->metadata[i].size % 2;
	if (size == ONE_PIXEL_SIZE)
		return PICTOR_OK;
	blob = vips_blob_new((VipsCallbackFn) free_file, file_of_metadata(source, size), size);
	file = vips_source_new_from_blob(blob);
	vips_area_unref(VIPS_AREA(blob));
	failed = !file || vips_webpload_source(file, image, NULL);
	VIPS_UNREF(file);
	return failed ? PICTOR_BROKEN : PICTOR_OK;
}
