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

// pictor_turn_and_flip turns, then mirrors. A turn reads the frame in another order
// than the decoder gives it, so the frame is laid in memory first; it is
// already scaled and cropped here, which is why a phone's turned photograph
// costs what an upright one does.
int
pictor_turn_and_flip(PictorChain *chain)
{
	const PictorJob *job = chain->job;

	if (!job->angle && !job->flip)
		return PICTOR_OK;
	if (pictor_materialize(chain))
		return PICTOR_BROKEN;
	if (job->angle)
		PICTOR_APPLY(chain, vips_rot(chain->image, &out, angle_of(job->angle), NULL));
	if (job->flip)
		PICTOR_APPLY(chain, vips_flip(chain->image, &out, VIPS_DIRECTION_HORIZONTAL, NULL));
	return PICTOR_OK;
}
