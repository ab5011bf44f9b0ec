#include "pipeline.h"

static VipsAngle
angle_of(int degrees)
{
	switch (degrees) {
	case 90:
		return VIPS_ANGLE_D90;
	case 180:
		return VIPS_ANGLE_D180;
	case 270:
		return VIPS_ANGLE_D270;
	}
	return VIPS_ANGLE_D0;
}

// pictor_orient turns, then mirrors. A turn reads the frame in another order
// than the decoder gives it, so the frame is laid in memory first; it is
// already scaled and cropped here, which is why a phone's turned photograph
// costs what an upright one does.
int
pictor_orient(PictorChain *chain)
{
	const PictorJob *job = chain->job;
	VipsImage *out;

	if (!job->angle && !job->flip)
		return PICTOR_OK;
	if (!(out = vips_image_copy_memory(chain->image)))
		return PICTOR_BROKEN;
	pictor_push(chain, out);
	if (job->angle) {
		if (vips_rot(chain->image, &out, angle_of(job->angle), NULL))
			return PICTOR_BROKEN;
		pictor_push(chain, out);
	}
	if (job->flip) {
		if (vips_flip(chain->image, &out, VIPS_DIRECTION_HORIZONTAL, NULL))
			return PICTOR_BROKEN;
		pictor_push(chain, out);
	}
	return PICTOR_OK;
}
