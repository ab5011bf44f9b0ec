#include <string.h>

#include "pipeline.h"

// Frames of an animation, one after the other, each as a browser shows it at its time. They are laid on
// the canvas here. libnsgif fills a frame of a GIF that is taken away with the background colour, leaves
// black what no frame has covered, and lists no more than 4096; libvips 8.14 keeps the rows of all frames of
// a WebP. What decodes them is still these: each frame is given to them as a file of its own.

// GIF89a: signature and screen, graphic control, image descriptor.
#define GIF_HEAD (13 + 8 + 10)
// A frame of one transparent pixel, with its graphic control.
static const guint8 empty_frame[] = {
	0x21, 0xf9, 4, 1, 0, 0, 0, 0,
	0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0,
	2, 2, 0x44, 1, 0
};

static guint8 *
put16(guint8 *to, int value)
{
	*to++ = value & 0xff;
	*to++ = value >> 8;
	return to;
}

static guint8 *
put_bytes(guint8 *to, const void *bytes, size_t size)
{
	memcpy(to, bytes, size);
	return to + size;
}

// gif_of_frame makes a file of one frame, for a screen of the given size. With clipped the frame is the
// second one behind an empty one, because the first enlarges the screen.
static guint8 *
gif_of_frame(const PictorSource *source, const PictorFrame *frame, int width, int height, int clipped, size_t *size)
{
	const guint8 *bytes = source->bytes;
	int bits = 0;
	guint8 *gif = g_malloc(GIF_HEAD + sizeof empty_frame + frame->colours.size + frame->data.size + 1);
	guint8 *to = put_bytes(gif, "GIF89a", 6);

	while (frame->colours.size > 3u * (2 << bits))
		bits++;
	to = put16(put16(to, width), height);
	*to++ = (frame->colours.size > 0 ? 0x80 : 0) | bits;
	to = put16(to, 0); // background, aspect
	to = put_bytes(to, bytes + frame->colours.from, frame->colours.size);
	if (clipped)
		to = put_bytes(to, empty_frame, sizeof empty_frame);
	to = put_bytes(to, "\x21\xf9\x04", 3);
	*to++ = frame->transparent >= 0;
	to = put16(to, 0); // delay
	*to++ = MAX(frame->transparent, 0);
	*to++ = 0;
	*to++ = 0x2c;
	to = put16(put16(put16(put16(to, 0), 0), frame->place.width), frame->place.height);
	*to++ = frame->interlaced ? 0x40 : 0;
	to = put_bytes(to, bytes + frame->data.from, frame->data.size);
	*to++ = 0x3b;
	*size = to - gif;
	return gif;
}

// lay_gif_row lays a row where it is not transparent.
static void
lay_gif_row(const guint8 *from, int from_bands, guint8 *to, int bands, int width)
{
	for (int x = 0; x < width; x++, from += from_bands, to += bands) {
		if (from_bands == 4 && from[3] == 0)
			continue;
		to[0] = from[0];
		to[1] = from[1];
		to[2] = from[2];
		if (bands == 4)
			to[3] = 255;
	}
}

// How many rows are asked for at once. libvips' loaders keep what was asked for together.
#define ROWS_AT_ONCE 16

int
pictor_lay_image(PictorCanvas *canvas, VipsImage *image, PictorRect place, PictorLayRow lay_row)
{
	VipsImage *to = canvas->image;
	VipsRegion *region = vips_region_new(image); // it belongs to this thread
	int failed = 0;

	for (int y = 0; !failed && y < place.height; y += ROWS_AT_ONCE) {
		VipsRect strip = { 0, y, image->Xsize, VIPS_MIN(ROWS_AT_ONCE, place.height - y) };

		failed = vips_region_prepare(region, &strip);
		for (int i = 0; !failed && i < strip.height; i++) {
			const guint8 *from = VIPS_REGION_ADDR(region, 0, strip.top + i);
			guint8 *row = VIPS_IMAGE_ADDR(to, place.left, place.top + y + i);

			lay_row(from, image->Bands, row, to->Bands, place.width);
		}
	}
	g_object_unref(region);
	return failed ? PICTOR_BROKEN : PICTOR_OK;
}

// lay_gif_frame decodes a frame and lays it on the canvas, which clips it.
static int
lay_gif_frame(PictorCanvas *canvas, const PictorFrame *frame, PictorRect seen)
{
	const PictorSource *source = canvas->source;
	int clipped = seen.width < frame->place.width || seen.height < frame->place.height;
	// libnsgif takes the rows of an interlaced frame in the order of a lower one, if it is clipped.
	int height = frame->interlaced ? frame->place.height : seen.height;
	VipsImage *image = NULL;
	int status = PICTOR_BROKEN;
	guint8 *gif;
	size_t size;

	if ((gint64) seen.width * height > (gint64) source->width * source->height)
		return PICTOR_BROKEN;
	gif = gif_of_frame(source, frame, seen.width, height, clipped, &size);
	if (!vips_gifload_buffer(gif, size, &image, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR,
			"page", clipped ? 1 : 0, NULL)) {
		if (image->Xsize == seen.width && image->Ysize == height)
			status = pictor_lay_image(canvas, image, seen, lay_gif_row);
		else
			status = PICTOR_MISMATCH;
		g_object_unref(image);
	}
	g_free(gif);
	return status;
}

// seen_part is what of a frame lies on the canvas.
static PictorRect
seen_part(const PictorSource *source, const PictorFrame *frame)
{
	PictorRect seen = frame->place;

	seen.width = VIPS_MIN(seen.width, source->width - seen.left);
	seen.height = VIPS_MIN(seen.height, source->height - seen.top);
	if (seen.width <= 0 || seen.height <= 0)
		seen.width = seen.height = 0;
	return seen;
}

// copy_area copies an area of the canvas from or to another image of its size; from NULL clears it.
static void
copy_area(VipsImage *from, VipsImage *to, PictorRect area)
{
	size_t size = (size_t) area.width * to->Bands;

	for (int y = 0; y < area.height; y++) {
		guint8 *row = VIPS_IMAGE_ADDR(to, area.left, area.top + y);

		if (from)
			memcpy(row, VIPS_IMAGE_ADDR(from, area.left, area.top + y), size);
		else
			memset(row, 0, size);
	}
}

// new_canvas makes an image in memory, with the metadata of another one if there is one.
static VipsImage *
new_canvas(int width, int height, int bands, VipsImage *like)
{
	VipsImage *image = vips_image_new_memory();
	int failed = vips_image_pipelinev(image, VIPS_DEMAND_STYLE_ANY, like, NULL);

	vips_image_init_fields(image, width, height, bands, VIPS_FORMAT_UCHAR, VIPS_CODING_NONE,
		VIPS_INTERPRETATION_sRGB, like ? like->Xres : 1, like ? like->Yres : 1);
	vips_image_remove(image, VIPS_META_SEQUENTIAL);
	if (failed || vips_image_write_prepare(image))
		VIPS_UNREF(image);
	return image;
}

int
pictor_open_canvas(PictorCanvas *canvas, const PictorSource *source, int count)
{
	VipsImage *metadata = NULL;

	*canvas = (PictorCanvas){ .source = source };
	if (!source->frames || count > source->frame_count)
		return PICTOR_INTERNAL;
	if (source->format == PICTOR_WEBP && pictor_open_webp_metadata(source, &metadata))
		return PICTOR_BROKEN;
	canvas->image = new_canvas(source->width, source->height, source->opaque ? 3 : 4, metadata);
	VIPS_UNREF(metadata);
	if (!canvas->image)
		return PICTOR_BROKEN;
	copy_area(NULL, canvas->image, (PictorRect){ 0, 0, source->width, source->height });
	return PICTOR_OK;
}

int
pictor_next_frame(PictorCanvas *canvas)
{
	const PictorSource *source = canvas->source;
	const PictorFrame *frame = &source->frames[canvas->next];
	PictorRect seen = seen_part(source, frame);

	if (canvas->next > 0) {
		const PictorFrame *before = frame - 1;

		if (before->disposal == PICTOR_CLEAR)
			copy_area(NULL, canvas->image, seen_part(source, before));
		else if (before->disposal == PICTOR_RESTORE)
			copy_area(canvas->kept, canvas->image, seen_part(source, before));
	}
	if (frame->disposal == PICTOR_RESTORE) {
		if (!canvas->kept && !(canvas->kept = new_canvas(source->width, source->height, canvas->image->Bands, NULL)))
			return PICTOR_BROKEN;
		copy_area(canvas->image, canvas->kept, seen);
	}
	canvas->next++;
	if (seen.width == 0)
		return PICTOR_OK;
	return source->format == PICTOR_WEBP ? pictor_lay_webp_frame(canvas, frame) : lay_gif_frame(canvas, frame, seen);
}

void
pictor_close_canvas(PictorCanvas *canvas)
{
	VIPS_UNREF(canvas->kept);
	VIPS_UNREF(canvas->image);
}

int
pictor_load_frame(PictorChain *chain, const PictorSource *source)
{
	PictorCanvas canvas;
	int status = pictor_open_canvas(&canvas, source, source->page + 1);

	while (!status && canvas.next <= source->page)
		status = pictor_next_frame(&canvas);
	if (!status) {
		pictor_append(chain, g_object_ref(canvas.image));
		chain->random_access = TRUE;
		chain->in_memory = canvas.image;
	}
	pictor_close_canvas(&canvas);
	return status;
}
