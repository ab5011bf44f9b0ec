#include "pipeline.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

void
pictor_push(PictorChain *chain, VipsImage *image)
{
	g_assert(chain->count < PICTOR_STEPS);
	chain->made[chain->count++] = image;
	chain->image = image;
}

int
pictor_run(const PictorJob *job, PictorResult *result)
{
	PictorChain chain = { .job = job };
	int status = pictor_load(&chain);

	if (!status)
		status = pictor_colour(&chain);
	if (!status)
		status = pictor_resize(&chain);
	if (!status)
		status = pictor_crop(&chain);
	if (!status)
		status = pictor_orient(&chain);
	if (!status)
		status = pictor_encode(&chain, result);
	while (chain.count > 0)
		g_object_unref(chain.made[--chain.count]);
	return status;
}

void
pictor_start(void)
{
	// Unknown bytes would fall through to ImageMagick, matio and other
	// loaders that were never made for strangers' files.
	vips_operation_block_set("VipsForeignLoad", TRUE);
	vips_operation_block_set("VipsForeignLoadJpeg", FALSE);
	vips_operation_block_set("VipsForeignLoadPng", FALSE);
	vips_operation_block_set("VipsForeignLoadWebp", FALSE);
	vips_operation_block_set("VipsForeignLoadNsgif", FALSE);
	vips_operation_block_set("VipsForeignLoadHeif", FALSE);
}

void
pictor_trim(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
