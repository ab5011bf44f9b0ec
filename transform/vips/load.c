#include "pipeline.h"

// fits says whether the decoder's size is the sniffed one after a reduction:
// decoders round either way.
static int
fits(int got, double want)
{
	return got >= (int) want - 1 && got <= (int) want + 2;
}

static int
check_size(const PictorJob *job, VipsImage *image)
{
	double by = job->shrink > 1 ? 1.0 / job->shrink : job->scale;
	int w = vips_image_get_width(image);
	int h = vips_image_get_height(image);

	if (by == 1 ? w == job->width && h == job->height
				: fits(w, job->width * by) && fits(h, job->height * by))
		return PICTOR_OK;
	vips_error("pictor", "decoder says %d x %d, header said %d x %d", w, h, job->width, job->height);
	return PICTOR_MISMATCH;
}

// Every loader reads in sequence, from the top: no frame is held that the
// format does not force on its decoder.
int
pictor_load(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	void *source = (void *) job->source;
	size_t size = job->source_size;
	VipsImage *image = NULL;
	int failed;

#define READ "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR
	switch (job->source_format) {
	case PICTOR_JPEG:
		failed = vips_jpegload_buffer(source, size, &image, READ, "shrink", job->shrink, NULL);
		break;
	case PICTOR_PNG:
		failed = vips_pngload_buffer(source, size, &image, READ, NULL);
		break;
	case PICTOR_WEBP:
		failed = vips_webpload_buffer(source, size, &image, READ, "scale", job->scale, NULL);
		break;
	case PICTOR_GIF:
		failed = vips_gifload_buffer(source, size, &image, READ, NULL);
		break;
	case PICTOR_AVIF:
		failed = vips_heifload_buffer(source, size, &image, READ, NULL);
		break;
	default:
		return PICTOR_INTERNAL;
	}
#undef READ
	if (failed)
		return PICTOR_BROKEN;
	pictor_push(chain, image);
	return check_size(job, image);
}
