#include <string.h>

#include "pipeline.h"

static VipsForeignSubsample
subsample_mode(const PictorJob *job)
{
	if (job->full_chroma)
		return VIPS_FOREIGN_SUBSAMPLE_OFF;
	if (job->half_chroma)
		return VIPS_FOREIGN_SUBSAMPLE_ON;
	return VIPS_FOREIGN_SUBSAMPLE_AUTO;
}

static int
save_png(PictorChain *chain, PictorResult *result)
{
	const PictorJob *job = chain->job;

	if (job->palette_bits > 0)
		return vips_pngsave_buffer(chain->image, &result->body, &result->size, "strip", chain->strip,
			"interlace", job->interlaced, "compression", job->effort,
			"palette", TRUE, "bitdepth", job->palette_bits, NULL);
	return vips_pngsave_buffer(chain->image, &result->body, &result->size, "strip", chain->strip,
		"interlace", job->interlaced, "compression", job->effort,
		"filter", job->filtered ? VIPS_FOREIGN_PNG_FILTER_ALL : VIPS_FOREIGN_PNG_FILTER_NONE, NULL);
}

static int
save_webp(PictorChain *chain, int q, PictorResult *result)
{
	const PictorJob *job = chain->job;
	// libvips would give an animation's frames in YUV to libwebp, which wants RGB and makes YUV of it again: colour
	// is blurred twice. With this it gives RGB.
	gboolean sharp = job->smart_subsample || (job->frames > 1 && job->compression == PICTOR_LOSSY);

	return vips_webpsave_buffer(chain->image, &result->body, &result->size, "strip", chain->strip, "Q", q,
		"lossless", job->compression == PICTOR_LOSSLESS,
		"near_lossless", job->compression == PICTOR_NEAR_LOSSLESS,
		"smart_subsample", sharp,
		"preset", (VipsForeignWebpPreset) job->preset,
		"effort", job->effort, NULL);
}

// How hard palettes are looked for. For each frame of an animation libvips' own 7 takes four times as long as 3,
// for 3 % of the bytes.
#define STILL_EFFORT 7
#define FRAME_EFFORT 3

// Frames of a GIF have palettes of their own where the colours have changed, but for those
// that are all of the source's palette.
static int
save_gif(PictorChain *chain, PictorResult *result)
{
	const PictorJob *job = chain->job;

	return vips_gifsave_buffer(chain->image, &result->body, &result->size, "strip", chain->strip,
		"effort", job->frames > 1 ? FRAME_EFFORT : STILL_EFFORT, "reuse", job->same_palette, NULL);
}

int
pictor_save(PictorChain *chain, int q, PictorResult *result)
{
	const PictorJob *job = chain->job;
	VipsImage *in = chain->image;
	int failed;

	result->body = NULL;
	result->quality = q;
#define TO &result->body, &result->size, "strip", chain->strip
	switch (job->format) {
	case PICTOR_JPEG:
		failed = vips_jpegsave_buffer(in, TO, "Q", q, "optimize_coding", TRUE,
			"interlace", job->interlaced, "subsample_mode", subsample_mode(job), NULL);
		break;
	case PICTOR_PNG:
		failed = save_png(chain, result);
		break;
	case PICTOR_WEBP:
		failed = save_webp(chain, q, result);
		break;
	case PICTOR_GIF:
		failed = save_gif(chain, result);
		break;
	case PICTOR_AVIF:
		failed = vips_heifsave_buffer(in, TO, "Q", q, "lossless", job->lossless,
			"compression", VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "bitdepth", job->deep ? 12 : 8,
			"subsample_mode", subsample_mode(job), "effort", job->effort, NULL);
		break;
	case PICTOR_JXL:
		failed = pictor_save_jxl(chain, q, result);
		break;
	default:
		return PICTOR_INTERNAL;
	}
#undef TO
	return failed ? PICTOR_BROKEN : PICTOR_OK;
}

// squeeze looks for the highest quality whose result is small enough, by halving what lies
// between. Of the results one is kept besides the newest.
static int
squeeze(PictorChain *chain, int high, PictorResult *result)
{
	const PictorJob *job = chain->job;
	int low = VIPS_MIN(job->least_quality, high);
	int q = high; // first as asked
	PictorResult best = { 0 };

	if (job->frames <= 1 && pictor_copy_to_memory(chain))
		return PICTOR_BROKEN;
	while (low <= high) {
		PictorResult now = { 0 };
		gboolean smaller;
		int status = pictor_save(chain, q, &now);

		if (status) {
			g_free(best.body);
			return status;
		}
		smaller = now.size <= job->max_bytes;
		if (smaller)
			low = q + 1;
		else
			high = q - 1;
		// The best is the largest that fits, or the smallest so far.
		if (!best.body || (smaller ? best.size > job->max_bytes || now.size >= best.size : now.size < best.size)) {
			g_free(best.body);
			best = now;
		}
		else
			g_free(now.body);
		q = low + (high - low) / 2;
		// An animation is made anew: all of its frames would be too much to keep.
		if (job->frames > 1 && low <= high) {
			pictor_release_images(chain);
			status = pictor_animate(chain);
			if (status) {
				g_free(best.body);
				return status;
			}
		}
		// What the encoder has let go of is scattered: without this the next try
		// takes its memory anew, half as much again in the end.
		pictor_release_free_heap();
	}
	result->body = best.body;
	result->size = best.size;
	result->quality = best.quality;
	return PICTOR_OK;
}

int
pictor_encode(PictorChain *chain, PictorResult *result)
{
	const PictorJob *job = chain->job;

	result->width = chain->image->Xsize;
	result->height = chain->image->Ysize / VIPS_MAX(job->frames, 1);
	result->stripped = chain->strip;
	if (job->search.method) {
		int status = pictor_search_quality(chain, result);

		if (status || job->max_bytes == 0 || result->size <= job->max_bytes)
			return status;
		g_free(result->body);
		return squeeze(chain, result->quality, result);
	}
	return job->max_bytes > 0 ? squeeze(chain, job->quality, result) : pictor_save(chain, job->quality, result);
}

void
pictor_insert_bytes(PictorResult *result, size_t at, const void *bytes, size_t size)
{
	char *body = g_realloc(result->body, result->size + size);

	memmove(body + at + size, body + at, result->size - at);
	memcpy(body + at, bytes, size);
	result->body = body;
	result->size += size;
}
