#define _GNU_SOURCE // pthread_setattr_default_np

#include <pthread.h>
#include "pipeline.h"
#include "placeholder.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

// The least and the largest block that is not taken from the heap but mapped for itself, in
// bytes. The first is what workers start with (MALLOC_MMAP_THRESHOLD_). Larger ones than
// the second, such as whole images of six megapixels, fit badly into the gaps of a heap: jobs
// with some of them took more than their estimate.
#define MAPPED_BLOCK (256 << 10)
#define LARGEST_HEAP_BLOCK (16 << 20)
// With so much spare memory all blocks up to the largest come from the heap.
#define AMPLE_SPARE (32 << 20)

// The steps between decoder and encoder, in their order. The order is imgproxy's,
// with tone and colour before the effects that read neighbours, and the mask last.
static int (*const steps[])(PictorChain *) = {
	pictor_convert_colour,
	pictor_cut_source,
	pictor_resize_to_plan,
	pictor_crop_result,
	pictor_turn_and_flip,
	pictor_adjust_tone,
	pictor_mix_channels,
	pictor_blur,
	pictor_sharpen,
	pictor_pixelate,
	pictor_extend_canvas,
	pictor_fill_background,
	pictor_overlay_watermark,
	pictor_apply_mask,
	pictor_filter_metadata,
};

int
pictor_run_steps(PictorChain *chain)
{
	int status = PICTOR_OK;

	for (size_t i = 0; !status && i < G_N_ELEMENTS(steps); i++)
		status = steps[i](chain);
	return status;
}

int
pictor_run(const PictorJob *job, PictorResult *result)
{
	PictorChain chain = { .job = job };
	PictorSums *sums = NULL;
	int status;

	// A job without an error may have left texts, too: libheif's loader does.
	vips_error_clear();
	if (job->frames > 1)
		status = pictor_animate(&chain);
	else {
		status = job->shared ? pictor_take_shared(&chain) : pictor_load(&chain, &job->source);
		if (!status)
			status = pictor_run_steps(&chain);
	}
	if (!status && job->small)
		status = pictor_sum_up(&chain, &sums);
	if (!status)
		status = pictor_encode(&chain, result);
	if (!status && job->small) {
		status = pictor_make_small(job, sums, chain.image, result);
		if (status)
			g_free(result->body);
	}
	pictor_release_images(&chain);
	pictor_free_sums(sums);
	return status;
}

// Stacks of libvips' threads are mapped whole and hardly touched, but count for
// the limit that the server sets on a worker's mappings. 2 MiB is what libvips
// itself asks for where a system gives less.
static void
limit_thread_stacks(void)
{
#ifdef __GLIBC__
	pthread_attr_t attr;
	if (pthread_attr_init(&attr) == 0) {
		if (pthread_attr_setstacksize(&attr, 2 << 20) == 0)
			pthread_setattr_default_np(&attr);
		pthread_attr_destroy(&attr);
	}
#endif
}

// Errors tell of broken images. The warnings of libvips besides would fill the log
// with what strangers send.
static void
ignore_warning(const char *domain, GLogLevelFlags level, const char *message, void *data)
{
}

void
pictor_init(void)
{
	g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING, ignore_warning, NULL);
	limit_thread_stacks();
	// A loader that cannot give an image line by line would put one of more
	// than 100 MB into a file on disk, which the sandbox refuses. The working
	// set of a job has room for it in memory. The variable is read when the
	// first image is loaded, and takes numbers of 31 bits: a PiB.
	g_setenv("VIPS_DISC_THRESHOLD", "1048576g", TRUE);
	// Unknown bytes would fall through to ImageMagick, matio and other
	// loaders that were never made for strangers' files.
	vips_operation_block_set("VipsForeignLoad", TRUE);
	vips_operation_block_set("VipsForeignLoadJpeg", FALSE);
	vips_operation_block_set("VipsForeignLoadPng", FALSE);
	vips_operation_block_set("VipsForeignLoadWebp", FALSE);
	vips_operation_block_set("VipsForeignLoadNsgif", FALSE);
	vips_operation_block_set("VipsForeignLoadHeif", FALSE);
	vips_operation_block_set("VipsForeignLoadSvg", FALSE);
	// librsvg has images inside of an SVG decoded by gdk-pixbuf: by what is built into it, PNG
	// and JPEG, and not by the modules of this list.
	g_setenv("GDK_PIXBUF_MODULE_FILE", "/dev/null", TRUE);
	vips_operation_block_set("VipsForeignLoadJxl", FALSE);
	vips_operation_block_set("VipsForeignLoadTiff", FALSE);
}

// Free bytes that the heap may keep.
static size_t spare;

static void
trim_heap(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

void
pictor_set_spare(size_t bytes)
{
	size_t before = spare;

	if (bytes == before)
		return;
	spare = bytes;
#ifdef __GLIBC__
	// Without spare memory a large block is mapped for itself, and is the system's
	// again when it is freed. Else free memory stays until trim_heap is called.
	mallopt(M_MMAP_THRESHOLD, spare < AMPLE_SPARE ? MAX(spare / 8, MAPPED_BLOCK) : LARGEST_HEAP_BLOCK);
	mallopt(M_TRIM_THRESHOLD, spare ? G_MAXINT : MAPPED_BLOCK);
#endif
	if (bytes < before)
		trim_heap();
}

void
pictor_release_free_heap(void)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
	// It counts also what was given back and lies between blocks in use.
	if (mallinfo2().fordblks <= spare)
		return;
#endif
	trim_heap();
}

void
pictor_release_heap_between_frames(void)
{
	if (spare > 0)
		pictor_release_free_heap();
}

void
pictor_release_memory_after_job(void)
{
	// libvips' threads let go of their buffers a moment after the job that
	// they worked for. Before that there is little to give back, and the
	// server would take the worker for one that keeps memory.
	for (int i = 0; i < 100 && vips_tracked_get_allocs() > 0; i++)
		g_usleep(1000);
	trim_heap();
}
