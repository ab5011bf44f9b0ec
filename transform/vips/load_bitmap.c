#include "pipeline.h"

// pictor_load_bitmap makes an image of the pixels that package bitmap has decoded. They stay where they are.
int
pictor_load_bitmap(const PictorSource *source, VipsImage **image)
{
	size_t pixels = (size_t) source->width * source->height * source->bands;
	const char *bytes = source->bytes;
	VipsImage *memory;

	if (source->size < pixels)
		return PICTOR_MISMATCH;
	memory = vips_image_new_from_memory(bytes, pixels, source->width, source->height, source->bands,
		VIPS_FORMAT_UCHAR);
	if (!memory)
		return PICTOR_BROKEN;
	if (vips_copy(memory, image, "interpretation", VIPS_INTERPRETATION_sRGB, NULL)) {
		g_object_unref(memory);
		return PICTOR_BROKEN;
	}
	g_object_unref(memory);
	if (source->size > pixels)
		vips_image_set_blob_copy(*image, VIPS_META_ICC_NAME, bytes + pixels, source->size - pixels);
	return PICTOR_OK;
}
