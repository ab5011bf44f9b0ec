#include <string.h>

#include "pipeline.h"

// An animated result is one high image, as libvips' encoders want it: its frames below each other. It
// makes a frame when its rows are asked for, by the steps of a still image, and forgets it with the next.

typedef struct {
	const PictorJob *job;
	PictorCanvas canvas;
	PictorKept kept;
	VipsImage *frame; // the result's frame that was made last, in memory
	int made;
	int strip; // as in PictorChain

	GThread *maker; // makes frames while the encoder waits for them
	GMutex lock;    // of what follows, and of made
	GCond changed;
	int wanted; // the number of the frame that is asked for
	int stop, failed;
} Animation;

static void
free_animation(VipsImage *image, Animation *a)
{
	if (a->maker) {
		g_mutex_lock(&a->lock);
		a->stop = TRUE;
		g_cond_broadcast(&a->changed);
		g_mutex_unlock(&a->lock);
		g_thread_join(a->maker);
	}
	g_mutex_clear(&a->lock);
	g_cond_clear(&a->changed);
	pictor_close_canvas(&a->canvas);
	VIPS_UNREF(a->kept.mark);
	VIPS_UNREF(a->frame);
	g_free(a);
}

// What a strip of rows takes in samples of four bytes stays below the blocks that are mapped.
#define STRIP_BYTES (256 << 10)

static int
copy_rows(VipsImage *from, VipsImage *to)
{
	VipsRegion *region = vips_region_new(from);
	int rows = VIPS_MAX(16, STRIP_BYTES / (16 * from->Xsize));
	int failed = 0;

	for (int y = 0; !failed && y < from->Ysize; y += rows) {
		VipsRect strip = { 0, y, from->Xsize, VIPS_MIN(rows, from->Ysize - y) };

		failed = vips_region_prepare(region, &strip);
		for (int i = 0; !failed && i < strip.height; i++)
			memcpy(VIPS_IMAGE_ADDR(to, 0, y + i), VIPS_REGION_ADDR(region, 0, y + i), VIPS_REGION_SIZEOF_LINE(region));
	}
	g_object_unref(region);
	return failed ? PICTOR_BROKEN : PICTOR_OK;
}

// keep_frame copies what the steps have made to the frame. The first one says how all of them are.
static int
keep_frame(Animation *a, PictorChain *chain)
{
	VipsImage *image = chain->image;

	if (!a->frame) {
		a->frame = vips_image_new_memory();
		if (vips_image_pipelinev(a->frame, VIPS_DEMAND_STYLE_ANY, image, NULL) || vips_image_write_prepare(a->frame))
			return PICTOR_BROKEN;
		a->strip = chain->strip;
	}
	if (image->Xsize != a->frame->Xsize || image->Ysize != a->frame->Ysize || image->Bands != a->frame->Bands ||
			image->BandFmt != a->frame->BandFmt)
		return PICTOR_INTERNAL;
	return copy_rows(image, a->frame);
}

static int
make_frame(Animation *a)
{
	PictorChain chain = { .job = a->job, .kept = &a->kept };
	int status = pictor_next_frame(&a->canvas);

	if (!status) {
		pictor_append(&chain, g_object_ref(a->canvas.image));
		chain.random_access = TRUE;
		chain.in_memory = a->canvas.image;
		chain.source_bits = a->job->source.bits;
		status = pictor_run_steps(&chain);
	}
	if (!status)
		status = keep_frame(a, &chain);
	pictor_release_images(&chain);
	return status;
}

// make_frames makes those that are asked for. In a thread of libvips' own, buffers of images that are long
// gone would stay until the thread ends: all frames would be in memory.
static void *
make_frames(void *data)
{
	Animation *a = data;

	g_mutex_lock(&a->lock);
	while (!a->stop) {
		int status;

		if (a->failed || a->made > a->wanted) {
			g_cond_wait(&a->changed, &a->lock);
			continue;
		}
		g_mutex_unlock(&a->lock);
		status = make_frame(a);
		g_mutex_lock(&a->lock);
		a->made++;
		a->failed = status != PICTOR_OK;
		g_cond_broadcast(&a->changed);
	}
	g_mutex_unlock(&a->lock);
	vips_thread_shutdown();
	return NULL;
}

// wait_for_frame waits until a frame is the one that was made last.
static int
wait_for_frame(Animation *a, int wanted)
{
	int made;

	g_mutex_lock(&a->lock);
	a->wanted = wanted;
	g_cond_broadcast(&a->changed);
	while (!a->failed && a->made <= wanted)
		g_cond_wait(&a->changed, &a->lock);
	made = a->failed ? 0 : a->made;
	g_mutex_unlock(&a->lock);
	return made == wanted + 1 ? PICTOR_OK : PICTOR_BROKEN;
}

// generate_rows is asked for rows by one thread, in their order.
static int
generate_rows(VipsRegion *region, void *seq, void *data, void *b, gboolean *stop)
{
	Animation *a = data;
	const VipsRect *r = &region->valid;
	int height = a->frame->Ysize;
	size_t pixel = VIPS_IMAGE_SIZEOF_PEL(a->frame);

	for (int y = r->top; y < r->top + r->height; y++) {
		int wanted = y / height;

		if (wait_for_frame(a, wanted))
			return -1;
		memcpy(VIPS_REGION_ADDR(region, r->left, y), VIPS_IMAGE_ADDR(a->frame, r->left, y % height), r->width * pixel);
	}
	return 0;
}

// SHORTEST is the longest delay, in milliseconds, that browsers take for no delay at all and show
// for a tenth of a second.
#define SHORTEST 10

// round_delays makes milliseconds into the hundredths of a second that a GIF has, without changing what
// they add up to. None becomes so short that browsers show it longer.
static void
round_delays(int *delays, int count)
{
	int over = 0;

	for (int i = 0; i < count; i++) {
		int exact = delays[i] + over;
		int rounded = VIPS_MAX(exact + 5, 0) / 10 * 10;

		if (delays[i] > SHORTEST && rounded <= SHORTEST)
			rounded = SHORTEST + 10;
		over = delays[i] > SHORTEST ? exact - rounded : over;
		delays[i] = delays[i] > SHORTEST ? rounded : delays[i];
	}
}

// MOST_PLAYS is the largest number of 16 bits, which WebP has for that.
#define MOST_PLAYS 65535

// copy_timing says how long frames are shown, and how often all of them.
static void
copy_timing(const PictorJob *job, VipsImage *to)
{
	const PictorSource *source = &job->source;
	int *delays = g_new0(int, job->frames);

	for (int i = 0; i < job->frames; i++)
		delays[i] = source->frames[i].delay;
	if (source->format != PICTOR_GIF && job->format == PICTOR_GIF)
		round_delays(delays, job->frames);
	vips_image_set_array_int(to, "delay", delays, job->frames);
	vips_image_set_int(to, "loop", VIPS_MIN(source->plays, MOST_PLAYS));
	g_free(delays);
}

// copy_palette keeps the source's colours for an encoder that is told to use them.
static void
copy_palette(const PictorSource *source, VipsImage *to)
{
	const guint8 *colours = (const guint8 *) source->bytes + source->frames[0].colours.from;
	int count = source->frames[0].colours.size / 3;
	guint8 palette[256][4];

	for (int i = 0; i < count; i++) {
		memcpy(palette[i], colours + 3 * i, 3);
		palette[i][3] = 255;
	}
	vips_image_set_array_int(to, "gif-palette", (const int *) palette, count);
}

// describe_frames says of a high image what encoders have to know of it.
static int
describe_frames(const Animation *a, VipsImage *image)
{
	const PictorJob *job = a->job;

	if (vips_image_pipelinev(image, VIPS_DEMAND_STYLE_THINSTRIP, a->frame, NULL))
		return PICTOR_BROKEN;
	image->Ysize = a->frame->Ysize * job->frames;
	image->dhint = VIPS_DEMAND_STYLE_THINSTRIP; // and not that of the steps: rows are read once
	vips_image_set_int(image, VIPS_META_PAGE_HEIGHT, a->frame->Ysize);
	vips_image_set_int(image, VIPS_META_N_PAGES, job->frames);
	vips_image_set_int(image, VIPS_META_CONCURRENCY, 1); // frames are made in their order
	if (job->same_palette)
		copy_palette(&job->source, image);
	copy_timing(job, image);
	return PICTOR_OK;
}

int
pictor_animate(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	Animation *a = g_new0(Animation, 1);
	VipsImage *image = vips_image_new();
	int status;

	a->job = job;
	g_mutex_init(&a->lock);
	g_cond_init(&a->changed);
	pictor_append(chain, image);
	g_signal_connect(image, "close", G_CALLBACK(free_animation), a);
	status = pictor_open_canvas(&a->canvas, &job->source, job->frames);
	if (!status)
		status = make_frame(a);
	if (status)
		return status;
	a->made = 1;
	chain->strip = a->strip;
	status = describe_frames(a, image);
	a->maker = g_thread_try_new("frames", make_frames, a, NULL);
	if (!a->maker) {
		vips_error("pictor", "out of memory for a thread");
		return PICTOR_BROKEN;
	}
	if (!status && vips_image_generate(image, NULL, generate_rows, NULL, a, NULL))
		status = PICTOR_BROKEN;
	return status;
}
