#include "pipeline.h"

// libvips before 8.15 takes no less.
#define LEAST_EFFORT 3

int
pictor_save_jxl(PictorChain *chain, int quality, PictorResult *result)
{
	const PictorJob *job = chain->job;

	return vips_jxlsave_buffer(chain->image, &result->body, &result->size, "strip", chain->strip, "Q", quality,
		"lossless", job->lossless, "effort", VIPS_MAX(job->effort, LEAST_EFFORT), NULL);
}
