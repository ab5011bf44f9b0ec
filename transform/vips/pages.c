#include <string.h>

#include "pipeline.h"

// new_stack makes room for all pages, in memory, with the metadata of the first one.
static VipsImage *
new_stack(VipsImage *page, int height)
{
	VipsImage *stack = vips_image_new_memory();

	if (vips_image_pipelinev(stack, VIPS_DEMAND_STYLE_ANY, page, NULL)) {
		g_object_unref(stack);
		return NULL;
	}
	stack->Ysize = height;
	if (vips_image_write_prepare(stack))
		VIPS_UNREF(stack);
	return stack;
}

// put_page copies a page to its place, which is the i-th from the top.
static void
put_page(VipsImage *page, VipsImage *stack, int i)
{
	size_t size = VIPS_IMAGE_SIZEOF_IMAGE(page);

	memcpy(VIPS_IMAGE_ADDR(stack, 0, i * page->Ysize), VIPS_IMAGE_ADDR(page, 0, 0), size);
}

int
pictor_load_stack(PictorChain *chain, const PictorSource *source)
{
	PictorSource one = *source;
	PictorCanvas canvas;
	int end = source->page + source->stacked;
	int status;

	one.height = source->height / source->stacked;
	status = pictor_open_canvas(&canvas, &one, end);
	if (!status) {
		VipsImage *stack = new_stack(canvas.image, source->height);

		if (stack)
			pictor_append(chain, stack);
		else
			status = PICTOR_BROKEN;
	}
	while (!status && canvas.next < end) {
		status = pictor_next_frame(&canvas);
		if (!status && canvas.next > source->page)
			put_page(canvas.image, chain->image, canvas.next - 1 - source->page);
	}
	pictor_close_canvas(&canvas);
	if (!status) {
		chain->random_access = TRUE;
		chain->in_memory = chain->image;
	}
	return status;
}
