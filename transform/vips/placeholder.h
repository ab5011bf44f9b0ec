// The small image of a result, which placeholders are made of.

#ifndef PICTOR_PLACEHOLDER_H
#define PICTOR_PLACEHOLDER_H

#include "pipeline.h"

// What a small image is made of.
typedef struct _PictorSums PictorSums;

// pictor_sum_up has the rows that go through the end of the chain summed up. pictor_free_sums is to be called in any
// case, when the images of the chain are gone.
int pictor_sum_up(PictorChain *chain, PictorSums **sums);
void pictor_free_sums(PictorSums *sums);
// pictor_make_small makes the small image of a result when that is encoded. finished has its colours.
int pictor_make_small(const PictorJob *job, const PictorSums *sums, VipsImage *finished, PictorResult *result);

#endif
